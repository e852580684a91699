package mailstore

import (
	"slices"
	"testing"
)

// What a check has read may be another one when it is mended: a mend reads it again.
func TestMendsReadAgain(t *testing.T) {
	row := messageKey(tableLabels, 1, 1)
	for name, meanwhile := range map[string]func(tx *Tx) error{
		"labelled": func(tx *Tx) error { return tx.SetLabels(1, 1, []string{"mine"}, nil) },
		"removed":  func(tx *Tx) error { return tx.RemoveMessage(1, 1) },
	} {
		s := openTest(t, t.TempDir())
		doing(t, s, func(tx *Tx) error { _, err := tx.AddAccount("ann", []string{"ann@a.example"}); return err })
		addMail(t, s, "one", "came")
		_, former := dumpOf(t, s)
		doing(t, s,
			func(tx *Tx) error { return tx.SetLabels(1, 1, []string{"later"}, nil) },
			func(tx *Tx) error { return tx.put(row, []byte(former[string(row)])) },
			func(tx *Tx) error { return tx.supersede(Ref{1, 1}, 2) },
			func(tx *Tx) error { return tx.recount(1) })
		base := s.snapshot()
		doing(t, s, meanwhile)
		want := holding(t, s)
		c := &check{ctx: t.Context(), s: s, base: base, r: &Reader{src: base}, repair: true, doubts: make(map[Ref]string), recounts: make(map[AccountID]bool), settled: make(map[Ref]ModSeq)}
		if err := c.changeCounts(base, Change{ModSeq: 1, Kind: changeArrived, Account: 1, Message: 1}); err != nil {
			t.Error(err)
		}
		base.close()
		if got := holding(t, s); !sameLabels(got, want) {
			t.Errorf("%s meanwhile: the store has %v, had %v", name, got, want)
		}
		begins := &mirror{}
		if err := begins.follow(s); err != nil || !sameLabels(begins.mails, want) {
			t.Errorf("%s meanwhile: who begins has %v, the store %v, %v", name, begins.mails, want, err)
		}
		if left := faults(t, s, false); len(left) > 0 {
			t.Errorf("%s meanwhile: left behind the mend: %q", name, left)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// An address leads no longer to the account that had it when the check began.
func TestMendOfAddressReadsAgain(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.Close()
	const address = "ann@a.example"
	doing(t, s, func(tx *Tx) error { _, err := tx.AddAccount("ann", []string{address}); return err })
	alter(t, s, textKey(tableAddress, address), removed)
	base := s.snapshot()
	defer base.close()
	doing(t, s,
		func(tx *Tx) error { return tx.SetAddresses(1, nil) },
		func(tx *Tx) error { _, err := tx.AddAccount("joe", []string{address}); return err })
	c := &check{ctx: t.Context(), s: s, base: base, r: &Reader{src: base}, repair: true}
	if err := c.accounts(); err != nil {
		t.Error(err)
	}
	if left := faults(t, s, false); len(left) > 0 {
		t.Errorf("left behind the mend: %q", left)
	}
}

// What was damaged of an account when the check began needs no mend if it is gone with it.
func TestMendsOfRemovedAccountReadAgain(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.Close()
	const address = "ann@a.example"
	doing(t, s,
		func(tx *Tx) error { _, err := tx.AddAccount("ann", []string{address}); return err },
		func(tx *Tx) error { return tx.RemoveAccount(1) })
	c := &check{ctx: t.Context(), s: s}
	_, want := dumpOf(t, s)
	for _, key := range [][]byte{accountKey(tableAccount, 1), accountKey(tableLastID, 1), textKey(tableName, "ann"), textKey(tableAddress, address)} {
		if err := s.Update(t.Context(), c.mendOf(key, damagedAt("", key, ""))); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	_, got := dumpOf(t, s)
	for key := range got {
		if _, was := want[key]; !was {
			t.Errorf("%q is there", key)
		}
	}
}

// Of labels that row and journal tell differently the later ones count, whatever else is lost: an
// older row makes away with none that the journal still has.
func TestLaterLabelsCount(t *testing.T) {
	second, first := Ref{1, 2}, []byte{valueVersion}[:1:1]
	label := func(ref Ref, add, remove string) func(tx *Tx) error {
		return func(tx *Tx) error { return tx.SetLabels(ref.Account, ref.Message, []string{add}, []string{remove}) }
	}
	row := func(ref Ref, value []byte) func(tx *Tx) error {
		return func(tx *Tx) error { return tx.put(messageKey(tableLabels, ref.Account, ref.Message), value) }
	}
	lose := func(seq ModSeq) func(tx *Tx) error {
		return func(tx *Tx) error { return tx.delete(journalKey(seq)) }
	}
	for name, c := range map[string]struct {
		mails   int
		trimmed ModSeq
		happen  []func(tx *Tx) error
		damage  []func(tx *Tx) error
	}{
		"a row that names no change": {3, 0,
			[]func(tx *Tx) error{label(second, "second", "came")},
			[]func(tx *Tx) error{row(second, appendTexts(first, []string{"came"}))}},
		"the same of a trimmed journal": {5, 6,
			[]func(tx *Tx) error{label(second, "second", "came"), func(tx *Tx) error { return tx.RemoveMessage(1, 1) }, label(Ref{1, 3}, "third", "came")},
			[]func(tx *Tx) error{row(second, appendTexts(first, []string{"came"}))}},
		"an older row, and its arrival is lost": {3, 0,
			[]func(tx *Tx) error{label(second, "first", "came"), label(second, "second", "first")},
			[]func(tx *Tx) error{row(second, labelRow{[]string{"first"}, 2, 4}.encode()), lose(2)}},
		"an older row, and a change that it names is lost": {3, 0,
			[]func(tx *Tx) error{label(second, "first", "came"), label(second, "second", "first")},
			[]func(tx *Tx) error{row(second, labelRow{[]string{"first"}, 2, 4}.encode()), lose(4)}},
		"no row names the arrival, and another one's is lost": {10, 9, nil,
			[]func(tx *Tx) error{lose(3), row(Ref{1, 3}, appendTexts(first, []string{"came"})), lose(8)}},
	} {
		s := bare(t, c.mails)
		doing(t, s, c.happen...)
		if err := s.Trim(t.Context(), c.trimmed); err != nil {
			t.Fatal(err)
		}
		want := holding(t, s)
		doing(t, s, c.damage...)
		faults(t, s, true)
		if left := faults(t, s, false); len(left) > 0 {
			t.Errorf("%s: left behind repair: %q", name, left)
		}
		begins := &mirror{}
		if err := begins.follow(s); err != nil || !sameLabels(begins.mails, want) || begins.at != endOf(t, s) {
			t.Errorf("%s: who begins has %v at %d, the store had %v, %v", name, begins.mails, begins.at, want, err)
		}
		if got := holding(t, s); !sameLabels(got, want) {
			t.Errorf("%s: the store has %v, had %v", name, got, want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What mends an entry of a named map may change labels, so it sees the later ones.
func TestMapsAreMendedBehindLabels(t *testing.T) {
	s := bare(t, 2)
	defer s.Close()
	doing(t, s,
		func(tx *Tx) error { return tx.Space("notes").Put([]byte("of 2"), []byte("noted")) },
		func(tx *Tx) error { return tx.SetLabels(1, 2, []string{"later"}, []string{"came"}) },
		func(tx *Tx) error {
			return tx.put(messageKey(tableLabels, 1, 2), labelRow{[]string{"came"}, 2, 2}.encode())
		})
	alter(t, s, []byte("\x73notes\x00of 2"), flipped)
	_, err := s.Check(t.Context(), true, nil, MapCheck{Space: "notes", MendOf: func([]byte) func(tx *Tx) error {
		return func(tx *Tx) error {
			return firstOf(tx.Space("notes").Put([]byte("of 2"), nil), tx.SetLabels(1, 2, []string{"noted"}, nil))
		}
	}})
	if got := holding(t, s)[Ref{1, 2}]; err != nil || !slices.Equal(got, []string{"later", "noted"}) {
		t.Errorf("it has %q, %v", got, err)
	}
	if left := faults(t, s, false); len(left) > 0 {
		t.Errorf("left behind repair: %q", left)
	}
}
