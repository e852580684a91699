package index

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cairn/mailstore"
)

// halt ends the follower of an index that stays open.
func (b *bed) halt() {
	b.stop()
	b.stop = func() {}
}

// Whatever of the journal was trimmed, the index comes to what is stored: one that has followed,
// one that begins, one that a copy of an earlier moment stands for, and one that was killed while
// it went through what is left.
func TestIndexOfTrimmedJournal(t *testing.T) {
	const seed = 7
	random := rand.New(rand.NewPCG(seed, seed))
	b := newBed(t)
	var stored []mailstore.MessageID
	labels := []string{"inbox", "unread", "work", "later"}
	change := func() {
		for range 1 + random.IntN(40) {
			switch id := mailstore.MessageID(0); {
			case len(stored) < 5 || random.IntN(3) == 0:
				stored = append(stored, b.add(labels[:random.IntN(3)], fmt.Sprintf("Subject: invoice\r\n\r\nnumber%d\r\n", random.IntN(50))))
			case random.IntN(2) == 0:
				at := random.IntN(len(stored))
				id, stored = stored[at], append(stored[:at:at], stored[at+1:]...)
				b.update(func(tx *mailstore.Tx) error { return tx.RemoveMessage(b.account, id) })
			default:
				id = stored[random.IntN(len(stored))]
				add, remove := labels[random.IntN(4)], labels[random.IntN(4)]
				b.update(func(tx *mailstore.Tx) error { return tx.SetLabels(b.account, id, []string{add}, []string{remove}) })
			}
		}
	}
	dir, older := filepath.Join(b.dir, "index"), filepath.Join(b.dir, "older")
	for round := range 60 {
		change()
		b.sync()
		switch random.IntN(4) {
		case 0: // keep a copy
			b.closeIndex()
			if err := errors.Join(os.RemoveAll(older), os.CopyFS(older, os.DirFS(dir))); err != nil {
				t.Fatal(err)
			}
			b.openIndex()
		case 1: // a copy takes its place
			if _, err := os.Stat(older); err == nil {
				b.closeIndex()
				if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(older))); err != nil {
					t.Fatal(err)
				}
				b.openIndex()
			}
		case 2: // it begins anew
			b.closeIndex()
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			b.openIndex()
		}
		if random.IntN(2) == 0 {
			change()
		}
		if seen := b.ix.Cursor(); random.IntN(2) == 0 {
			if err := b.store.Trim(t.Context(), seen); err != nil {
				t.Fatal(err)
			}
		}
		b.sync()
		b.halt()
		if n, err := b.ix.Check(t.Context()); err != nil || n != len(stored) {
			t.Fatalf("round %d: %d messages of %d, %v", round, n, len(stored), err)
		}
		b.closeIndex()
		b.openIndex()
	}
}

// An index that begins in a trimmed journal goes on where it was after a restart, unless that was
// trimmed further meanwhile.
func TestBeginningInTrimmedJournal(t *testing.T) {
	b := newBed(t)
	var first mailstore.MessageID
	for range 3 * changesAtOnce {
		first = b.add([]string{"inbox"}, letter)
	}
	b.update(func(tx *mailstore.Tx) error { return tx.RemoveMessage(b.account, 1) })
	b.sync()
	end := b.ix.Cursor()
	if err := b.store.Trim(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	b.closeIndex()
	if err := os.RemoveAll(b.dir + "/index"); err != nil {
		t.Fatal(err)
	}
	b.openIndex()
	b.halt()
	if err := b.ix.rebuild(errMissed); err != nil {
		t.Fatal(err)
	}
	if caughtUp, err := b.ix.follow(t.Context()); caughtUp || err != nil {
		t.Fatal(caughtUp, err)
	}
	at := b.ix.Cursor()
	if at == 0 || at >= end {
		t.Fatalf("one step came to %d of %d", at, end)
	}
	b.closeIndex()
	ix, err := OpenAsIs(b.dir+"/index", b.store, quiet)
	if err != nil || ix.Cursor() != at {
		t.Fatalf("opened again it is at %d, was at %d: %v", ix.Cursor(), at, err)
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	b.update(func(tx *mailstore.Tx) error {
		return errors.Join(tx.RemoveMessage(b.account, 2), tx.SetLabels(b.account, first, []string{"last"}, nil))
	})
	if err := b.store.Trim(t.Context(), end+1); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAsIs(b.dir+"/index", b.store, quiet); !errors.Is(err, errMissed) {
		t.Errorf("what it has not seen was trimmed: %v", err)
	}
	b.openIndex()
	b.sync()
	b.halt()
	if n, err := b.ix.Check(t.Context()); err != nil || n != 3*changesAtOnce-2 {
		t.Errorf("%d messages, %v", n, err)
	}
}

// A journal that was mended may tell of an arrival again, or of labels of mail that it does not
// tell of else: a mail is found once, and none that is not there.
func TestChangesToldAgain(t *testing.T) {
	b := newBed(t)
	id := b.add([]string{"inbox"}, letter)
	b.sync()
	b.halt()
	raw := newBatch(b.ix.db)
	again := mailstore.Change{Kind: mailstore.ChangeAdded, Account: b.account, Message: id, Labels: []string{"work"}}
	unknown := mailstore.Change{Kind: mailstore.ChangeLabels, Account: b.account, Message: 77, Labels: []string{"work"}}
	m := mailstore.Message{Account: b.account, ID: id, Received: time.Unix(1, 0)}
	if err := errors.Join(raw.apply(again, newDocument(m, []byte(letter))), raw.apply(unknown, nil)); err != nil {
		t.Fatal(err)
	}
	if len(raw.terms) > 0 {
		t.Errorf("%d terms are told again", len(raw.terms))
	}
	if err := raw.commit(b.ix.db, position{store: b.ix.storeID, cursor: b.ix.Cursor()}); err != nil {
		t.Fatal(err)
	}
	for q, want := range map[string]string{"invoice": "1", "label:work": "1", "label:inbox": ""} {
		if got := b.find(q); got != want {
			t.Errorf("%s finds %q, want %q", q, got, want)
		}
	}
}
