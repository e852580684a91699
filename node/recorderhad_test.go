package node

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/recorder"
	"cairn/node/api"
	"cairn/node/home"
)

// A node that had other recorder keys starts without its chain, restored or not, when those keys
// and the events with them are long gone, and is what it was while the chain is fetched. A foreign
// key is found by the chain that is here.
func TestRecorderKeyThatTheChainLacks(t *testing.T) {
	w := newChanging(t)
	first, second, third := w.id.Recorder, ed25519.PrivateKey(nil), ed25519.PrivateKey(nil)
	for _, next := range []*ed25519.PrivateKey{&second, &third} {
		*next = w.keepNext()
		w.blocks(consensus.EpochGap - 1)
		e := w.rekeyed(*next)
		if err := propose(t, w.Node, &e); err != nil {
			t.Fatal(err)
		}
		w.block(e)
		w.blocks(recorder.EnrolDepth)
		w.again()
	}
	for _, former := range w.formers { // as dropFormers does in time
		if err := os.Remove(former.path); err != nil {
			t.Fatal(err)
		}
	}
	w.blocks(consensus.DropGrace)
	s := w.chain.State()
	w.looksAt(s, false)
	if err := errors.Join(w.noteOwn(t.Context(), s), w.bringProposed(t.Context(), s)); err != nil {
		t.Fatal(err)
	}
	if left, err := w.proposed(); err != nil || len(left) > 0 || !w.id.Recorder.Equal(third) {
		t.Fatalf("%d events are kept, %v", len(left), err)
	}
	var blocks []*consensus.Block
	for height := uint64(1); height <= s.Height(); height++ {
		at, _ := w.chain.IndexAt(height)
		blocks = append(blocks, must(w.chain.Block(at.ID)))
	}
	if err := w.Node.Close(); err != nil {
		t.Fatal(err)
	}
	whole, quietly := w.dir, slog.New(slog.DiscardHandler)
	var backup bytes.Buffer
	if err := Backup(whole, api.BackupRequest{}, &backup); err != nil {
		t.Fatal(err)
	}
	restored := filepath.Join(shortDir(t), "restored")
	work := must(home.Begin(restored))
	defer work.Abandon()
	if _, _, err := work.Restore(&backup, BackupFacts, time.Now(), quietly); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(whole, home.ChainDir)); err != nil {
		t.Fatal(err)
	}
	for _, w.dir = range []string{restored, whole} {
		var err error
		if w.Node, err = Open(t.Context(), w.dir, quietly); err != nil {
			t.Fatal(err)
		}
		for i, b := range blocks {
			if _, err := w.chain.AddBlock(b, time.Now()); err != nil {
				t.Fatal(err)
			}
			if got := w.ended(w.chain.State()); got != "" {
				t.Fatalf("at block %d of the chain that is fetched: %s", i+1, got)
			}
			if i == 2 { // with no more, told that no more comes
				if err := w.Node.Close(); err != nil {
					t.Fatal(err)
				}
				if w.Node, err = OpenWith(t.Context(), w.dir, RunOptions{Alone: w.dir == whole}); err != nil {
					t.Fatal(err)
				}
			}
		}
		w.again()
		w.signs("with the chain", third)
		if err := w.Node.Close(); err != nil {
			t.Fatal(err)
		}
	}

	other := must(encodeKey(must(NewKey())))
	file := filepath.Join(w.dir, keysDir, home.RecorderKeyFile)
	put := func(text []byte) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(other)
	if n, err := Open(t.Context(), w.dir, nil); err == nil || !strings.Contains(err.Error(), "recorder.pem does not belong") {
		n.Close()
		t.Errorf("a foreign key beside the whole chain: %v", err)
	}
	put(must(encodeKey(first)))
	var err error
	if w.Node, err = Open(t.Context(), w.dir, nil); err != nil {
		t.Fatal(err)
	}
	if got := w.ended(w.chain.State()); !strings.Contains(got, "by another one, which is not here") {
		t.Errorf("a key that was put back: %q", got)
	}
}
