package outbox

import (
	"errors"
	"slices"
	"testing"
	"time"

	"cairn/mailstore"
)

// What somebody holds is not carried, also after a restart, until it is released; mail that comes
// later and what the recorder holds are other matters.
func TestHoldByHand(t *testing.T) {
	st := openStore(t)
	q := New(st)
	submit := func() {
		t.Helper()
		must(q.Submit(t.Context(), Envelope{From: "user@local.example", Account: 2, Recipients: []string{"a@one.example", "b@two.example"}}, []byte(mailText)))(t)
		sealAll(t, st, q)
	}
	submit()
	free := func(q *Queue) (ids []uint64) {
		for _, e := range must(q.List(0, 10))(t) {
			if q.Begin(e.Domain, e.ID) {
				ids = append(ids, e.ID)
				q.End(e.ID)
			}
		}
		return ids
	}
	for _, step := range []struct {
		name    string
		change  func() (int, error)
		changed int
		free    []uint64
	}{
		{"one", func() (int, error) { return q.HoldByHand(t.Context(), Which{ID: 1}) }, 1, []uint64{2}},
		{"once more", func() (int, error) { return q.HoldByHand(t.Context(), Which{ID: 1}) }, 0, []uint64{2}},
		{"a domain", func() (int, error) { return q.HoldByHand(t.Context(), Which{Domain: "two.example"}) }, 1, nil},
		{"another domain", func() (int, error) { return q.ReleaseByHand(t.Context(), Which{Domain: "three.example"}) }, 0, nil},
		{"mail that comes later", func() (int, error) { submit(); return 0, nil }, 0, []uint64{3, 4}},
		{"all", func() (int, error) { return q.HoldByHand(t.Context(), Which{All: true}) }, 2, nil},
		{"some again", func() (int, error) { return q.ReleaseByHand(t.Context(), Which{Domain: "one.example"}) }, 2, []uint64{1, 3}},
	} {
		n, err := step.change()
		if got := free(q); n != step.changed || err != nil || !slices.Equal(got, step.free) {
			t.Errorf("%s: %d changed, %v, free are %v", step.name, n, err, got)
		}
		again := New(st)
		if _, err := again.Upgrade(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := free(again); !slices.Equal(got, step.free) {
			t.Errorf("%s, after a restart: free are %v", step.name, got)
		}
	}
	if _, err := q.HoldByHand(t.Context(), Which{ID: 9}); !errors.Is(err, ErrGone) {
		t.Errorf("one that is not there: %v", err)
	}
	if _, err := q.HoldByHand(t.Context(), Which{}); err == nil {
		t.Error("nothing is named, and something is held")
	}
	if err := q.Drop(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	err := st.View(func(r *mailstore.Reader) error {
		if known, err := r.Space(outcomeSpace).Has(handKey(2)); known || err != nil {
			t.Errorf("it is held still after it was dropped: %v, %v", known, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A sender's copy is labelled as long as somebody waits for it who was tried in vain.
func TestLabelWaiting(t *testing.T) {
	st := openStore(t)
	q := New(st)
	id := must(q.Submit(t.Context(), Envelope{From: "user@local.example", Account: 2, Recipients: []string{"a@one.example", "b@two.example"}}, []byte(mailText)))(t)
	sealAll(t, st, q)
	labelled := func() (has bool) {
		t.Helper()
		err := st.View(func(r *mailstore.Reader) error {
			labels, err := r.Labels(2, id)
			has = slices.Contains(labels, mailstore.LabelWaiting)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return has
	}
	if labelled() {
		t.Error("labelled before an attempt")
	}
	e := must(q.Get(1))(t)
	err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
		e.Tried(time.Now(), "451 later")
		return q.Postpone(tx, &e, time.Now().Add(time.Minute))
	})
	if err != nil || !labelled() {
		t.Errorf("not labelled after an attempt: %v", err)
	}
	if err := q.Drop(t.Context(), 2); err != nil || !labelled() {
		t.Errorf("not labelled while one waits: %v", err)
	}
	if err := q.Drop(t.Context(), 1); err != nil || labelled() {
		t.Errorf("labelled after the last one: %v", err)
	}
}

// What is held is not told of as tried now, however it is named: it is not carried.
func TestRetryTellsNothingOfHeld(t *testing.T) {
	st := openStore(t)
	q := New(st)
	must(q.Submit(t.Context(), Envelope{From: "user@local.example", Account: 2, Recipients: []string{"a@one.example", "b@two.example", "c@three.example"}}, []byte(mailText)))(t)
	must(q.Submit(t.Context(), Envelope{From: "user@local.example", Account: 2, Recipients: []string{"a@one.example"}, UntilIncluded: true}, []byte(mailText)))(t)
	sealAll(t, st, q)
	if n, err := q.HoldByHand(t.Context(), Which{Domain: "two.example"}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	q.Hold([]uint64{3})
	for _, tt := range []struct {
		which Which
		want  int
	}{
		{Which{All: true}, 1},
		{Which{Account: 2}, 1},
		{Which{Domain: "one.example"}, 1},
		{Which{Domain: "one.example", Account: 2}, 1},
		{Which{Domain: "two.example"}, 0},
		{Which{From: "user@local.example", Domain: "three.example"}, 0},
		{Which{ID: 1}, 1},
		{Which{ID: 4}, 0},
	} {
		err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
			for _, e := range must(q.List(0, 10))(t) {
				if err := q.Postpone(tx, &e, time.Now().Add(time.Hour)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := q.Retry(t.Context(), tt.which); n != tt.want || err != nil {
			t.Errorf("%+v: %d tried now, want %d; %v", tt.which, n, tt.want, err)
		}
	}
	if n, err := q.ReleaseByHand(t.Context(), Which{Domain: "two.example"}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := q.Retry(t.Context(), Which{Domain: "two.example"}); n != 1 || err != nil {
		t.Errorf("released: %d tried now, %v", n, err)
	}
}
