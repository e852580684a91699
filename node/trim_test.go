package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/home"
)

// A node trims the journal as far as all have followed it, leaves the last changes, and is whole
// afterwards: while it runs, started again, checked, and with an index that is built anew.
func TestJournalIsTrimmed(t *testing.T) {
	t.Parallel()
	dir, _ := founder(t, "Alpha", "alpha.example")
	quiet(t, dir, nil)
	n, end := begun(t, dir)
	for _, name := range []string{"ann", "ben", "cyd"} {
		if _, err := n.AddAccount(t.Context(), api.AccountRequest{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 12 {
		raw := fmt.Appendf(nil, "From: ann@alpha.example\r\nTo: ben@alpha.example, cyd@alpha.example\r\nSubject: letter %d\r\n\r\nHi\r\n", i)
		if _, err := n.Send(t.Context(), api.SendRequest{From: "ann@alpha.example", To: []string{"ben@alpha.example", "cyd@alpha.example"}, Raw: raw}); err != nil {
			t.Fatal(err)
		}
	}
	const inbox = "subject:letter label:inbox"
	arrived := func() (last mailstore.ModSeq) {
		changed, cancel := n.store.Subscribe()
		defer cancel()
		for count(t, n, inbox) < 24 {
			<-changed
		}
		for _, label := range []string{"read", "done"} {
			if _, err := n.Relabel(t.Context(), api.RelabelRequest{Query: inbox, Add: []string{label}}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := n.RemoveAccount(t.Context(), "cyd"); err != nil {
			t.Fatal(err)
		}
		return position(t, n)
	}
	last := arrived()
	trimmed := func() (at mailstore.ModSeq) {
		if err := n.store.View(func(rd *mailstore.Reader) (err error) { at, err = rd.Trimmed(); return err }); err != nil {
			t.Fatal(err)
		}
		return at
	}
	if err := n.trimBefore(t.Context(), keptChanges); err != nil || trimmed() != 0 {
		t.Errorf("of few changes the journal was trimmed up to %d, %v", trimmed(), err)
	}
	const kept = 5
	tick := time.NewTicker(10 * time.Millisecond) // followers note where they are without a word
	defer tick.Stop()
	for late := time.After(time.Minute); trimmed() < last-kept; {
		if err := errors.Join(n.verifier.Follow(t.Context(), time.Now()), n.trimBefore(t.Context(), kept)); err != nil { // it looks at each block
			t.Fatal(err)
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("trimmed up to %d of %d", trimmed(), last)
		}
	}
	if end := position(t, n); trimmed() > end-kept {
		t.Errorf("trimmed up to %d of %d", trimmed(), end)
	}
	holds := func(when string) {
		t.Helper()
		if got, done := count(t, n, inbox), count(t, n, "label:done subject:letter"); got != 12 || done != 12 {
			t.Errorf("%s: %d in the inbox, %d are done", when, got, done)
		}
	}
	holds("trimmed")
	end()
	for _, part := range must(Check(t.Context(), dir, CheckOptions{Now: time.Now()})) {
		if len(part.Faults) > 0 {
			t.Errorf("%s: %+v", part.Part, part.Faults)
		}
	}
	n, end = begun(t, dir)
	holds("started again")
	end()
	if err := os.RemoveAll(filepath.Join(dir, home.IndexDir)); err != nil {
		t.Fatal(err)
	}
	n, _ = begun(t, dir)
	if err := n.index.WaitFor(t.Context(), position(t, n)); err != nil {
		t.Fatal(err)
	}
	holds("with another index")
}

// The journal is trimmed no further than any of those who follow it has come, and one whose cursor
// cannot be read is named.
func TestTrimWaitsForEachFollower(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.example")
	quiet(t, dir, nil)
	n := open(t, dir)
	update := func(fn func(tx *mailstore.Tx) error) {
		t.Helper()
		if err := n.store.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	cursors := map[string]func(tx *mailstore.Tx, at uint64) error{
		"verifier": func(tx *mailstore.Tx, at uint64) error { return tx.Space("verifier").PutJSON([]byte("journal"), at) },
		"history":  func(tx *mailstore.Tx, at uint64) error { return tx.Space("history").PutNumber([]byte("cursor"), at) },
		"lists":    func(tx *mailstore.Tx, at uint64) error { return tx.Space("lists").PutNumber([]byte("j"), at) },
	}
	const each = 10
	update(func(tx *mailstore.Tx) error {
		a, err := tx.AddAccount("ann", nil)
		for range (len(cursors) + 2) * each {
			if err != nil {
				break
			}
			var blob [32]byte
			if blob, err = tx.PutBlob([]byte("text")); err == nil {
				_, err = tx.AddMessage(mailstore.Message{Account: a.ID, Blob: blob, Received: time.Unix(1, 0)}, nil)
			}
		}
		return err
	})
	trimmed := func() (at mailstore.ModSeq) {
		if err := n.store.View(func(rd *mailstore.Reader) (err error) { at, err = rd.Trimmed(); return err }); err != nil {
			t.Fatal(err)
		}
		return at
	}
	all := func(at uint64) {
		update(func(tx *mailstore.Tx) (err error) {
			for _, put := range cursors {
				err = errors.Join(err, put(tx, at))
			}
			return err
		})
	}
	end := uint64(position(t, n))
	all(end)
	if err := n.trimBefore(t.Context(), 0); err != nil || trimmed() != 0 {
		t.Errorf("the index has seen nothing, and the journal was trimmed up to %d, %v", trimmed(), err)
	}
	if _, err := n.index.Check(t.Context()); err != nil { // which has it follow the mail
		t.Fatal(err)
	}
	at := uint64(0)
	for name, put := range cursors {
		at += each
		update(func(tx *mailstore.Tx) error { return put(tx, at) })
		if err := n.trimBefore(t.Context(), 0); err != nil || trimmed() != mailstore.ModSeq(at) {
			t.Errorf("%s has seen %d of %d changes, the journal was trimmed up to %d, %v", name, at, end, trimmed(), err)
		}
		all(end)
	}
	update(func(tx *mailstore.Tx) error { return tx.Space("history").Put([]byte("cursor"), []byte("none")) })
	if err := n.trimBefore(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "history: ") || trimmed() != mailstore.ModSeq(at) {
		t.Errorf("a cursor that cannot be read: trimmed up to %d, %v", trimmed(), err)
	}
}
