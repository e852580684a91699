package outbox

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"cairn/mailstore"
)

// Of a domain the longest waiting entry is first, and of domains the one that has waited longest; a
// retry puts nothing behind what came later.
func TestOrder(t *testing.T) {
	st := openStore(t)
	q := New(st)
	began := time.UnixMilli(1_000_000)
	now := began
	q.SetClock(func() time.Time { return now })
	for i, to := range []string{"x@b.example", "x@b.example", "x@a.example", "x@b.example"} {
		submitTo(t, q, to)
		now = began.Add(time.Duration(i) * time.Second)
		seal(t, st, q, uint64(i+1))
	}
	order := func() (domains []string, of []uint64) {
		t.Helper()
		q.LookAgain()
		if err := q.Refresh(t.Context(), st.Update); err != nil {
			t.Fatal(err)
		}
		domains, _ = q.DueDomains(now, time.Hour, func(string) bool { return false })
		if err := q.Due("b.example", now, time.Hour, func(id uint64) bool { of = append(of, id); return true }); err != nil {
			t.Fatal(err)
		}
		return domains, of
	}
	if domains, of := order(); !slices.Equal(domains, []string{"b.example", "a.example"}) || !slices.Equal(of, []uint64{1, 2, 4}) {
		t.Errorf("domains %v, of b.example %v", domains, of)
	}
	putOff(t, st, q, 1, now.Add(30*time.Minute))
	putOff(t, st, q, 2, now.Add(20*time.Minute))
	order() // only now it is known how long b.example has waited
	if domains, of := order(); !slices.Equal(domains, []string{"a.example", "b.example"}) || !slices.Equal(of, []uint64{4}) {
		t.Errorf("put off: domains %v, of b.example %v", domains, of)
	}
	if err := q.RetryDomain(t.Context(), "b.example"); err != nil {
		t.Fatal(err)
	}
	submitTo(t, q, "x@b.example")
	seal(t, st, q, 5)
	if domains, of := order(); !slices.Equal(domains, []string{"b.example", "a.example"}) || !slices.Equal(of, []uint64{4, 2, 1, 5}) {
		t.Errorf("retried: domains %v, of b.example %v", domains, of)
	}
	putOff(t, st, q, 2, now.Add(20*time.Minute)) // the retry was before that
	if _, of := order(); !slices.Equal(of, []uint64{4, 1, 5}) {
		t.Errorf("put off again: %v", of)
	}
}

func putOff(t *testing.T, st *mailstore.Store, q *Queue, id uint64, at time.Time) {
	t.Helper()
	err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
		e, err := q.GetTx(tx, id)
		if err != nil {
			return err
		}
		return q.Postpone(tx, &e, at)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What was given a place after a domain was looked at is found, although the domain was looked
// through further than that.
func TestPlaceGivenWhileLooking(t *testing.T) {
	st := openStore(t)
	q := New(st)
	now := time.UnixMilli(1_000_000)
	q.SetClock(func() time.Time { return now })
	for id := range uint64(3) {
		submitTo(t, q, "x@b.example")
		seal(t, st, q, id+1)
	}
	for id, after := range map[uint64]time.Duration{1: 40 * time.Minute, 2: 30 * time.Minute} {
		putOff(t, st, q, id, now.Add(after))
	}
	if err := q.Drop(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	q.LookAgain()
	if err := errors.Join(q.Refresh(t.Context(), st.Update), q.Due("b.example", now, time.Hour, func(uint64) bool { return true })); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Retry(t.Context(), Which{ID: 1}); err != nil { // between the look and what is made of it
		t.Fatal(err)
	}
	if err := q.Advance(t.Context(), st.Update); err != nil {
		t.Fatal(err)
	}
	for _, again := range []*Queue{q, New(st)} {
		again.SetClock(func() time.Time { return now })
		if due, next := dueNow(t, again, now); !slices.Equal(due, []uint64{1}) || !next.Equal(now.Add(30*time.Minute)) {
			t.Errorf("due %v, next %s", due, next)
		}
	}
	h := must(headIn(st, "b.example"))(t)
	if h.low != placeAt(0, now) {
		t.Errorf("begins at %+v", h.low)
	}
}

func headIn(st *mailstore.Store, domain string) (h head, err error) {
	err = st.View(func(r *mailstore.Reader) error {
		h, err = headOf(r.Space(space), domain)
		return err
	})
	return h, err
}

// A retry of a domain writes none of its entries, and nothing where nothing was put off.
func TestRetryWritesNoEntry(t *testing.T) {
	st := openStore(t)
	q := New(st)
	now := time.UnixMilli(1_000_000)
	q.SetClock(func() time.Time { return now })
	for id := range uint64(3) {
		submitTo(t, q, "x@b.example")
		seal(t, st, q, id+1)
	}
	before := valuesOf(t, st)
	if err := q.RetryDomain(t.Context(), "b.example"); err != nil {
		t.Fatal(err)
	}
	if after := valuesOf(t, st); !slices.Equal(before, after) {
		t.Error("a retry of what is due has written something")
	}
	putOff(t, st, q, 2, now.Add(time.Minute))
	before = valuesOf(t, st)
	if err := q.RetryDomain(t.Context(), "b.example"); err != nil {
		t.Fatal(err)
	}
	changed := 0
	for i, v := range valuesOf(t, st) {
		if v != before[i] {
			changed++
		}
	}
	if changed > 2 { // head and counts
		t.Errorf("%d values were written", changed)
	}
}

func valuesOf(t *testing.T, st *mailstore.Store) (list []string) {
	t.Helper()
	err := st.View(func(r *mailstore.Reader) error {
		return r.Space(space).Scan(nil, nil, func(key, value []byte) bool {
			list = append(list, string(key)+"="+string(value))
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// What is put off by a transaction that fails is due as before, and the store's failure is told.
func TestRefreshFails(t *testing.T) {
	st := openStore(t)
	q := New(st)
	submitTo(t, q, "x@b.example")
	seal(t, st, q, 1)
	failed := errors.New("no such luck")
	err := q.Refresh(t.Context(), func(context.Context, func(*mailstore.Tx) error) error { return failed })
	if !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
	err = st.Update(t.Context(), func(tx *mailstore.Tx) error {
		e, err := q.GetTx(tx, 1)
		return errors.Join(err, q.Postpone(tx, &e, time.Now().Add(time.Hour)), failed)
	})
	if !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
	if due, _ := dueNow(t, q, time.Now()); !slices.Equal(due, []uint64{1}) {
		t.Errorf("due %v", due)
	}
}

// TestNextOf: a look at a domain tells when to come again.
func TestNextOf(t *testing.T) {
	st := openStore(t)
	q := New(st)
	now := time.UnixMilli(1_000_000)
	q.SetClock(func() time.Time { return now })
	submitTo(t, q, "x@b.example")
	seal(t, st, q, 1)
	putOff(t, st, q, 1, now.Add(time.Minute))
	look := func() {
		t.Helper()
		if err := errors.Join(q.Refresh(t.Context(), st.Update), q.Due("b.example", now, time.Hour, func(uint64) bool { return true })); err != nil {
			t.Fatal(err)
		}
	}
	look()
	if next := q.NextOf("b.example"); !next.Equal(now.Add(time.Minute)) {
		t.Errorf("next at %s", next)
	}
	putOff(t, st, q, 1, now.Add(time.Second))
	if err := q.Refresh(t.Context(), st.Update); err != nil {
		t.Fatal(err)
	}
	if next := q.NextOf("b.example"); !next.IsZero() {
		t.Errorf("of what has changed: %s", next)
	}
	look()
	if next := q.NextOf("b.example"); !next.Equal(now.Add(time.Second)) {
		t.Errorf("next at %s, after a change", next)
	}
	if next := q.NextOf("c.example"); !next.IsZero() {
		t.Errorf("of a domain without mail: %s", next)
	}
}
