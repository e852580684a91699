package node

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/record"
	"cairn/node/api"
	"cairn/node/home"
)

// begun is a node that serves until end is called, at the latest with the test.
func begun(t *testing.T, dir string) (n *Node, end func()) {
	t.Helper()
	return begunWith(t, dir, nil)
}

// begunWith is begun with a log.
func begunWith(t *testing.T, dir string, log *slog.Logger) (n *Node, end func()) {
	t.Helper()
	n, err := Open(t.Context(), dir, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served, ready := make(chan error, 1), make(chan struct{})
	go func() { served <- n.Serve(ctx, func() { close(ready) }) }()
	<-ready
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(end)
	return n, end
}

// await looks at what stands whenever there is a block, until it is as it should be.
func await(t *testing.T, n *Node, what string, is func() bool) {
	t.Helper()
	wake, cancel := n.chain.Subscribe()
	defer cancel()
	late := time.After(time.Minute)
	for !is() {
		select {
		case <-wake:
		case <-late:
			s, err := n.Status(t.Context())
			t.Fatalf("waited in vain for %s: %+v %v", what, s, err)
		}
	}
}

func count(t *testing.T, n *Node, query string) int {
	t.Helper()
	r, err := n.Search(t.Context(), api.SearchRequest{Query: query, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	return r.Total
}

// A node in a network where recorder keys have epochs is backed up, sends ten mails and more, is
// lost and restored, and sends: mail inside the organisation arrives verified at once, all that is
// queued ends in a block, nothing is signed twice and the key counts still.
func TestRestoredNodeRecordsAnew(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shortDir(t), "n")
	o := InitOptions{Dir: dir, Config: DefaultConfig("Alpha", []string{"alpha.test"}), Network: LocalNetwork("test"), Now: time.Now()}
	o.Network.Version, o.Network.IdentityStamp, o.Network.BlockInterval = consensus.ParamsV2, 4, 200*time.Millisecond
	if _, err := Init(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	quiet(t, dir, func(c *Config) { c.Mine = "20%" })
	n, end := begun(t, dir)
	for _, name := range []string{"alice", "ben"} {
		if _, err := n.AddAccount(t.Context(), api.AccountRequest{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	// Mail to a domain of a key that nobody has yet stays in the queue.
	if _, err := n.Trust(t.Context(), api.TrustRequest{Domain: "later.test", Key: consensus.Key{1}.String(), EvenSo: true}); err != nil {
		t.Fatal(err)
	}
	send := func(n *Node, subject string, mails int) {
		t.Helper()
		for i := range mails {
			to := "ben@alpha.test"
			if i%2 == 0 {
				to = "bob@later.test"
			}
			raw := fmt.Appendf(nil, "From: alice@alpha.test\r\nTo: %s\r\nSubject: %s %d\r\n\r\nHi\r\n", to, subject, i)
			sent, err := n.Send(t.Context(), api.SendRequest{From: "alice@alpha.test", To: []string{to}, Raw: raw})
			if err != nil || sent.Waiting != "" {
				t.Fatalf("%+v, %v", sent, err)
			}
		}
	}
	send(n, "before", 10)
	await(t, n, "all to be sealed", func() bool { return must(n.queue.LenUnsealed()) == 0 })
	send(n, "last", 4)
	await(t, n, "the last to be sealed", func() bool { return must(n.queue.LenUnsealed()) == 0 })
	var backup bytes.Buffer
	if err := n.Backup(t.Context(), api.BackupRequest{}, &backup); err != nil {
		t.Fatal(err)
	}
	send(n, "meanwhile", 10)
	await(t, n, "all to be recorded", func() bool { return count(t, n, "label:sent label:recorded") == 24 })
	end()

	old := filepath.Join(shortDir(t), "old")
	w, err := home.Begin(old)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abandon()
	if _, _, err := w.Restore(&backup, BackupFacts, time.Now(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	// Nobody else has the chain.
	if err := os.CopyFS(filepath.Join(old, "chain"), os.DirFS(filepath.Join(dir, "chain"))); err != nil {
		t.Fatal(err)
	}
	n, _ = begun(t, old)
	send(n, "after", 10)
	await(t, n, "mail inside the organisation", func() bool { return count(t, n, "subject:after verdict:verified label:inbox") == 5 })
	await(t, n, "all to be recorded", func() bool { return count(t, n, "label:sent label:recorded") == 24 })
	if got := count(t, n, "verdict:invalid or verdict:replayed or verdict:unrecorded"); got != 0 {
		t.Errorf("%d mails are spoilt", got)
	}
	if s := n.chain.State(); !s.Seals(n.id.RecorderKey()) {
		t.Error("the recorder key counts no longer")
	}
	inBlocks := make(map[consensus.MicroRoot]bool)
	_, applied, err := n.chain.UpdatesSince(chain.Index{}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range applied {
		for _, b := range u.Block.Batches {
			for _, m := range b.Micros {
				inBlocks[m] = true
			}
		}
	}
	queued := must(n.queue.Sealed(0, 100))
	for _, e := range queued {
		token, _, err := record.FindToken(e.Token)
		if err != nil || !inBlocks[token.MicroRoot()] {
			t.Errorf("entry %d: its record is in no block, %v", e.ID, err)
		}
	}
	if len(queued) != 12 {
		t.Errorf("%d mails are queued", len(queued))
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
