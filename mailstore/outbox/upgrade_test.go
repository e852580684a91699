package outbox

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
)

// before puts the queue of testdata into a store, as version 0.1.0 wrote it: hex digits of keys and
// values.
func before(t *testing.T, st *mailstore.Store) {
	t.Helper()
	file, err := os.Open("testdata/queue-0.1.0.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	err = st.Update(t.Context(), func(tx *mailstore.Tx) error {
		blob, err := tx.PutBlob([]byte(mailText))
		for lines := bufio.NewScanner(file); err == nil && lines.Scan(); {
			k, v, _ := strings.Cut(lines.Text(), " ")
			key, keyErr := hex.DecodeString(k)
			value, valueErr := hex.DecodeString(v)
			err = errors.Join(keyErr, valueErr, tx.Space(space).Put(key, value))
			if key[0] == 'e' {
				err = errors.Join(err, tx.HoldBlob(blob, holdName(idOf(key))))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUpgrade(t *testing.T) {
	st := openStore(t)
	before(t, st)
	q := New(st)
	now := time.Date(2026, 1, 2, 3, 4, 30, 0, time.UTC)
	q.SetClock(func() time.Time { return now })
	for name, err := range map[string]error{
		"Len":    second(q.Len()),
		"List":   second(q.List(0, 10)),
		"Submit": second(q.Submit(t.Context(), Envelope{Account: 2, Recipients: []string{"a@b.example"}}, []byte(mailText))),
	} {
		if !errors.Is(err, errOld) {
			t.Errorf("%s of a queue that was not brought up: %v", name, err)
		}
	}
	// It is interrupted after each transaction.
	for n, left := 0, 3; left > 0; n++ {
		ctx, cancel := context.WithCancel(t.Context())
		if n < 9 {
			err := st.Update(ctx, func(tx *mailstore.Tx) error {
				c, err := stored(tx.Space(space).SpaceReader)
				if err != nil {
					return err
				}
				id := c.done + 1
				if _, err := q.GetTx(tx, id); errors.Is(err, ErrGone) {
					id++ // 9 was dropped
				}
				_, _, err = bringUp(tx, []uint64{id})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			if _, err := q.Upgrade(ctx); !errors.Is(err, context.Canceled) {
				t.Fatalf("after %d: %v", n+1, err)
			}
		} else {
			left--
			if n, err := New(st).Upgrade(t.Context()); n != 0 || err != nil {
				t.Fatalf("in the end: %d more, %v", n, err)
			}
		}
		cancel()
	}
	asBefore(t, st, q, now)
}

// TestUpgradeAtOnce does the same without an interruption.
func TestUpgradeAtOnce(t *testing.T) {
	st := openStore(t)
	before(t, st)
	q := New(st)
	now := time.Date(2026, 1, 2, 3, 4, 30, 0, time.UTC)
	q.SetClock(func() time.Time { return now })
	if n, err := q.Upgrade(t.Context()); n != 9 || err != nil {
		t.Fatalf("%d brought up, %v", n, err)
	}
	asBefore(t, st, q, now)
}

// TestUpgradeStepsOverDamage: entries that cannot be read stay as they are and are named, and the
// others are brought up.
func TestUpgradeStepsOverDamage(t *testing.T) {
	st := openStore(t)
	before(t, st)
	spoilt := []byte{1, 200}
	alter(t, st, func(sp mailstore.Space) error {
		return errors.Join(sp.Put(entryKey(1), spoilt), sp.Put(entryKey(10), nil))
	})
	q := New(st)
	var log strings.Builder
	q.SetLog(slog.New(slog.NewTextHandler(&log, nil)))
	if n, err := q.Upgrade(t.Context()); n != 7 || err != nil {
		t.Fatalf("%d brought up, %v", n, err)
	}
	for _, id := range []string{"entry=1 ", "entry=10 "} {
		if strings.Count(log.String(), id) != 1 {
			t.Errorf("the log does not name %s: %s", id, log.String())
		}
	}
	if n, err := New(st).Upgrade(t.Context()); n != 0 || err != nil {
		t.Errorf("once more: %d, %v", n, err)
	}
	if got, _ := dueNow(t, q, time.Date(2026, 1, 2, 3, 4, 30, 0, time.UTC)); !slices.Equal(got, []uint64{3, 7, 8}) {
		t.Errorf("due %v", got)
	}
	if n := must(q.Len())(t); n != 7 {
		t.Errorf("%d entries", n)
	}
	if _, err := q.List(0, 100); !errors.Is(err, errEntry) {
		t.Errorf("a listing says %v", err)
	}
	alter(t, st, func(sp mailstore.Space) error {
		if b, err := sp.Get(entryKey(1)); err != nil || !slices.Equal(b, spoilt) {
			t.Errorf("the entry is %x, %v", b, err)
		}
		return nil
	})
}

// asBefore holds that the queue of testdata is whole.
func asBefore(t *testing.T, st *mailstore.Store, q *Queue, now time.Time) {
	t.Helper()
	if got, next := dueNow(t, q, now); !slices.Equal(got, []uint64{1, 3, 7, 8}) || next.UTC() != time.Date(2026, 1, 2, 3, 6, 21, 0, time.UTC) {
		t.Errorf("due %v, next %s", got, next.UTC())
	}
	list := must(q.List(0, 100))(t)
	unsealed := must(q.Unsealed(0, 100))(t)
	if !slices.Equal(ids(list), []uint64{1, 2, 3, 4, 5, 6, 7, 8, 10}) || !slices.Equal(ids(unsealed), []uint64{5, 6, 10}) {
		t.Errorf("entries %v, unsealed %v", ids(list), ids(unsealed))
	}
	if of := must(q.ListOf("near.example", 0, 10))(t); !slices.Equal(ids(of), []uint64{2, 7}) || of[0].LastError != "451 4.2.0 later" {
		t.Errorf("of near.example %v", of)
	}
	lengths := fmt.Sprint(must(q.Len())(t), must(q.LenUnsealed())(t), must(q.LenDeferred())(t), must(q.LenOf("far.example"))(t))
	if lengths != "9 3 3 6" {
		t.Errorf("lengths %s", lengths)
	}
	err := st.View(func(r *mailstore.Reader) error {
		return r.Space(space).Scan([]byte("d"), nil, func(key, _ []byte) bool {
			t.Errorf("left over: %x", key)
			return true
		})
	})
	if err != nil {
		t.Error(err)
	}
	submitTo(t, q, "new@far.example")
	if got := must(q.ListOf("far.example", 10, 10))(t); !slices.Equal(ids(got), []uint64{11}) {
		t.Errorf("the next one is %v", ids(got))
	}
	for _, e := range must(q.List(0, 100))(t) {
		if _, _, err := q.Load(e.ID); err != nil {
			t.Errorf("message of %d: %v", e.ID, err)
		}
		if err := q.Drop(t.Context(), e.ID); err != nil {
			t.Error(err)
		}
	}
	if left := keysOf(t, st); !slices.Equal(left, []string{"c", "n"}) {
		t.Errorf("left over: %q", left)
	}
}

// TestUpgradeWithoutCounts: where nobody knows how far an upgrade was, it goes on with what was not
// brought up.
func TestUpgradeWithoutCounts(t *testing.T) {
	for _, n := range []int{0, 4, 9} {
		for _, whole := range []bool{false, true} {
			st := openStore(t)
			before(t, st)
			q := New(st)
			now := time.Date(2026, 1, 2, 3, 4, 30, 0, time.UTC)
			q.SetClock(func() time.Time { return now })
			err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
				_, _, err := bringUp(tx, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 10}[:n])
				if n == 9 && err == nil && whole {
					_, _, err = bringUp(tx, nil)
				}
				if whole {
					return errors.Join(err, tx.Space(space).Delete(countsKey))
				}
				return errors.Join(err, tx.Space(space).Put(countsKey, []byte{2, 1}))
			})
			if err != nil {
				t.Fatal(err)
			}
			if brought, err := q.Upgrade(t.Context()); brought != 9-n || err != nil {
				t.Errorf("after %d: %d brought up, %v", n, brought, err)
			}
			asBefore(t, st, q, now)
		}
	}
}

// TestLaterQueue: what a later version wrote is left alone.
func TestLaterQueue(t *testing.T) {
	st := openStore(t)
	put := func(b []byte) {
		t.Helper()
		if err := st.Update(t.Context(), func(tx *mailstore.Tx) error { return tx.Space(space).Put(countsKey, b) }); err != nil {
			t.Fatal(err)
		}
	}
	q := New(st)
	put([]byte{3, 1, 2})
	if _, err := q.Upgrade(t.Context()); !errors.Is(err, ErrLater) || !strings.Contains(err.Error(), "format 3") {
		t.Errorf("%v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// keysOf returns the keys of the queue.
func keysOf(t testing.TB, st *mailstore.Store) (keys []string) {
	t.Helper()
	err := st.View(func(r *mailstore.Reader) error {
		return r.Space(space).Scan(nil, nil, func(key, _ []byte) bool {
			keys = append(keys, string(key))
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func FuzzDecodeHead(f *testing.F) {
	f.Add((&head{}).encode())
	f.Add((&head{all: 3, unsealed: 1, deferred: 2, round: 2, retried: 9, low: place{1, 7}, early: nowhere, mark: 4}).encode())
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := decodeHead(b); err == nil && !slices.Equal(h.encode(), b) {
			t.Fatalf("%x is read as what would be written %x", b, h.encode())
		}
	})
}

func FuzzDecodeCounts(f *testing.F) {
	f.Add((&counts{whole: true}).encode())
	f.Add((&counts{all: 3, unsealed: 1, deferred: 2, stamp: 5, first: 6, done: 7}).encode())
	f.Add([]byte{3})
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := decodeCounts(b); err == nil && !slices.Equal(c.encode(), b) {
			t.Fatalf("%x is read as what would be written %x", b, c.encode())
		}
	})
}
