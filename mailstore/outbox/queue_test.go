package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"cairn/mailstore"
)

func submitTo(t testing.TB, q *Queue, rcpts ...string) {
	t.Helper()
	_, err := q.Submit(t.Context(), Envelope{From: "user@local.example", Account: 2, Recipients: rcpts}, []byte(mailText))
	if err != nil {
		t.Fatal(err)
	}
}

func ids(es []Entry) (out []uint64) {
	for _, e := range es {
		out = append(out, e.ID)
	}
	return out
}

func dueNow(t testing.TB, q *Queue, now time.Time) (out []uint64, next time.Time) {
	t.Helper()
	return dueIn(t, q, now)
}

func seal(t testing.TB, st *mailstore.Store, q *Queue, id uint64) {
	t.Helper()
	err := st.Update(t.Context(), func(tx *mailstore.Tx) error { return q.Seal(tx, id, []byte("Cairn-Record: t\r\n")) })
	if err != nil {
		t.Fatal(err)
	}
}

func TestQueueLife(t *testing.T) {
	st := openStore(t)
	q := New(st)
	now := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC)
	q.now = func() time.Time { return now }
	submitTo(t, q, "a@far.example", "b@near.example")
	submitTo(t, q, "c@far.example")
	select {
	case <-q.Wake():
	default:
		t.Error("the sealer was not woken")
	}

	waiting, err := q.Unsealed(0, 2)
	if err != nil || !slices.Equal(ids(waiting), []uint64{1, 2}) {
		t.Fatalf("unsealed %v (%v)", ids(waiting), err)
	}
	if waiting, _ = q.Unsealed(2, 10); !slices.Equal(ids(waiting), []uint64{3}) {
		t.Fatalf("unsealed after 2: %v", ids(waiting))
	}
	if raw, err := q.Raw(waiting[0]); err != nil || string(raw) != mailText {
		t.Fatalf("raw %q (%v)", raw, err)
	}
	if got, _ := dueNow(t, q, now); got != nil {
		t.Fatalf("unsealed entries are due: %v", got)
	}
	if _, err := q.Retry(t.Context(), Which{ID: 1}); err != nil { // of no effect yet
		t.Fatal(err)
	}

	for id := range uint64(3) {
		seal(t, st, q, id+1)
	}
	if waiting, _ = q.Unsealed(0, 10); waiting != nil {
		t.Fatalf("sealed entries wait for their token: %v", ids(waiting))
	}
	if got, next := dueNow(t, q, now); !slices.Equal(got, []uint64{1, 2, 3}) || !next.IsZero() {
		t.Fatalf("due %v, next %v", got, next)
	}
	later := now.Add(time.Minute)
	err = st.Update(t.Context(), func(tx *mailstore.Tx) error {
		e, err := q.GetTx(tx, 2)
		if err != nil {
			return err
		}
		e.Tried(now, "451 later")
		return q.Postpone(tx, &e, later)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, next := dueNow(t, q, now); !slices.Equal(got, []uint64{1, 3}) || !next.Equal(later.Truncate(time.Millisecond)) {
		t.Fatalf("due %v, next %v", got, next)
	}
	seal(t, st, q, 1) // again: still one place in the index
	if err := q.RetryDomain(t.Context(), "near.example"); err != nil {
		t.Fatal(err)
	}
	if got, _ := dueNow(t, q, now); !slices.Equal(got, []uint64{1, 2, 3}) {
		t.Fatalf("due %v", got)
	}
	all, err := q.List(1, 10)
	if err != nil || !slices.Equal(ids(all), []uint64{2, 3}) || all[0].Attempts != 1 || all[0].History[0].Result != "451 later" {
		t.Fatalf("list %+v (%v)", all, err)
	}
	if n := must(q.LenDeferred())(t); n != 1 {
		t.Errorf("%d entries are deferred, want the one that was tried", n)
	}
	for id := range uint64(3) {
		if err := q.Drop(t.Context(), id+1); err != nil {
			t.Fatal(err)
		}
	}
	if n := must(q.Len())(t) + must(q.LenUnsealed())(t); n != 0 {
		t.Fatalf("%d left", n)
	}
	if got, _ := dueNow(t, q, later); got != nil {
		t.Fatalf("dropped entries are due: %v", got)
	}
	_, retried := q.Retry(t.Context(), Which{ID: 1})
	for _, err := range []error{
		q.Drop(t.Context(), 1), retried,
		st.Update(t.Context(), func(tx *mailstore.Tx) error { return q.Seal(tx, 1, nil) }),
	} {
		if !errors.Is(err, ErrGone) {
			t.Errorf("error %v, want ErrGone", err)
		}
	}
	submitTo(t, q, "a@far.example")
	if all, _ := q.List(0, 10); all[0].ID != 4 {
		t.Errorf("id %d was given again", all[0].ID)
	}
}

// What a clock that was ahead has put off is tried at once, and when it is due by a clock that was
// right.
func TestPutOffByAWrongClock(t *testing.T) {
	st := openStore(t)
	q := New(st)
	now := time.Now()
	var want []uint64
	for i, off := range []time.Duration{-time.Minute, time.Minute, 59 * time.Minute, 61 * time.Minute, 87600 * time.Hour} {
		q.now = func() time.Time { return now.Add(off) }
		submitTo(t, q, "a@far.example")
		seal(t, st, q, uint64(i+1))
		if off < 0 || off > time.Hour {
			want = append(want, uint64(i+1))
		}
	}
	if got, next := dueNow(t, q, now); !slices.Equal(got, want) || next.Sub(now).Round(time.Second) != time.Minute {
		t.Errorf("due %v, want %v; next %v", got, want, next)
	}
}

func TestRetryDomainMovesAll(t *testing.T) {
	st := openStore(t)
	q := New(st)
	const n = 2*retryStep + 10
	now := time.Now()
	for i := range n {
		submitTo(t, q, fmt.Sprintf("u%d@far.example", i))
	}
	q.now = func() time.Time { return now.Add(time.Hour) }
	sealAll(t, st, q)
	q.now = func() time.Time { return now }
	if err := q.RetryDomain(t.Context(), "far.example"); err != nil {
		t.Fatal(err)
	}
	if got, next := dueNow(t, q, now); len(got) != n || !next.IsZero() {
		t.Fatalf("%d of %d due, next %v", len(got), n, next)
	}
}

// TestQueueKeepsMessage: mail leaves although its sender threw the sent copy
// away, and its bytes go when it has left.
func TestQueueKeepsMessage(t *testing.T) {
	st := openStore(t)
	q := New(st)
	submitTo(t, q, "a@far.example")
	e := must(q.List(0, 1))(t)[0]
	err := st.Update(t.Context(), func(tx *mailstore.Tx) error { return tx.RemoveMessage(e.Account, e.Message) })
	if err != nil {
		t.Fatal(err)
	}
	if raw := must(q.Raw(e))(t); string(raw) != mailText {
		t.Fatalf("raw %q", raw)
	}
	if err := q.Drop(t.Context(), e.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Raw(e); !errors.Is(err, mailstore.ErrNotFound) {
		t.Fatalf("raw after the drop: %v", err)
	}
}

func TestSubmitToClosedStore(t *testing.T) {
	st := openStore(t)
	q := New(st)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := q.Submit(context.Background(), Envelope{Account: 1, Recipients: []string{"a@b"}}, []byte("x"))
	if !errors.Is(err, mailstore.ErrClosed) {
		t.Fatal(err)
	}
}

// must takes the results of a call and fails the test on an error.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// All that waits for its next attempt is due at once when that is asked for, in several
// transactions if need be; what has no token is not.
func TestRetryAll(t *testing.T) {
	st := openStore(t)
	q := New(st)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	q.now = func() time.Time { return now }
	const n = retryStep + 2
	for i := range n {
		submitTo(t, q, fmt.Sprintf("a@far%d.example", i))
	}
	err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
		for id := uint64(1); id < n; id++ {
			e, err := q.GetTx(tx, id)
			if err != nil {
				return err
			}
			e.Token = []byte("Cairn-Record: t\r\n")
			e.Tried(now, "451 later")
			if err := q.Postpone(tx, &e, now.Add(time.Minute)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if due, _ := dueNow(t, q, now); due != nil {
		t.Fatalf("due before: %v", due)
	}
	if moved, err := q.RetryAll(t.Context()); moved != n-1 || err != nil {
		t.Errorf("%d moved, %v", moved, err)
	}
	if due, _ := dueNow(t, q, now); len(due) != n-1 {
		t.Errorf("%d are due", len(due))
	}
	if moved, err := q.RetryAll(t.Context()); moved != 0 || err != nil {
		t.Errorf("once more: %d moved, %v", moved, err)
	}
	if e, err := q.Get(1); e.LastError != "451 later" || err != nil {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := q.Get(n + 1); !errors.Is(err, ErrGone) {
		t.Errorf("none: %v", err)
	}
}
