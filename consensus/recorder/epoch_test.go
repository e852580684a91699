package recorder

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/chain/chaintest"
	"cairn/mailstore"
)

// epochOffice is an office in a network where recorder keys have epochs.
func epochOffice(t testing.TB) *office {
	o := openOfficeIn(t, t.TempDir(), chaintest.NewWith(chaintest.ParamsV2(), 1))
	t.Cleanup(o.close)
	return o
}

// officeWithOpenBatch is one that has closed a batch and begun another, of two micro-batches.
func officeWithOpenBatch(t testing.TB) *office {
	o := epochOffice(t)
	o.submit(1, 1, mail)
	o.must(o.step())
	o.leaveOpen(2)
	return o
}

// reopen opens the store again, with a new recorder over it.
func (o *office) reopen(dir string) {
	o.Helper()
	var err error
	o.store, err = mailstore.Open(filepath.Join(dir, "mail"), quiet)
	o.must(err)
	o.queue = newQueue(o.store)
	o.restart(0)
}

// copyStore copies the store as it is now to dir.
func (o *office) copyStore(dir string) {
	o.Helper()
	o.must(o.store.Close())
	o.must(os.CopyFS(filepath.Join(dir, "mail"), os.DirFS(filepath.Join(o.dir, "mail"))))
}

// twin is another office with a store of its own, on the same chain.
func (o *office) twin(dir string) *office {
	o.Helper()
	b := &office{fixture: o.fixture, dir: dir, net: o.net, chain: o.chain, nextID: o.nextID + 1000, now: o.now, blocks: o.blocks + 1000}
	b.reopen(dir)
	return b
}

// onChain are the micro-roots and IDs of our batches that stand in blocks.
func (o *office) onChain() (micros map[number][]consensus.MicroRoot) {
	o.Helper()
	micros = make(map[number][]consensus.MicroRoot)
	_, applied, err := o.chain.UpdatesSince(chain.Index{}, 1<<20)
	o.must(err)
	for _, u := range applied {
		for _, b := range u.Block.Batches {
			micros[number{b.Epoch, b.Seq}] = b.Micros
		}
	}
	return micros
}

// verified checks that every token of the office is at its place on the chain,
// and returns how many there are.
func (o *office) verified() int {
	o.Helper()
	tokens, err := o.queue.sealed()
	o.must(err)
	micros := o.onChain()
	for id, token := range tokens {
		n := number{token.Record.Epoch, token.Seq}
		if in := micros[n]; int(token.Micro) >= len(in) || in[token.Micro] != token.MicroRoot() || !token.VerifySignature() {
			o.Fatalf("entry %d: micro-batch %d of batch %+v is not on the chain, which has %d there", id, token.Micro, n, len(in))
		}
	}
	return len(tokens)
}

// noneTwice checks that no two things were signed for one place by the offices.
func noneTwice(t fixture, offices ...*office) {
	t.Helper()
	type place struct {
		number
		micro uint16
	}
	micros, batches := make(map[place]consensus.MicroRoot), make(map[number]consensus.Hash)
	for _, o := range offices {
		tokens, err := o.queue.sealed()
		o.must(err)
		for _, token := range tokens {
			p, m := place{number{token.Record.Epoch, token.Seq}, token.Micro}, token.MicroRoot()
			if other, taken := micros[p]; taken && other != m {
				t.Fatalf("two micro-batches are signed for %+v", p)
			}
			micros[p] = m
		}
		for _, b := range o.sent {
			n := number{b.Epoch, b.Seq}
			if id, taken := batches[n]; taken && id != b.ID() {
				t.Fatalf("two batches are signed for %+v: whoever has both can have the key suspended", n)
			}
			batches[n] = b.ID()
		}
	}
}

// pass lets n blocks be made, with what the offices have submitted.
func pass(n int, offices ...*office) {
	first := offices[0]
	for range n {
		for _, o := range offices {
			o.now = o.now.Add(chaintest.Interval)
			o.must(o.step())
		}
		var sent []*consensus.Batch
		for _, o := range offices {
			sent = append(sent, o.sent...)
		}
		own := first.sent
		slices.SortStableFunc(sent, func(a, b *consensus.Batch) int { return int(a.Seq) - int(b.Seq) })
		first.sent = sent
		first.mine(first.chain.State(), window)
		first.sent = own
	}
	for _, o := range offices {
		o.must(o.step())
	}
}

// leaveOpen seals n messages in a batch that stays open, behind one that waits for a block.
func (o *office) leaveOpen(n int) {
	o.Helper()
	o.submit(n, 1, mail)
	o.must(o.step())
	if len(o.rec.open.Micros) == 0 {
		o.Fatal("nothing is left open")
	}
}

// What is sealed bears the epoch everywhere, and is labelled when it is in a block.
func TestSealInAnEpoch(t *testing.T) {
	o := epochOffice(t)
	refs := o.submit(2, 1, mail)
	o.must(o.step())
	if n := o.check(); n != 2 || len(o.sent) != 1 {
		t.Fatalf("%d entries sealed, %d batches submitted", n, len(o.sent))
	}
	b := o.sent[0]
	if b.Epoch == 0 || b.Epoch != o.rec.open.Epoch || b.Tip != o.chain.State().Tip() || b.Time != uint64(o.now.UnixMilli()) {
		t.Errorf("batch %+v", b)
	}
	tokens, _ := o.queue.sealed()
	for _, token := range tokens {
		if token.Record.Epoch != b.Epoch {
			t.Errorf("a record of epoch %d", token.Record.Epoch)
		}
	}
	pass(1, o)
	if o.verified() != 2 || o.recorded(refs...) != 2 {
		t.Error("not recorded")
	}
}

// A process that has opened no epoch yet says so: that of the process before it is not its own.
func TestNoEpochAtTheStart(t *testing.T) {
	o := epochOffice(t)
	epoch := func() (epoch uint64) {
		o.must(o.store.View(func(rd *mailstore.Reader) error {
			w, err := o.rec.Status(rd)
			epoch = w.Epoch
			return err
		}))
		return epoch
	}
	o.submit(1, 1, mail)
	o.must(o.step())
	before := epoch()
	o.restart(0)
	if at := epoch(); before == 0 || at != 0 {
		t.Errorf("epoch %d, and %d when it is started again", before, at)
	}
	o.submit(1, 1, mail)
	o.must(o.step())
	if at := epoch(); at == 0 || at == before || at != o.rec.open.Epoch {
		t.Errorf("epoch %d behind %d", at, before)
	}
}

// An old copy of the store is restored: it signs at once in an epoch of its own, and all mail of
// before, meanwhile and after is verified.
func TestRestoredCopy(t *testing.T) {
	t.Parallel()
	o := epochOffice(t)
	old := t.TempDir()
	o.submit(3, 1, mail)
	o.must(o.step())
	o.leaveOpen(2)
	o.submit(1, 1, mail) // in the queue when the copy is made
	o.must(o.store.Close())
	o.must(os.CopyFS(filepath.Join(old, "mail"), os.DirFS(filepath.Join(o.dir, "mail"))))
	recorder := o.rec // goes on in its epoch
	o.reopen(o.dir)
	recorder.store, recorder.queue = o.store, o.queue
	o.rec = recorder
	o.submit(2, 1, mail)
	o.must(o.step())
	o.submit(3, 1, mail)
	pass(3, o)
	o.submit(3, 1, mail)
	pass(2, o)
	meanwhile := o.verified()
	if meanwhile != 14 {
		t.Fatalf("%d entries are sealed and verified before the loss", meanwhile)
	}

	b := o.twin(old)
	defer func() { b.must(b.store.Close()) }()
	b.behind = true // nobody else of the network is found
	b.submit(2, 1, mail)
	b.must(b.step())
	b.submit(1, 1, mail)
	b.must(b.step())
	if tokens, _ := b.queue.sealed(); len(tokens) != 5+1+3 {
		t.Fatalf("%d entries are sealed: mail waits", len(tokens))
	}
	pass(consensus.EpochGap, b)
	b.behind = false
	pass(2*consensus.EpochGap, b)
	if b.refused > 0 {
		t.Errorf("%d batches were submitted too early", b.refused)
	}
	b.verified()
	o.verified()
	noneTwice(t, o, b)
}

// Whoever made a backup has most likely closed what is open in it, with more in it: that is never
// closed from there, whether or not the chain holds it. What was sealed in it is sealed anew.
func TestRestoredBackup(t *testing.T) {
	t.Parallel()
	o := officeWithOpenBatch(t)
	epoch := o.rec.open.Epoch
	var dump bytes.Buffer
	o.must(o.store.View(func(rd *mailstore.Reader) error { return rd.Dump(&dump) }))
	dir := t.TempDir()
	_, err := mailstore.Restore(filepath.Join(dir, "mail"), &dump, mailstore.Restoration{Made: o.now.UTC(), At: o.now.UTC()}, quiet)
	o.must(err)
	o.submit(1, 1, mail)
	o.must(o.step()) // closes the batch; nobody else gets to see it
	if o.rec.open.Seq != 3 {
		t.Fatalf("batch %d is open", o.rec.open.Seq)
	}

	b := o.twin(dir)
	defer func() { b.must(b.store.Close()) }()
	sealed := b.check()
	b.submit(2, 1, mail)
	b.must(b.step())
	b.leaveOpen(1)
	b.restart(0)
	b.submit(2, 1, mail)
	pass(4*consensus.EpochGap, b)
	noneTwice(t, o, b)
	if n := b.verified(); n != sealed+5 {
		t.Errorf("%d are sealed", n)
	}
	for _, batch := range b.sent {
		if batch.Epoch == epoch && batch.Seq > 1 {
			t.Errorf("batch %d of the epoch before the backup is closed", batch.Seq)
		}
	}
}

// Two recorders on copies of one store never sign for one place twice, whatever they do when.
func TestTwoRecordersOnCopies(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		o := epochOffice(t)
		if rapid.Bool().Draw(r, "something is signed") {
			o.submit(1, 1, mail)
			o.must(o.step())
			o.leaveOpen(rapid.IntRange(1, 3).Draw(r, "left open"))
		}
		recorder := o.rec
		dir, err := os.MkdirTemp(t.TempDir(), "")
		o.must(err)
		o.copyStore(dir)
		o.reopen(o.dir)
		if rapid.Bool().Draw(r, "the first goes on") {
			recorder.store, recorder.queue = o.store, o.queue
			o.rec = recorder
		}
		b := o.twin(dir)
		defer func() { b.must(b.store.Close()) }()
		for range rapid.IntRange(1, 8).Draw(r, "rounds") {
			for _, x := range []*office{o, b} {
				x.submit(rapid.IntRange(0, 2).Draw(r, "messages"), 1, mail)
				x.must(x.step())
				if rapid.IntRange(0, 5).Draw(r, "restart") == 0 {
					x.restart(0)
				}
			}
			pass(rapid.IntRange(0, 2).Draw(r, "blocks"), o, b)
			noneTwice(r, o, b)
		}
		for blocks := 0; blocks < 40*consensus.EpochGap; blocks += consensus.EpochGap {
			pass(consensus.EpochGap, o, b)
			if o.waiting()+b.waiting() == 0 {
				break
			}
		}
		o.verified()
		b.verified()
		noneTwice(r, o, b)
	})
}

// Whoever has a copy of what was left open closes it alike, whenever and whatever the chain's tip.
func TestLeftOpenIsClosedAlike(t *testing.T) {
	t.Parallel()
	o := officeWithOpenBatch(t)
	left := o.rec.open.number()
	dir := t.TempDir()
	o.copyStore(dir)
	o.reopen(o.dir)
	b := o.twin(dir)
	defer func() { b.must(b.store.Close()) }()
	var closed []consensus.Hash
	for _, x := range []*office{o, b} {
		x.now = o.now.Add(time.Hour)
		x.must(x.step())
		for range consensus.EpochGap {
			o.add(o.chain.State(), chaintest.Body{})
		}
		x.must(x.step())
		x.must(x.store.View(func(rd *mailstore.Reader) error {
			batch, err := closedBatch(rd.Space(space), left)
			if err == nil {
				closed = append(closed, batch.ID())
			}
			return err
		}))
	}
	if closed[0] != closed[1] {
		t.Error("two batches are signed for one place")
	}
}

// waiting counts what is sealed and in no block.
func (o *office) waiting() (n int) {
	o.Helper()
	o.must(o.store.View(func(rd *mailstore.Reader) error {
		w, err := o.rec.Status(rd)
		n = w.Batches + w.Copies + w.Micros
		return err
	}))
	return n
}

// The clock may be years ahead, and be put right again.
func TestClockYearsAhead(t *testing.T) {
	o := epochOffice(t)
	sealed := 0
	for _, years := range []int{0, 10, 0, -10, 0} {
		o.skew = time.Duration(years) * 365 * 24 * time.Hour
		for range 3 {
			o.submit(2, 1, mail)
			o.must(o.step())
			if sealed += 2; o.check() != sealed {
				t.Fatalf("%d years ahead: %d of %d entries are sealed", years, o.check(), sealed)
			}
		}
		pass(1, o)
	}
	pass(2, o)
	if o.verified() != sealed || o.waiting() > 0 {
		t.Errorf("%d verified, %d wait", o.verified(), o.waiting())
	}
}

// A process that ends without notice leaves a batch open. The next one seals in another epoch at
// once, brings that to the chain when it takes it, and what was left once nobody else can have gone
// on. Epochs that are settled for good are forgotten.
func TestRestartsWithinAGap(t *testing.T) {
	t.Parallel()
	o := epochOffice(t)
	var refs []mailstore.Ref
	for range 4 {
		refs = append(refs, o.submit(1, 1, mail)...)
		o.must(o.step())
		o.leaveOpen(2)
		o.restart(0)
	}
	if n := o.check(); n != 12 {
		t.Fatalf("%d entries are sealed", n)
	}
	pass(3, o)
	if last := o.onChain(); len(last) == 0 || o.recorded(refs...) != 1 {
		t.Fatalf("%d batches are in blocks, %d messages recorded: the chain takes one epoch yet", len(last), o.recorded(refs...))
	}
	pass(10*consensus.EpochGap, o)
	if o.verified() != 12 || o.waiting() > 0 || o.recorded(refs...) != 4 || o.refused > 0 {
		t.Fatalf("%d wait, %d recorded, %d submitted too early", o.waiting(), o.recorded(refs...), o.refused)
	}
	pass(keepBlocks+1, o)
	o.must(o.store.View(func(rd *mailstore.Reader) error {
		for _, prefix := range []string{formerPrefix, batchPrefix, inPrefix, sentPrefix, "of/", duePrefix} {
			err := rd.Space(space).Scan([]byte(prefix), nil, func(key, _ []byte) bool {
				t.Errorf("%q is kept", key)
				return true
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// A process that ends in order closes its batch, so that the next one finds nothing left open.
func TestStop(t *testing.T) {
	o := officeWithOpenBatch(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o.must(o.rec.Run(ctx))
	o.restart(0)
	pass(2, o)
	if n := o.verified(); n != 3 {
		t.Errorf("%d are verified", n)
	}
}

// Somebody else has signed in the epoch that is open: what is sealed goes into another at once.
func TestConflictOpensAnEpoch(t *testing.T) {
	o := epochOffice(t)
	o.must(o.step())
	epoch := o.rec.open.Epoch
	refs := o.submit(1, 1, mail)
	o.must(o.step())
	other := consensus.Batch{ChainID: o.chain.State().ChainID(), Epoch: epoch, Seq: 1, Micros: []consensus.MicroRoot{{Root: consensus.Hash{1}, Count: 1}}}
	other.Seal(nil, o.chain.State().Params(), o.net.Orgs[0].Recorder)
	o.add(o.chain.State(), chaintest.Body{Batches: []consensus.Batch{other}})
	o.sent = nil
	refs = append(refs, o.submit(1, 1, mail)...)
	o.must(o.step())
	if o.rec.open.Epoch == epoch || o.check() != 1 || len(o.sent) > 0 {
		t.Fatalf("%d are sealed, %d batches submitted before the chain takes another epoch", o.check(), len(o.sent))
	}
	o.must(o.step()) // what was sealed in the contested place is sealed anew
	pass(consensus.EpochGap, o)
	if n := o.verified(); n != 2 || o.recorded(refs...) != 2 || len(o.queue.held) > 0 {
		t.Errorf("%d are in blocks, %d recorded, %d held", n, o.recorded(refs...), len(o.queue.held))
	}
	for _, b := range o.sent {
		if b.Epoch == epoch {
			t.Error("a batch of the contested epoch was submitted again")
		}
	}
}

// A key that counts no longer seals nothing.
func TestEndedKey(t *testing.T) {
	o := openOfficeIn(t, t.TempDir(), chaintest.NewWith(chaintest.ParamsV2(), 2))
	t.Cleanup(o.close)
	o.restart(1)
	o.add(o.chain.State(), chaintest.Body{Events: o.net.Enrolments()})
	o.add(o.add(o.chain.State(), chaintest.Body{}), chaintest.Body{})
	o.submit(1, 1, mail)
	o.must(o.step())
	if n := o.check(); n != 1 {
		t.Fatalf("%d sealed while the key counts", n)
	}
	org := &o.net.Orgs[1]
	batch := func(time uint64) *consensus.Batch {
		b := &consensus.Batch{ChainID: org.Event.ChainID, Epoch: 7, Seq: 1, Time: time, Micros: []consensus.MicroRoot{{Count: 1}}}
		b.Seal(nil, o.chain.State().Params(), org.Recorder)
		return b
	}
	o.add(o.chain.State(), chaintest.Body{Events: []consensus.OrgEvent{
		org.Change(o.chain.State(), nil, false, func(*consensus.OrgEvent) consensus.Content {
			return consensus.NewSuspend(batch(1), batch(2))
		}),
	}})
	o.sent = nil
	o.submit(1, 1, mail)
	pass(4, o)
	if n := o.check(); n != 1 || len(o.sent) > 0 {
		t.Errorf("%d sealed, %d batches submitted with a key that was suspended", n, len(o.sent))
	}
	o.must(o.store.View(func(rd *mailstore.Reader) error {
		w, err := o.rec.Status(rd)
		if !strings.Contains(w.Why, "suspended") || !w.Ends || w.Next == "" {
			t.Errorf("the status says %+v", w.Halted)
		}
		return err
	}))
}

// A dropped key seals what was accepted until then, which gets into a block while that is taken,
// and then nothing more.
func TestDroppedKey(t *testing.T) {
	o := openOfficeIn(t, t.TempDir(), chaintest.NewWith(chaintest.ParamsV2(), 2))
	t.Cleanup(o.close)
	o.restart(1)
	o.add(o.chain.State(), chaintest.Body{Events: o.net.Enrolments()})
	o.add(o.add(o.chain.State(), chaintest.Body{}), chaintest.Body{})
	org := &o.net.Orgs[1]
	change := func(content consensus.Content) {
		o.add(o.chain.State(), chaintest.Body{Events: []consensus.OrgEvent{
			org.Change(o.chain.State(), org.Key, true, func(*consensus.OrgEvent) consensus.Content { return content }),
		}})
	}
	other := consensus.NewNodeKeys(org.Event.ChainID, consensus.PublicKey(org.Key), chaintest.Key("node", 9), chaintest.Key("recorder", 9))
	change(&consensus.AddNode{NodeKeys: other})
	o.submit(1, 1, mail)
	o.must(o.step())
	o.leaveOpen(1)
	sealed := o.check()
	change(&consensus.DropNode{Node: consensus.PublicKey(org.Node)})
	o.sent = nil
	o.submit(1, 1, mail)
	pass(4, o)
	if n := o.check(); n != sealed+1 {
		t.Errorf("%d sealed just after the key was dropped, %d before", n, sealed)
	}
	onChain := len(o.onChain())
	for range consensus.DropGrace / 2 {
		o.add(o.chain.State(), chaintest.Body{})
	}
	o.submit(1, 1, mail)
	pass(4, o)
	if n := o.check(); n != sealed+1 {
		t.Errorf("%d sealed long after the key was dropped, %d before", n, sealed+1)
	}
	if onChain == 0 || len(o.onChain()) != onChain {
		t.Error("what was sealed is in no block")
	}
}

// What networks without epochs keep has the keys and values that it always had.
func TestStoredWithoutEpochs(t *testing.T) {
	n := number{0, 0x0102}
	for want, got := range map[string][]byte{
		"batch/\x00\x00\x00\x00\x00\x00\x01\x02":                                              batchKey(n),
		"sent/\x00\x00\x00\x00\x00\x00\x01\x02\x00\x03":                                       sentKey(n, 3),
		"of/\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x01\x02": ofKey(mailstore.Ref{Account: 1, Message: 2}, n),
		"in/\x00\x00\x00\x00\x00\x00\x01\x02":                                                 inKey(n),
		"due/\x00\x00\x00\x00\x00\x00\x01\x02":                                                dueKey(n),
	} {
		if string(got) != want {
			t.Errorf("key %q, want %q", got, want)
		}
	}
	o := newOffice(t, 1)
	o.submit(1, 1, mail)
	o.must(o.step())
	o.leaveOpen(1)
	o.must(o.store.View(func(rd *mailstore.Reader) error {
		raw, err := rd.Space(space).Get([]byte(keyOpen))
		var fields map[string]any
		o.must(json.Unmarshal(raw, &fields))
		if len(fields) != 5 || fields["Micros"] == nil {
			t.Errorf("signing state %s", raw)
		}
		return err
	}))
}
