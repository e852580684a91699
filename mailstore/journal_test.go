package mailstore

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// trimmedStore is a store with mails 1 to 200 of which the odd ones are removed, every fourth one
// has had other labels, and the journal is trimmed up to the 199th of 400 changes.
func trimmedStore(t *testing.T) *Store {
	t.Helper()
	s := openTest(t, t.TempDir())
	err := s.Update(t.Context(), func(tx *Tx) error {
		a, err := tx.AddAccount("ann", nil)
		if err != nil {
			return err
		}
		for id := MessageID(1); id <= 200; id++ {
			blob, err := tx.PutBlob([]byte("text"))
			if err != nil {
				return err
			}
			if _, err := tx.AddMessage(Message{Account: a.ID, Blob: blob, Received: time.Unix(1, 0)}, []string{"came"}); err != nil {
				return err
			}
			switch {
			case id%2 == 1:
				err = tx.RemoveMessage(a.ID, id)
			case id%4 == 0:
				for _, label := range []string{"former", "latter"} {
					if err == nil {
						err = tx.SetLabels(a.ID, id, []string{label}, []string{"came", "former"})
					}
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Trim(t.Context(), 199); err != nil {
		t.Fatal(err)
	}
	if list := faults(t, s, false); len(list) > 0 {
		t.Fatalf("%q", list)
	}
	return s
}

// What a removed mail was labelled with, and what another one was labelled with before its last
// labels, is nowhere in what the store holds.
func TestFormerLabelsAreGone(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.Close()
	err := s.Update(t.Context(), func(tx *Tx) error {
		a, err := tx.AddAccount("ann", nil)
		if err != nil {
			return err
		}
		blob, err := tx.PutBlob([]byte("text"))
		if err != nil {
			return err
		}
		for id := MessageID(1); id <= 3; id++ {
			if _, err := tx.AddMessage(Message{Account: a.ID, Blob: blob, Received: time.Unix(1, 0)}, []string{"came"}); err != nil {
				return err
			}
			for _, label := range []string{"former", "latter"} {
				if err := tx.SetLabels(a.ID, id, []string{label}, []string{"came", "former"}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	holds := func(label string) int {
		var b bytes.Buffer
		err := s.View(func(r *Reader) error {
			return r.src.walk(nil, nil, func(key, value []byte, _ *DamagedError) bool {
				b.Write(key)
				b.Write(value)
				return true
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(b.String(), label)
	}
	if n := holds("former"); n > 0 {
		t.Errorf("former labels are there %d times", n)
	}
	// Rows that do not tell their changes: one that is damaged, and one that never knew them.
	alter(t, s, messageKey(tableLabels, 1, 2), emptied)
	row := labelRow{labels: []string{"latter"}}
	if err := s.Update(t.Context(), func(tx *Tx) error { return tx.putRow(Ref{1, 3}, row) }); err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx *Tx) error {
		for id := MessageID(1); id <= 3; id++ {
			if err := tx.RemoveMessage(1, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"came", "former", "latter"} {
		if n := holds(label); n > 0 {
			t.Errorf("mail is removed, and %q is there %d times", label, n)
		}
	}
}

// A trimmed journal is held to the label sets: what a mail needs of it is made good, and what does
// not count any more goes.
func TestTrimmedJournalIsMended(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(s *Store)
		says  string
		mends int
	}{
		"lost arrival":     {func(s *Store) { alter(t, s, journalKey(3), removed) }, "journal 1/2 change 3 of the journal, of message 2 of account 1, is not there (ann/2)", 1},
		"lost labels":      {func(s *Store) { alter(t, s, journalKey(8), removed) }, "journal 1/4 change 8 of the journal, of message 4 of account 1, is not there", 1},
		"damaged labels":   {func(s *Store) { alter(t, s, journalKey(8), flipped) }, "journal 0/0 change 8 of the journal cannot be read", 1},
		"lost behind":      {func(s *Store) { alter(t, s, journalKey(306), removed) }, "journal 0/0 the changes 306 to 306 of the journal are not there", 1},
		"damaged number":   {func(s *Store) { alter(t, s, metaTrimmed, flipped) }, "store 0/0 the entry \"Mt\" of the store cannot be read", 1},
		"damaged last id":  {func(s *Store) { alter(t, s, accountKey(tableLastID, 1), flipped) }, "account 1/0 account 1 cannot be read", 1},
		"former came back": {func(s *Store) { bring(t, s, 7, ChangeLabels, 4) }, "journal 1/4 change 7 of the journal has labels of message 4 of account 1, though a later one counts (ann/4)", 1},
		"removed came back": {func(s *Store) {
			bring(t, s, 1, ChangeAdded, 1)
		}, "journal 1/1 change 1 of the journal has labels of message 1 of account 1, which was removed (ann/1)", 1},
		"lost many": {func(s *Store) {
			for seq := ModSeq(201); seq < 330; seq++ {
				alter(t, s, journalKey(seq), removed)
			}
		}, "journal 0/0 129 changes from 201 to 329 of the journal are not there", 1 + 48},
	} {
		s := trimmedStore(t)
		_, before := dumpOf(t, s)
		tt.spoil(s)
		if list := faults(t, s, false); len(list) == 0 || !strings.HasPrefix(list[0], tt.says) {
			t.Errorf("%s: %q", name, list)
		}
		list := faults(t, s, true)
		if mended := strings.Count(strings.Join(list, "\n"), "; mended true of true"); mended != tt.mends || len(list) != mended {
			t.Errorf("%s: %d mended: %q", name, mended, list)
		}
		if list := faults(t, s, false); len(list) > 0 {
			t.Errorf("%s: left behind repair: %q", name, list)
		}
		_, after := dumpOf(t, s)
		if trimmed, want := after[string(metaTrimmed)], before[string(metaTrimmed)]; trimmed != want && name != "lost many" {
			t.Errorf("%s: trimmed up to %x, was %x", name, trimmed, want)
		}
		for _, key := range []string{string(metaUpdates), string(metaTrimmed), string(accountKey(tableLastID, 1))} {
			delete(before, key)
			delete(after, key)
		}
		for key, value := range before { // of many, the places of removed mail are not put back, and labels are those of now
			if name != "lost many" && after[key] != value {
				t.Errorf("%s: %q is %q, was %q", name, key, after[key], value)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// bring puts a change back that was superseded.
func bring(t *testing.T, s *Store, seq ModSeq, kind ChangeKind, id MessageID) {
	t.Helper()
	err := s.Update(t.Context(), func(tx *Tx) error {
		return tx.put(journalKey(seq), encodeChange(Change{Kind: kind, Account: 1, Message: id, Labels: []string{"former"}}))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A number that was given out is not given out again, though neither the account nor the journal
// tells of the message.
func TestNumbersOfTrimmedChangesAreNotUsedAgain(t *testing.T) {
	s := trimmedStore(t)
	defer s.Close()
	blob := blobOf(t, s, 1, 2)
	err := s.Update(t.Context(), func(tx *Tx) error {
		for id := MessageID(2); id <= 200; id += 2 {
			if err := tx.RemoveMessage(1, id); err != nil {
				return err
			}
		}
		_, err := tx.AddAccount("bob", nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Trim(t.Context(), 1<<40); err != nil {
		t.Fatal(err)
	}
	alter(t, s, accountKey(tableLastID, 1), flipped)
	var got MessageID
	err = s.Update(t.Context(), func(tx *Tx) (err error) {
		if found, err := tx.src.has(blobKey(blob)); err != nil || found {
			return fmt.Errorf("the text of removed mail is there: %w", err)
		}
		if blob, err = tx.PutBlob([]byte("new")); err != nil {
			return err
		}
		got, err = tx.AddMessage(Message{Account: 1, Blob: blob, Received: time.Unix(1, 0)}, nil)
		return err
	})
	if err != nil || got <= 200 {
		t.Errorf("number %d, %v", got, err)
	}
}

// Where the journal was trimmed nothing is left of a change that is void, and of more than the last
// change only what tells of mail that is there.
func TestTrimmedJournalHasNoPlaces(t *testing.T) {
	s := trimmedStore(t)
	defer s.Close()
	places := func(up ModSeq) (n int) {
		err := s.View(func(r *Reader) error {
			return r.changes(0, func(c Change, bad error) bool {
				if c.ModSeq <= up && bad == nil {
					n++
				}
				return true
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := places(200); n != 75 { // of 50 mails, 25 of which have had other labels
		t.Errorf("%d changes are left", n)
	}
	err := s.Update(t.Context(), func(tx *Tx) error {
		return errors.Join(tx.SetLabels(1, 4, []string{"other"}, nil), tx.RemoveMessage(1, 8), tx.RemoveMessage(1, 2))
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := places(200); n != 75-1-2-1 {
		t.Errorf("%d changes are left of mail that has other labels or is gone", n)
	}
	if err := s.Trim(t.Context(), 1<<40); err != nil {
		t.Fatal(err)
	}
	if n := places(1 << 40); n != 98+49+1 { // and the last change
		t.Errorf("%d changes are left of all", n)
	}
}

// Where it is damaged up to where the journal was trimmed, the next trim writes it anew.
func TestTrimMendsItsNumber(t *testing.T) {
	s := trimmedStore(t)
	defer s.Close()
	alter(t, s, metaTrimmed, flipped)
	if err := s.Trim(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if list := faults(t, s, false); len(list) > 0 {
		t.Errorf("%q", list)
	}
	err := s.View(func(r *Reader) error {
		trimmed, err := r.Trimmed()
		if trimmed != 199 {
			t.Errorf("trimmed up to %d", trimmed)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
