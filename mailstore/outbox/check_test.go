package outbox

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"cairn/mailstore"
)

// madeOnDisk makes a store with five entries to two domains, of which the first three have a token
// and the first was tried.
func madeOnDisk(t *testing.T) (dir string, open func() *mailstore.Store) {
	t.Helper()
	dir = t.TempDir()
	open = func() *mailstore.Store { return must(mailstore.Open(dir, slog.New(slog.DiscardHandler)))(t) }
	st := open()
	err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
		_, err := tx.AddAccount("admin", nil)
		_, err2 := tx.AddAccount("user", []string{"user@local.example"})
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	q := New(st)
	submitTo(t, q, "a@one.example", "b@two.example")
	submitTo(t, q, "c@one.example")
	sealAll(t, st, q)
	err = st.Update(t.Context(), func(tx *mailstore.Tx) error {
		e, err := q.GetTx(tx, 1)
		e.Tried(time.Now().Truncate(time.Millisecond), "not now")
		return errors.Join(err, q.Postpone(tx, &e, time.Now().Add(time.Hour)))
	})
	if err != nil {
		t.Fatal(err)
	}
	submitTo(t, q, "d@one.example", "e@two.example")
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, open
}

// flipAll flips an octet of each value in tables of the queue, below the checksums of the store.
func flipAll(t *testing.T, dir, tables string) {
	t.Helper()
	db := must(badger.Open(badger.DefaultOptions(dir).WithLogger(nil)))(t)
	values := make(map[string][]byte)
	err := db.View(func(txn *badger.Txn) error {
		for _, table := range tables {
			it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte("s" + space + "\x00" + string(table))})
			for it.Rewind(); it.Valid(); it.Next() {
				v, err := it.Item().ValueCopy(nil)
				if err != nil {
					return err
				}
				v[len(v)/2] ^= 4
				values[string(it.Item().KeyCopy(nil))] = v
			}
			it.Close()
		}
		return nil
	})
	err = errors.Join(err, db.Update(func(txn *badger.Txn) error {
		for key, v := range values {
			if err := txn.Set([]byte(key), v); err != nil {
				return err
			}
		}
		return nil
	}), db.Close())
	if err != nil || len(values) == 0 {
		t.Fatalf("%d values, %v", len(values), err)
	}
}

// checked returns what a check of the store says.
func checked(t *testing.T, st *mailstore.Store, repair bool) (list []string) {
	t.Helper()
	_, err := st.Check(t.Context(), repair, func(f mailstore.Fault) {
		list = append(list, fmt.Sprintf("%s (mended %v of %v, %s)", f.Text, f.Mended, f.Derived, f.Cure))
	}, New(st).MapCheck())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// sound holds a queue to the five entries of madeOnDisk.
func sound(t *testing.T, when string, st *mailstore.Store) {
	t.Helper()
	q := New(st)
	unsealed, err := q.Unsealed(0, 10)
	if got := fmt.Sprint(ids(unsealed), err); got != "[4 5] <nil>" {
		t.Errorf("%s: without a token are %s", when, got)
	}
	sealed, err := q.Sealed(0, 10)
	if got := fmt.Sprint(ids(sealed), err); got != "[1 2 3] <nil>" {
		t.Errorf("%s: with a token are %s", when, got)
	}
	one, err := q.ListOf("one.example", 0, 10)
	if got := fmt.Sprint(ids(one), err); got != "[1 3 4] <nil>" {
		t.Errorf("%s: listed are %s", when, got)
	}
	waiting, _, err := q.waiting("one.example", all)
	if got := fmt.Sprint(waiting, err); got != "1 <nil>" {
		t.Errorf("%s: later are due %s", when, got)
	}
	if due, _ := dueNow(t, q, time.Now().Add(time.Second)); !slices.Equal(due, []uint64{2, 3}) {
		t.Errorf("%s: due are %v", when, due)
	}
	if due, _ := dueNow(t, q, time.Now().Add(2*time.Hour)); !slices.Equal(due, []uint64{1, 2, 3}) {
		t.Errorf("%s: due in time are %v", when, due)
	}
	if got := fmt.Sprint(must(q.Len())(t), must(q.LenUnsealed())(t), must(q.LenDeferred())(t), must(q.LenOf("two.example"))(t)); got != "5 2 1 2" {
		t.Errorf("%s: lengths %s", when, got)
	}
}

// The keys that lead to entries have no values: what is damaged of those changes nothing of what
// the queue does, and a check with repair makes them anew.
func TestDamagedPlacesStopNothing(t *testing.T) {
	for _, table := range []string{"u", "s", "l"} {
		dir, open := madeOnDisk(t)
		flipAll(t, dir, table)
		st := open()
		sound(t, table, st)
		for _, repair := range []bool{false, true} {
			list := checked(t, st, repair)
			for _, f := range list {
				if !strings.Contains(f, fmt.Sprintf("of the space queue cannot be read as it was stored: its checksum does not hold (mended %v of true, see that the disk is well; a check with repair", repair)) {
					t.Errorf("%s: a check with repair %v says %s", table, repair, f)
				}
			}
			if len(list) == 0 {
				t.Errorf("%s: a check finds nothing", table)
			}
		}
		if list := checked(t, st, false); len(list) > 0 {
			t.Errorf("%s: after repair a check says %q", table, list)
		}
		sound(t, table+" mended", st)
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
}

// All but the entries follows from these: a check finds what does not agree with them, and makes it
// anew.
func TestCheckMendsTheQueue(t *testing.T) {
	at := func(sp mailstore.Space, id uint64) [][]byte {
		e, err := getEntry(sp.SpaceReader, id)
		if err != nil {
			t.Fatal(err)
		}
		return keysOfPlace(&e)
	}
	without := func(ids ...uint64) func(sp mailstore.Space) error {
		return func(sp mailstore.Space) (err error) {
			for _, id := range ids {
				for _, key := range at(sp, id) {
					err = errors.Join(err, sp.Delete(key))
				}
			}
			return err
		}
	}
	for _, tt := range []struct {
		name   string
		change func(sp mailstore.Space) error
		says   string
	}{
		{"an entry without a token", func(sp mailstore.Space) error { return sp.Delete(at(sp, 4)[1]) }, "1 entries of the queue to one.example are not in their places; the first is entry 4"},
		{"an entry with one", func(sp mailstore.Space) error { return sp.Delete(at(sp, 1)[1]) }, "1 entries of the queue to one.example are not in their places; the first is entry 1"},
		{"the first that is due", func(sp mailstore.Space) error { return sp.Delete(at(sp, 3)[1]) }, "the first is entry 3"},
		{"a listed one", func(sp mailstore.Space) error { return sp.Delete(at(sp, 2)[0]) }, "1 entries of the queue to two.example are not in their places; the first is entry 2"},
		{"all places", without(1, 2, 3, 4, 5), "3 entries of the queue to one.example are not in their places; the first is entry 1"},
		{"a head", func(sp mailstore.Space) error { return sp.Delete(headKey("two.example")) }, "what the queue knows of two.example is not what its entries say"},
		{"a place and the head", func(sp mailstore.Space) error {
			return errors.Join(sp.Delete(at(sp, 3)[1]), sp.Delete(headKey("one.example")))
		}, "the first is entry 3"},
		{"a head that begins too late", func(sp mailstore.Space) error {
			h, err := storedHead(sp.SpaceReader, "one.example")
			h.low = place{h.low.round, h.low.at + 1000}
			return errors.Join(err, sp.Put(headKey("one.example"), h.encode()))
		}, "what the queue knows of one.example"},
		{"the counts", func(sp mailstore.Space) error {
			c, err := stored(sp.SpaceReader)
			c.unsealed--
			return errors.Join(err, sp.Put(countsKey, c.encode()))
		}, "the counts of the queue are not those of its entries"},
		{"the first without a token", func(sp mailstore.Space) error {
			c, err := stored(sp.SpaceReader)
			c.first = 5
			return errors.Join(err, sp.Put(countsKey, c.encode()))
		}, "the counts of the queue are not those of its entries"},
	} {
		_, open := madeOnDisk(t)
		st := open()
		before := keysOf(t, st)
		if list := checked(t, st, false); len(list) > 0 {
			t.Fatalf("of a sound queue a check says %q", list)
		}
		alter(t, st, tt.change)
		for _, repair := range []bool{false, true} {
			list := checked(t, st, repair)
			if len(list) == 0 || !strings.Contains(list[0], tt.says) || !strings.Contains(list[0], fmt.Sprintf("(mended %v of true", repair)) {
				t.Errorf("%s: a check with repair %v says %q", tt.name, repair, list)
			}
		}
		if list := checked(t, st, false); len(list) > 0 {
			t.Errorf("%s: after repair a check says %q", tt.name, list)
		}
		if !slices.Equal(keysOf(t, st), before) {
			t.Errorf("%s: the keys are others", tt.name)
		}
		sound(t, tt.name, st)
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
}

// With counts, heads and the last number damaged too, a check with repair makes all of it anew.
func TestCheckMendsWhatIsCounted(t *testing.T) {
	for _, tables := range []string{"c", "h", "n", "chnuls"} {
		dir, open := madeOnDisk(t)
		flipAll(t, dir, tables)
		st := open()
		if list := checked(t, st, true); len(list) == 0 || slices.ContainsFunc(list, func(f string) bool { return !strings.Contains(f, "mended true") }) {
			t.Errorf("%s: a check says %q", tables, list)
		}
		if list := checked(t, st, false); len(list) > 0 {
			t.Errorf("%s: after repair a check says %q", tables, list)
		}
		if all := must(New(st).List(0, 10))(t); len(all) != 5 || must(New(st).Len())(t) != 5 || must(New(st).LenUnsealed())(t) != 2 {
			t.Errorf("%s: %v", tables, ids(all))
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
}

// An entry that has no form or is gone holds up no others: who lists is told of it beside these,
// and the log once.
func TestDamagedEntryStopsNothing(t *testing.T) {
	says := map[string]string{"no form": "has another form than this version of Cairn gives it", "gone": "is not there, and keys that lead to it are"}
	for name, spoil := range map[string]func(sp mailstore.Space) error{
		"no form": func(sp mailstore.Space) error {
			return errors.Join(sp.Put(entryKey(1), []byte{1, 200}), sp.Put(entryKey(4), []byte{1, 200}))
		},
		"gone": func(sp mailstore.Space) error {
			return errors.Join(sp.Delete(entryKey(1)), sp.Delete(entryKey(4)))
		},
	} {
		_, open := madeOnDisk(t)
		st := open()
		alter(t, st, spoil)
		q := New(st)
		var log strings.Builder
		q.SetLog(slog.New(slog.NewTextHandler(&log, nil)))
		for range 2 {
			if list, err := q.Unsealed(0, 10); err != nil || !slices.Equal(ids(list), []uint64{5}) {
				t.Errorf("%s: without a token are %v, %v", name, ids(list), err)
			}
			if list, err := q.Sealed(0, 10); err != nil || !slices.Equal(ids(list), []uint64{2, 3}) {
				t.Errorf("%s: with one are %v, %v", name, ids(list), err)
			}
		}
		if list, err := q.ListOf("one.example", 0, 10); !spoilt(err) || !slices.Equal(ids(list), []uint64{3}) {
			t.Errorf("%s: listed of a domain are %v, %v", name, ids(list), err)
		}
		if list, err := q.List(0, 10); spoilt(err) != (name != "gone") || !slices.Equal(ids(list), []uint64{2, 3, 5}) {
			t.Errorf("%s: listed are %v, %v", name, ids(list), err)
		}
		if n := strings.Count(log.String(), "queue entry 4"); n != 1 {
			t.Errorf("%s: the log says %s", name, &log)
		}
		list := checked(t, st, true)
		if len(list) != 2 || slices.ContainsFunc(list, func(f string) bool { return !strings.Contains(f, says[name]+" (mended false of false, ") }) {
			t.Errorf("%s: a check says %q", name, list)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
}
