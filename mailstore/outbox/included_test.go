package outbox

import (
	"slices"
	"testing"
	"time"

	"cairn/mailstore"
)

// What is held until its record is in a block leaves then, waits again when the block is gone, and
// is held after a restart until somebody has looked.
func TestUntilIncluded(t *testing.T) {
	st := openStore(t)
	now := time.Now()
	open := func() *Queue {
		q := New(st)
		q.SetClock(func() time.Time { return now })
		q.SetUntilIncluded(func(_ *mailstore.Reader, domain string) (bool, error) { return domain == "two.example", nil })
		if _, err := q.Upgrade(t.Context()); err != nil {
			t.Fatal(err)
		}
		return q
	}
	q := open()
	must(q.Submit(t.Context(), Envelope{From: "user@local.example", Account: 2, Recipients: []string{"a@one.example", "b@two.example"}}, []byte(mailText)))(t)
	must(q.Submit(t.Context(), Envelope{From: "user@local.example", Account: 2, Recipients: []string{"a@one.example"}, UntilIncluded: true}, []byte(mailText)))(t)
	sealAll(t, st, q)
	in := func(is bool, ids ...uint64) func() error {
		return func() error { return q.SetIncluded(t.Context(), ids, is) }
	}
	release := func(w Which, want int) func() error {
		return func() error {
			n, err := q.ReleaseByHand(t.Context(), w)
			if n != want {
				t.Errorf("%d are released, not %d", n, want)
			}
			return err
		}
	}
	for _, step := range []struct {
		name   string
		change func() error
		free   []uint64
		found  []uint64 // in blocks
	}{
		{"an organisation and a mail", func() error { return nil }, []uint64{1}, nil},
		{"in a block", in(true, 1, 2), []uint64{1, 2}, []uint64{2}},
		{"out of it", in(false, 2), []uint64{1}, nil},
		{"in another one", in(true, 2), []uint64{1, 2}, []uint64{2}},
		{"restarted", func() error { q = open(); return nil }, []uint64{1}, []uint64{2}},
		{"looked again", in(true, 2), []uint64{1, 2}, []uint64{2}},
		{"both holds", func() error { _, err := q.HoldByHand(t.Context(), Which{ID: 3}); return err }, []uint64{1, 2}, []uint64{2}},
		{"both released", release(Which{All: true}, 1), []uint64{1, 2, 3}, []uint64{2}},
		{"what was released waits for nothing", in(false, 2, 3), []uint64{1, 3}, nil},
		{"released at once", release(Which{ID: 2}, 1), []uint64{1, 2, 3}, nil},
		{"and after a restart", func() error { q = open(); return nil }, []uint64{1, 2, 3}, nil},
	} {
		if err := step.change(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		var free, found []uint64
		for _, e := range must(q.List(0, 10))(t) {
			if q.Withheld(e.ID) == q.Begin(e.Domain, e.ID) {
				t.Errorf("%s: entry %d is withheld and free, or neither", step.name, e.ID)
			}
			if !q.Withheld(e.ID) {
				free = append(free, e.ID)
				q.End(e.ID)
			}
		}
		for _, a := range must(q.Awaited(0, 10))(t) {
			if a.Included {
				found = append(found, a.ID)
			}
		}
		if !slices.Equal(free, step.free) || !slices.Equal(found, step.found) {
			t.Errorf("%s: free are %v, in blocks %v", step.name, free, found)
		}
	}
}

// The time until the block does not count towards the time that mail is tried for, and nothing is
// left of an entry that is gone.
func TestUntilIncludedIsNoDelay(t *testing.T) {
	st := openStore(t)
	q := New(st)
	now := time.Now()
	q.SetClock(func() time.Time { return now })
	for range 2 {
		must(q.Submit(t.Context(), Envelope{From: "user@local.example", Account: 2, Recipients: []string{"a@one.example"}, UntilIncluded: true}, []byte(mailText)))(t)
	}
	sealAll(t, st, q)
	now = now.Add(time.Hour)
	if err := q.SetIncluded(t.Context(), []uint64{1}, true); err != nil {
		t.Fatal(err)
	}
	must(q.ReleaseByHand(t.Context(), Which{ID: 2}))(t)
	now = now.Add(time.Hour)
	for id := range uint64(2) {
		if held := q.HeldFor(id + 1); held != time.Hour {
			t.Errorf("entry %d was held for %v", id+1, held)
		}
		if err := q.Drop(t.Context(), id+1); err != nil {
			t.Fatal(err)
		}
	}
	if list := must(q.Awaited(0, 10))(t); len(list) > 0 {
		t.Errorf("left is %+v", list)
	}
}

// What cannot be read is held, and a check makes it anew.
func TestUntilIncludedDamaged(t *testing.T) {
	st := openStore(t)
	must(New(st).Submit(t.Context(), Envelope{From: "user@local.example", Account: 2, Recipients: []string{"a@one.example"}, UntilIncluded: true}, []byte(mailText)))(t)
	for _, v := range []until{{Version: untilVersion + 1}, {Version: untilVersion, Included: 1}} {
		err := st.Update(t.Context(), func(tx *mailstore.Tx) error { return tx.Space(outcomeSpace).PutJSON(untilKey(1), v) })
		if err != nil {
			t.Fatal(err)
		}
		q := New(st)
		if _, err := q.Upgrade(t.Context()); err != nil || !q.AwaitsBlock(1) {
			t.Errorf("%v: %v, held: %v", v, err, q.AwaitsBlock(1))
		}
	}
	if err := st.Update(t.Context(), mendOutcome(untilKey(1))); err != nil {
		t.Fatal(err)
	}
	q := New(st)
	if _, err := q.Upgrade(t.Context()); err != nil || !q.AwaitsBlock(1) {
		t.Errorf("mended: %v, held: %v", err, q.AwaitsBlock(1))
	}
}
