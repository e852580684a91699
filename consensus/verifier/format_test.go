package verifier

import (
	"context"
	"errors"
	"strings"
	"testing"

	"cairn/mailstore"
)

// TestFormat: what has no number is of format 1, each step is taken in order and may be broken off,
// a later format is refused.
func TestFormat(t *testing.T) {
	var taken []uint64
	broken := errors.New("broken off")
	fail := false
	step := func(at uint64) func(context.Context, *mailstore.Store) error {
		return func(context.Context, *mailstore.Store) error {
			if fail {
				return broken
			}
			taken = append(taken, at)
			return nil
		}
	}
	steps := map[uint64]func(context.Context, *mailstore.Store) error{1: step(1), 2: step(2)}
	store, err := mailstore.Open(t.TempDir(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	number := func() (n uint64) {
		t.Helper()
		err := store.View(func(rd *mailstore.Reader) (err error) {
			n, _, err = rd.Space(space).Number([]byte(keyFormat))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	put := func(fn func(sp mailstore.Space) error) {
		t.Helper()
		if err := store.Update(t.Context(), func(tx *mailstore.Tx) error { return fn(tx.Space(space)) }); err != nil {
			t.Fatal(err)
		}
	}

	if err := bringUp(t.Context(), store, 3, steps); err != nil || number() != 3 || taken != nil {
		t.Errorf("an empty store: %v, format %d, steps %v", err, number(), taken)
	}
	put(func(sp mailstore.Space) error {
		return errors.Join(sp.Delete([]byte(keyFormat)), sp.Put([]byte(keyJournal), []byte("7")))
	})
	fail = true
	if err := bringUp(t.Context(), store, 3, steps); !errors.Is(err, broken) || number() != 0 {
		t.Errorf("a step that fails: %v, format %d", err, number())
	}
	fail = false
	if err := bringUp(t.Context(), store, 2, steps); err != nil || number() != 2 {
		t.Errorf("from 0.1.0: %v, format %d", err, number())
	}
	if err := bringUp(t.Context(), store, 3, steps); err != nil || number() != 3 || len(taken) != 2 || taken[1] != 2 {
		t.Errorf("from 2: %v, format %d, steps %v", err, number(), taken)
	}
	err = bringUp(t.Context(), store, 2, steps)
	if err == nil || !strings.Contains(err.Error(), "of format 3, and this Cairn knows formats up to 2") || number() != 3 {
		t.Errorf("a later format: %v, format %d", err, number())
	}
}

// TestLadderIsWhole: there is a step from each format before this one.
func TestLadderIsWhole(t *testing.T) {
	for at := uint64(1); at < formatVersion; at++ {
		if ladder[at] == nil {
			t.Errorf("no step from format %d", at)
		}
	}
	if len(ladder) != formatVersion-1 {
		t.Errorf("%d steps to format %d", len(ladder), formatVersion)
	}
}

// TestBegin: a store with findings of 0.1.0 is taken as it is.
func TestBegin(t *testing.T) {
	w := newWorld(t, setting{})
	if err := w.v.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at, noted, err := formatOf(w.store, formatVersion); at != formatVersion || !noted || err != nil {
		t.Errorf("format %d, noted %v, %v", at, noted, err)
	}
}
