package outbox

import (
	"errors"
	"slices"
	"testing"

	"cairn/mailstore"
)

// alter changes what is stored of the queue.
func alter(t testing.TB, st *mailstore.Store, fn func(sp mailstore.Space) error) {
	t.Helper()
	if err := st.Update(t.Context(), func(tx *mailstore.Tx) error { return fn(tx.Space(space)) }); err != nil {
		t.Fatal(err)
	}
}

// A last number that damage hides, or of which it hides the latest value, gives no entry the place of another one.
func TestMissingLastID(t *testing.T) {
	for name, spoil := range map[string]func(sp mailstore.Space) error{
		"gone":  func(sp mailstore.Space) error { return sp.Delete(lastKey) },
		"older": func(sp mailstore.Space) error { return sp.PutNumber(lastKey, 1) },
		"gone, and one that cannot be read is the last": func(sp mailstore.Space) error {
			return errors.Join(sp.Delete(lastKey), sp.Put(entryKey(4), []byte{1, 200}))
		},
	} {
		st := openStore(t)
		q := New(st)
		submitTo(t, q, "a@one.example", "b@two.example", "c@one.example")
		submitTo(t, q, "d@one.example")
		if err := q.Drop(t.Context(), 2); err != nil { // so there is none right behind the older number
			t.Fatal(err)
		}
		before := keysOf(t, st)
		alter(t, st, spoil)
		last := must(lastID(st))(t)
		submitTo(t, q, "e@one.example")
		submitTo(t, q, "f@two.example")
		for _, key := range before {
			if !slices.Contains(keysOf(t, st), key) && key != string(lastKey) {
				t.Errorf("%s: %q is gone", name, key)
			}
		}
		for id := last + 1; id <= last+2; id++ {
			if _, err := q.Get(id); err != nil {
				t.Errorf("%s: entry %d: %v", name, id, err)
			}
		}
		if n := must(q.Len())(t); n != 5 || last < 4 {
			t.Errorf("%s: %d entries, the last one was %d", name, n, last)
		}
	}
}

// lastID is the last id that was given, as the queue sees it.
func lastID(st *mailstore.Store) (id uint64, err error) {
	err = st.View(func(r *mailstore.Reader) (err error) {
		id, err = lastGiven(r.Space(space))
		return err
	})
	return id, err
}
