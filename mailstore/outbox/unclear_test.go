package outbox

import (
	"errors"
	"testing"

	"cairn/mailstore"
)

// That an entry may have arrived is known after a restart, until it is known or the entry is gone.
func TestUnclear(t *testing.T) {
	st := openStore(t)
	q := New(st)
	must(q.Submit(t.Context(), Envelope{From: "user@local.example", Account: 2, Recipients: []string{"a@one.example", "b@two.example", "c@three.example"}}, []byte(mailText)))(t)
	sealAll(t, st, q)
	change := func(fn func(tx *mailstore.Tx) error) {
		t.Helper()
		if err := st.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(when string, want map[uint64]string) {
		t.Helper()
		again := New(st)
		if _, err := again.Upgrade(t.Context()); err != nil {
			t.Fatal(err)
		}
		for name, q := range map[string]*Queue{"": q, " after a restart": again} {
			for id := uint64(1); id <= 3; id++ {
				peer, is := q.Unclear(id)
				if w, wanted := want[id]; is != wanted || peer != w {
					t.Errorf("%s%s: entry %d: %q, %v", when, name, id, peer, is)
				}
			}
		}
	}
	change(func(tx *mailstore.Tx) error {
		for id := uint64(1); id <= 3; id++ {
			if err := q.NoteUnclear(tx, id, "peer"); err != nil {
				return err
			}
		}
		return nil
	})
	expect("noted", map[uint64]string{1: "peer", 2: "peer", 3: "peer"})
	change(func(tx *mailstore.Tx) error { return q.ForgetUnclear(tx, 1) })
	if err := q.Drop(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	expect("one known, one dropped", map[uint64]string{3: "peer"})
	change(mendOutcome(unclearKey(3)))
	q.way.setUnclear(3, "")
	expect("damaged and mended", map[uint64]string{3: ""})
}

// What may have been under way when a run ended out of order is known until something is heard of
// it, and after another restart it is known again.
func TestPerhapsCarried(t *testing.T) {
	st := openStore(t)
	start := func() *Queue {
		t.Helper()
		q := New(st)
		if _, err := q.Upgrade(t.Context()); err != nil {
			t.Fatal(err)
		}
		return q
	}
	submit := func(q *Queue) {
		t.Helper()
		must(q.Submit(t.Context(), Envelope{From: "user@local.example", Account: 2, Recipients: []string{"a@one.example"}}, []byte(mailText)))(t)
	}
	expect := func(when string, q *Queue, want ...bool) {
		t.Helper()
		for i, w := range want {
			if got := q.PerhapsCarried(uint64(i + 1)); got != w {
				t.Errorf("%s: entry %d: %v", when, i+1, got)
			}
		}
	}
	q := start()
	submit(q)
	if err := errors.Join(q.BeginRun(t.Context()), q.EndRun(t.Context())); err != nil {
		t.Fatal(err)
	}
	expect("in a run", q, false)
	q = start()
	expect("after one that ended in order", q, false)
	if err := q.BeginRun(t.Context()); err != nil {
		t.Fatal(err)
	}
	q = start()
	submit(q)
	expect("after one that did not", q, true, false)
	if err := st.Update(t.Context(), func(tx *mailstore.Tx) error { return q.ForgetUnclear(tx, 1) }); err != nil {
		t.Fatal(err)
	}
	expect("it has not arrived", q, false, false)
	if err := errors.Join(q.BeginRun(t.Context()), q.EndRun(t.Context())); err != nil {
		t.Fatal(err)
	}
	expect("one restart later", start(), true, false)
}
