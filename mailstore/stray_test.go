package mailstore

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// addMail adds a mail to account 1.
func addMail(t testing.TB, s *Store, text string, labels ...string) MessageID {
	t.Helper()
	var id MessageID
	err := s.Update(t.Context(), func(tx *Tx) error {
		blob, err := tx.PutBlob([]byte(text))
		if err != nil {
			return err
		}
		id, err = tx.AddMessage(Message{Account: 1, Blob: blob, Received: time.Unix(1, 0)}, labels)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// doing runs updates, one after another.
func doing(t testing.TB, s *Store, updates ...func(tx *Tx) error) {
	t.Helper()
	for _, fn := range updates {
		if err := s.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
}

// withRemoved is a store of which mail 1 was removed, and 2 and 3 are there, and what of mail 1 was
// stored before.
func withRemoved(t testing.TB) (s *Store, former map[string]string) {
	t.Helper()
	s = openTest(t, t.TempDir())
	doing(t, s, func(tx *Tx) error { _, err := tx.AddAccount("ann", nil); return err })
	addMail(t, s, "one", "mine")
	addMail(t, s, "two", "mine")
	_, former = dumpOf(t, s)
	doing(t, s, func(tx *Tx) error { return tx.RemoveMessage(1, 1) })
	addMail(t, s, "three", "other")
	return s, former
}

// A damaged block that hides deletions brings the labels of removed mail back, or what the journal
// told of it: one check with repair takes them away again, and nobody hears of that mail.
func TestLabelsOfRemovedMailGo(t *testing.T) {
	row, change := string(messageKey(tableLabels, 1, 1)), string(journalKey(1))
	for _, back := range [][]string{{row}, {row, change}} {
		for _, trimmed := range []ModSeq{0, 2, 3} {
			for _, spoil := range []string{"", row, string(accountKey(tableLastID, 1)), string(metaTrimmed)} {
				name := fmt.Sprintf("%q back, trimmed to %d, %q spoilt", back, trimmed, spoil)
				s, former := withRemoved(t)
				if err := s.Trim(t.Context(), trimmed); err != nil {
					t.Fatal(err)
				}
				want := holding(t, s)
				_, before := dumpOf(t, s)
				for _, key := range back {
					doing(t, s, func(tx *Tx) error { return tx.put([]byte(key), []byte(former[key])) })
				}
				if spoil != "" && (spoil != string(metaTrimmed) || trimmed > 0) {
					alter(t, s, []byte(spoil), flipped)
				}
				found := faults(t, s, true)
				if !slices.ContainsFunc(found, func(f string) bool {
					return strings.Contains(f, "message 1 of account 1 was removed, but its labels are there (ann/1); mended true")
				}) {
					t.Errorf("%s: found %q", name, found)
				}
				if left := faults(t, s, false); len(left) > 0 {
					t.Errorf("%s: left behind repair: %q", name, left)
				}
				begins := &mirror{}
				if err := begins.follow(s); err != nil || !sameLabels(begins.mails, want) {
					t.Errorf("%s: who begins has %v, the store %v, %v", name, begins.mails, want, err)
				}
				_, after := dumpOf(t, s)
				for key := range after {
					if _, was := before[key]; !was && key[0] != tableJournal {
						t.Errorf("%s: %q is there", name, key)
					}
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// So do those of a removed account, and those of mail of which only the journal tells that it was
// removed.
func TestLabelsOfRemovedAccountGo(t *testing.T) {
	s, former := withRemoved(t)
	defer s.Close()
	row := messageKey(tableLabels, 1, 1)
	alter(t, s, accountKey(tableLastID, 1), removed)
	doing(t, s,
		func(tx *Tx) error { return tx.RemoveMessage(1, 2) },
		func(tx *Tx) error { return tx.RemoveMessage(1, 3) },
		func(tx *Tx) error { return tx.put(row, []byte(former[string(row)])) })
	if found, left := faults(t, s, true), faults(t, s, false); len(found) != 1 || len(left) > 0 {
		t.Errorf("without the last number: found %q, left %q", found, left)
	}
	doing(t, s,
		func(tx *Tx) error { return tx.RemoveAccount(1) },
		func(tx *Tx) error { _, err := tx.AddAccount("joe", nil); return err })
	if err := s.Trim(t.Context(), 100); err != nil { // of all but the last
		t.Fatal(err)
	}
	doing(t, s, func(tx *Tx) error { return tx.put(row, []byte(former[string(row)])) })
	if found, left := faults(t, s, true), faults(t, s, false); len(found) != 1 || len(left) > 0 {
		t.Errorf("of a removed account: found %q, left %q", found, left)
	}
}

// Labels of mail that is lost stay, and are told each time, though the journal lost a change of it
// too; they are not counted. It may be removed.
func TestLabelsOfLostMailStay(t *testing.T) {
	for _, lost := range [][]byte{nil, journalKey(2)} {
		s, _ := withRemoved(t)
		row := messageKey(tableLabels, 1, 2)
		_, before := dumpOf(t, s)
		alter(t, s, messageKey(tableMessage, 1, 2), removed)
		if lost != nil {
			alter(t, s, lost, removed)
		}
		faults(t, s, true)
		for range 2 {
			left := faults(t, s, true)
			if len(left) != 1 || !strings.Contains(left[0], "message 2 of account 1 is not there, but its labels are (ann/2); mended false of false") {
				t.Errorf("without %q: left behind repair: %q", lost, left)
			}
		}
		_, after := dumpOf(t, s)
		if after[string(row)] != before[string(row)] {
			t.Errorf("without %q: the labels were %q, are %q", lost, before[string(row)], after[string(row)])
		}
		doing(t, s, func(tx *Tx) error { return tx.RemoveMessage(1, 2) })
		if left := faults(t, s, false); len(left) > 0 {
			t.Errorf("without %q: left behind the removal: %q", lost, left)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
