package verifier

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
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

// TestBegin: what 0.1.0 found out, of which testdata has the entries in hex digits (a mail that the
// pinned org1.example recorded, one of org3.example, one without a record, one that the known list
// of org2.example sent on), is brought up, however often that is begun.
func TestBegin(t *testing.T) {
	dump, err := os.ReadFile("testdata/findings-0.1.0.txt")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, setting{})
	w.must(w.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		sp := tx.Space(space)
		for _, key := range w.keys("") {
			if err := sp.Delete(key); err != nil {
				return err
			}
		}
		for line := range strings.Lines(string(dump)) {
			k, v, _ := strings.Cut(strings.TrimSpace(line), " ")
			key, keyErr := hex.DecodeString(k)
			value, valueErr := hex.DecodeString(v)
			if err := errors.Join(keyErr, valueErr, sp.Put(key, value)); err != nil {
				return err
			}
		}
		return nil
	}))
	if at, noted, err := formatOf(w.store, formatVersion); at != 1 || noted || err != nil {
		t.Fatalf("testdata is of format %d, noted %v, %v", at, noted, err)
	}
	for range 2 {
		w.must(w.v.Begin(t.Context()))
		if at, noted, err := formatOf(w.store, formatVersion); at != formatVersion || !noted || err != nil {
			t.Errorf("format %d, noted %v, %v", at, noted, err)
		}
		w.indexed()
		if orgs, via := w.keys(prefixOrg), w.keys("via/org2.example\x00"); len(orgs) != 3 || len(via) != 1 {
			t.Errorf("%d of 3 mails by who recorded them, %d of 1 by who sent it on", len(orgs), len(via))
		}
		w.must(noteFormat(t.Context(), w.store, 1))
	}
}
