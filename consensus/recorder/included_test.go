package recorder

import (
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
)

// sealable is a queue of the gateway as the recorder sees it.
type sealable struct{ *outbox.Queue }

func (q sealable) Unsealed(after uint64, most int) ([]Entry, error) {
	list, err := q.Queue.Unsealed(after, most)
	return asEntries(list), err
}

func (q sealable) Sealed(after uint64, most int) ([]Entry, error) {
	list, err := q.Queue.Sealed(after, most)
	return asEntries(list), err
}

func (q sealable) Raw(e Entry) ([]byte, error) {
	return q.Queue.Raw(outbox.Entry{ID: e.ID, Blob: e.Blob})
}

func asEntries(list []outbox.Entry) (entries []Entry) {
	for _, e := range list {
		entries = append(entries, Entry{ID: e.ID, Recipients: e.Recipients, Blob: e.Blob, Token: e.Token, Sent: mailstore.Ref{Account: e.Account, Message: e.Message}})
	}
	return entries
}

// Mail leaves when its record is in a block, waits again when a reorganisation takes the block
// away, and leaves with the next one; a restart forgets nothing of that.
func TestUntilIncluded(t *testing.T) {
	o := openOffice(t, t.TempDir(), 1)
	defer o.close()
	var q *outbox.Queue
	restart := func() {
		t.Helper()
		q = outbox.New(o.store)
		if _, err := q.Upgrade(t.Context()); err != nil {
			t.Fatal(err)
		}
		o.rec = New(o.store, sealable{q}, o.chain, o.net.Orgs[0].Recorder, nil, func(*consensus.State) bool { return true },
			func(b *consensus.Batch) { o.sent = append(o.sent, b) }, quiet)
		o.rec.SetNode(consensus.PublicKey(o.net.Orgs[0].Node), o.rec.ours)
		o.rec.SetHolder(q)
		o.must(o.rec.Begin())
	}
	restart()
	raw := []byte("From: jo@org1.example\r\nSubject: held\r\n\r\nHello.\r\n")
	for _, until := range []bool{true, false} {
		_, err := q.Submit(t.Context(), outbox.Envelope{From: "jo@org1.example", Account: 1, Recipients: []string{"ann@d0.example"}, UntilIncluded: until}, raw)
		o.must(err)
	}
	held := func(when string, want bool) {
		t.Helper()
		o.must(o.step())
		if q.AwaitsBlock(1) != want || q.AwaitsBlock(2) {
			t.Fatalf("%s: held %v, the other one %v", when, q.AwaitsBlock(1), q.AwaitsBlock(2))
		}
	}
	for range 4 {
		held("no block", true)
	}
	if e, err := q.Get(1); err != nil || e.Token == nil {
		t.Fatalf("it is not sealed: %v", err)
	}
	o.now = o.now.Add(chaintest.Interval)
	held("half an interval later", true)
	fork := o.chain.State()
	o.add(fork, chaintest.Body{})
	held("a block without it", true)
	restart()
	held("restarted before the block", true)
	for range 4 {
		o.mine(o.chain.State(), window)
		o.must(o.step())
	}
	held("its block", false)
	restart()
	if !q.AwaitsBlock(1) {
		t.Error("it leaves after a restart before the recorder has looked")
	}
	held("restarted after the block", false)
	longer := o.chain.State().Height() + 1
	for s := fork; s.Height() < longer; {
		s = o.add(s, chaintest.Body{})
	}
	held("a reorganisation", true)
	restart()
	held("restarted after the reorganisation", true)
	for range 4 {
		o.mine(o.chain.State(), window)
		o.must(o.step())
	}
	held("another block", false)
}
