package mailstore

import (
	"bytes"
	"context"
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
		}, "journal 0/0 129 changes from 201 to 329 of the journal are not there or cannot be read", 1},
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
		if trimmed, want := after[string(metaTrimmed)][:8], before[string(metaTrimmed)][:8]; trimmed != want && name != "lost many" && name != "lost behind" {
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

// Where the journal was trimmed nothing is left of a change that was superseded, and else up to the
// last change only what tells of mail that is there.
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

// What is lost of the journal and nothing names, and what both the journal and a label row lack:
// who follows comes to what is stored, wherever it was, and labels that may not be the last are
// told.
func TestLostForGood(t *testing.T) {
	remove := func(t *testing.T, s *Store, id MessageID) {
		t.Helper()
		if err := s.Update(t.Context(), func(tx *Tx) error { return tx.RemoveMessage(1, id) }); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, s *Store) // after a follower came to change 250
		told  string                       // by a check with repair
	}{
		"a removal whose places were trimmed": {func(t *testing.T, s *Store) {
			remove(t, s, 2) // change 401
			remove(t, s, 4)
			alter(t, s, journalKey(401), removed)
		}, "the changes 401 to 401"},
		"more than a hundred with a follower among them": {func(t *testing.T, s *Store) {
			for seq := ModSeq(201); seq < 330; seq += 1 + seq%2 {
				alter(t, s, journalKey(seq), removed)
				if seq%2 == 1 {
					alter(t, s, journalKey(seq+1), flipped)
				}
			}
		}, "130 changes from 201 to 330"},
		"the last of all": {func(t *testing.T, s *Store) {
			for seq := ModSeq(290); seq <= 400; seq++ {
				alter(t, s, journalKey(seq), removed)
			}
		}, "111 changes from 290 to 400"},
		"the arrival that a row does not know": {func(t *testing.T, s *Store) {
			alter(t, s, journalKey(3), removed)
			if err := s.Update(t.Context(), func(tx *Tx) error { return tx.putRow(Ref{1, 2}, labelRow{labels: []string{"came"}}) }); err != nil {
				t.Fatal(err)
			}
		}, "the labels of message 2 of account 1 do not say by which change it came"},
		"the last labels that a row does not know": {func(t *testing.T, s *Store) {
			alter(t, s, journalKey(208), flipped)
			if err := s.Update(t.Context(), func(tx *Tx) error {
				return tx.putRow(Ref{1, 104}, labelRow{labels: []string{"latter"}, added: 206, changed: 206})
			}); err != nil {
				t.Fatal(err)
			}
		}, "the labels of message 104 of account 1 are the last that are known: later ones may be lost"},
		"a row and its arrival": {func(t *testing.T, s *Store) {
			alter(t, s, journalKey(203), flipped)
			alter(t, s, messageKey(tableLabels, 1, 102), flipped)
		}, "the labels of message 102 of account 1 are lost: it has none now"},
		"a row and its last labels": {func(t *testing.T, s *Store) {
			alter(t, s, journalKey(8), removed)
			alter(t, s, messageKey(tableLabels, 1, 4), removed)
		}, "the labels of message 4 of account 1 are lost"},
		"a row, and a change that may be of it": {func(t *testing.T, s *Store) {
			alter(t, s, journalKey(306), flipped)
			alter(t, s, messageKey(tableLabels, 1, 4), flipped)
		}, "change 306 of the journal cannot be read"},
		"a row, and a change that is of another": {func(t *testing.T, s *Store) {
			alter(t, s, journalKey(304), flipped)
			alter(t, s, messageKey(tableLabels, 1, 4), flipped)
		}, "change 304 of the journal cannot be read"},
		"a row, and many changes": {func(t *testing.T, s *Store) {
			for seq := ModSeq(201); seq < 330; seq++ {
				alter(t, s, journalKey(seq), removed)
			}
			alter(t, s, messageKey(tableLabels, 1, 4), flipped)
		}, "129 changes from 201 to 329"},
	} {
		t.Run(name, func(t *testing.T) {
			s := trimmedStore(t)
			defer s.Close()
			m := &mirror{}
			followTo := func(seq ModSeq) error { m.most = seq; return m.follow(s) }
			if err := followTo(250); err != nil || m.at < 245 {
				t.Fatal(m.at, err)
			}
			tt.spoil(t, s)
			list := strings.Join(faults(t, s, true), "\n")
			if !strings.Contains(list, tt.told) || strings.Contains(list, "are lost") != strings.Contains(tt.told, "are lost") {
				t.Errorf("%q", list)
			}
			if list := faults(t, s, false); len(list) > 0 {
				t.Errorf("left behind repair: %q", list)
			}
			want := holding(t, s)
			for _, m := range []*mirror{m, {}} {
				m.most = 0
				if err := m.follow(s); err != nil || !sameLabels(m.mails, want) {
					t.Errorf("at %d a follower has %d mails, the store %d, %v", m.at, len(m.mails), len(want), err)
				}
			}
		})
	}
}

// bare is a store with an account and so many mails that were never changed.
func bare(t *testing.T, mails int) *Store {
	t.Helper()
	s := openTest(t, t.TempDir())
	err := s.Update(t.Context(), func(tx *Tx) error {
		a, err := tx.AddAccount("ann", nil)
		if err != nil {
			return err
		}
		blob, err := tx.PutBlob([]byte("text"))
		for range mails {
			if err == nil {
				_, err = tx.AddMessage(Message{Account: a.ID, Blob: blob, Received: time.Unix(1, 0)}, []string{"came"})
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Where it is not known how far the journal was trimmed, a change that a mail needs is lost all the
// same, and not taken for trimmed.
func TestLostIsNotTrimmed(t *testing.T) {
	s := bare(t, 10)
	defer s.Close()
	if err := s.Update(t.Context(), func(tx *Tx) error { return tx.RemoveMessage(1, 3) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Trim(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	alter(t, s, metaTrimmed, flipped)
	alter(t, s, journalKey(8), removed)
	m := &mirror{}
	if err := m.follow(s); !damaged(err) || m.at != 7 {
		t.Errorf("a follower came to %d, %v", m.at, err)
	}
	if err := m.follow(s); err == nil || !strings.Contains(err.Error(), "change 8 of the journal") {
		t.Errorf("what it says is lost: %v", err)
	}
	faults(t, s, true)
	if err := m.follow(s); err != nil || len(m.mails) != 9 {
		t.Errorf("a follower has %d mails, %v", len(m.mails), err)
	}
}

// Removals that are lost are told of the mails that were removed, each where it can have been.
func TestLostRemovals(t *testing.T) {
	for range 10 { // maps have no order
		s := bare(t, 0)
		err := s.Update(t.Context(), func(tx *Tx) error {
			for id := MessageID(1); id <= 3; id++ {
				blob, err := tx.PutBlob([]byte("text"))
				if err == nil {
					_, err = tx.AddMessage(Message{Account: 1, Blob: blob, Received: time.Unix(1, 0)}, nil)
				}
				if err == nil && id < 3 {
					err = tx.RemoveMessage(1, id)
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
		alter(t, s, journalKey(2), removed)
		alter(t, s, journalKey(4), flipped)
		faults(t, s, true)
		err = s.View(func(r *Reader) error {
			changes, err := r.ChangesSince(0, 10)
			if len(changes) != 3 || changes[0].Message != 1 || changes[1].Message != 2 || changes[2].Message != 3 {
				t.Errorf("%+v", changes)
			}
			return err
		})
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// What a repair lets count as trimmed is taken away by the next trim.
func TestTrimAfterRepair(t *testing.T) {
	s := trimmedStore(t)
	defer s.Close()
	for seq := ModSeq(240); seq <= 350; seq++ {
		alter(t, s, journalKey(seq), removed)
	}
	faults(t, s, true)
	if err := s.Trim(t.Context(), 1<<40); err != nil {
		t.Fatal(err)
	}
	err := s.View(func(r *Reader) error {
		return r.changes(0, func(c Change, _ error) bool {
			if c.Kind == changeSuperseded || c.Kind == ChangeRemoved {
				t.Errorf("change %d is left: %s", c.ModSeq, c.Kind)
			}
			return true
		})
	})
	if err != nil {
		t.Error(err)
	}
}

// Of changes that are not there, one that was not trimmed is named.
func TestLostNextToTrimmed(t *testing.T) {
	s := trimmedStore(t) // up to 199; 198 is not there
	defer s.Close()
	alter(t, s, journalKey(200), removed)
	err := s.View(func(r *Reader) error {
		_, err := r.ChangesSince(196, 10)
		if err == nil {
			_, err = r.ChangesSince(199, 10)
		}
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "change 200 of the journal") {
		t.Error(err)
	}
}

// An older row that comes back while its last change is lost gives former labels, of which a check
// tells; a row of a removed mail that comes back owns nothing.
func TestFormerRows(t *testing.T) {
	s := bare(t, 3)
	defer s.Close()
	for _, label := range []string{"first", "second"} {
		if err := s.Update(t.Context(), func(tx *Tx) error { return tx.SetLabels(1, 2, []string{label}, []string{"came", "first"}) }); err != nil {
			t.Fatal(err)
		}
	}
	alter(t, s, journalKey(5), removed)
	err := s.Update(t.Context(), func(tx *Tx) error {
		return tx.putRow(Ref{1, 2}, labelRow{labels: []string{"first"}, added: 2, changed: 4})
	})
	if err != nil {
		t.Fatal(err)
	}
	if list := strings.Join(faults(t, s, true), "\n"); !strings.Contains(list, "labels of message 2 of account 1 are the last that are known") {
		t.Errorf("%q", list)
	}
	gone := labelRow{labels: []string{"secret"}, added: 1, changed: 1}
	err = s.Update(t.Context(), func(tx *Tx) error {
		return errors.Join(tx.SetLabels(1, 1, []string{"secret"}, nil), tx.RemoveMessage(1, 1)) // changes 7 and 8
	})
	if err != nil {
		t.Fatal(err)
	}
	alter(t, s, journalKey(8), removed)
	if err := s.Update(t.Context(), func(tx *Tx) error { return tx.putRow(Ref{1, 1}, gone) }); err != nil {
		t.Fatal(err)
	}
	faults(t, s, true)
	err = s.View(func(r *Reader) error {
		changes, err := r.ChangesSince(7, 10)
		if want := (Change{ModSeq: 8, Kind: ChangeRemoved, Account: 1, Message: 1}); len(changes) != 1 || changes[0].Ref() != want.Ref() || changes[0].Kind != want.Kind {
			t.Errorf("%+v", changes)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// endingContext ends when it has been asked so many times.
type endingContext struct {
	context.Context
	left int
}

func (c *endingContext) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// A check that is ended, wherever it was, says nothing of a sound store.
func TestEndedCheckFindsNothing(t *testing.T) {
	s := trimmedStore(t)
	defer s.Close()
	for left := 0; ; left++ {
		_, err := s.Check(&endingContext{t.Context(), left}, false, func(f Fault) { t.Errorf("ended when asked %d times: %+v", left, f) })
		if err == nil {
			break
		}
		if t.Failed() {
			return
		}
		left += left / 8
	}
}
