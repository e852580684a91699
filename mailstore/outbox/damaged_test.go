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

// alter changes what is stored of the queue.
func alter(t testing.TB, st *mailstore.Store, fn func(sp mailstore.Space) error) {
	t.Helper()
	if err := st.Update(t.Context(), func(tx *mailstore.Tx) error { return fn(tx.Space(space)) }); err != nil {
		t.Fatal(err)
	}
}

// A last number that damage hides, or of which it hides the latest value, gives no entry the place
// of another one.
func TestMissingLastID(t *testing.T) {
	for name, spoil := range map[string]func(sp mailstore.Space) error{
		"gone":  func(sp mailstore.Space) error { return sp.Delete(lastKey) },
		"older": func(sp mailstore.Space) error { return sp.PutNumber(lastKey, 1) },
		"gone, and one that cannot be read is the last": func(sp mailstore.Space) error {
			return errors.Join(sp.Delete(lastKey), sp.Put(entryKey(4), []byte{1, 200}))
		},
	} {
		for _, started := range []bool{false, true} { // since
			missingLastID(t, name, spoil, started)
		}
	}
}

// missingLastID: the queue is that which gave the number, or one that was started since.
func missingLastID(t *testing.T, name string, spoil func(sp mailstore.Space) error, started bool) {
	t.Helper()
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
	if started {
		q = New(st)
	}
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

// lastID is the last id that was given, as the queue sees it.
func lastID(st *mailstore.Store) (id uint64, err error) {
	err = st.View(func(r *mailstore.Reader) (err error) {
		id, err = lastGiven(r.Space(space))
		return err
	})
	return id, err
}

// What is known of one domain is damaged: it is made anew once, at the start, and mail to all
// domains goes on.
func TestDamagedHeadStopsNothing(t *testing.T) {
	st := openStore(t)
	q := New(st)
	submitTo(t, q, "a@one.example", "b@two.example")
	sealAll(t, st, q)
	alter(t, st, func(sp mailstore.Space) error { return sp.Put(headKey("one.example"), []byte{headVersion, 200}) })
	q = New(st) // a start
	var log strings.Builder
	q.SetLog(slog.New(slog.NewTextHandler(&log, nil)))
	for range 2 {
		if due, _ := dueNow(t, q, time.Now().Add(time.Second)); !slices.Equal(due, []uint64{1, 2}) {
			t.Errorf("due %v", due)
		}
	}
	if n, err := q.LenOf("one.example"); n != 1 || err != nil {
		t.Errorf("%d entries, %v", n, err)
	}
	if strings.Count(log.String(), "domain=one.example") != 1 || strings.Contains(log.String(), "two.example") {
		t.Errorf("the log says %s", log.String())
	}
}

// Damaged counts stop neither who submits, nor who lists, nor who carries. The first change stores
// them anew.
func TestDamagedCountsStopNothing(t *testing.T) {
	st := openStore(t)
	q := New(st)
	var log strings.Builder
	q.SetLog(slog.New(slog.NewTextHandler(&log, nil)))
	submitTo(t, q, "a@one.example", "b@two.example")
	sealAll(t, st, q)
	alter(t, st, func(sp mailstore.Space) error { return sp.Put(countsKey, []byte{format, 200}) })
	if list, err := q.List(0, 10); len(list) != 2 || err != nil {
		t.Errorf("listed %v, %v", ids(list), err)
	}
	if due, _ := dueNow(t, q, time.Now().Add(time.Second)); !slices.Equal(due, []uint64{1, 2}) {
		t.Errorf("due %v", due)
	}
	submitTo(t, q, "c@one.example")
	submitTo(t, q, "d@one.example")
	if got := fmt.Sprint(must(q.Len())(t), must(q.LenUnsealed())(t)); got != "4 2" {
		t.Errorf("lengths %s", got)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("the log says %s", log.String())
	}
	alter(t, st, func(sp mailstore.Space) error { _, err := stored(sp.SpaceReader); return err })
}

// All of that with octets flipped on the disk: the checksums do not hold, and mail goes on.
func TestFlippedOctets(t *testing.T) {
	dir := t.TempDir()
	open := func() *mailstore.Store { return must(mailstore.Open(dir, slog.New(slog.DiscardHandler)))(t) }
	st := open()
	err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
		_, err := tx.AddAccount("admin", nil)
		_, err2 := tx.AddAccount("user", []string{"user@local.example"})
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	submitTo(t, New(st), "a@one.example", "b@two.example", "c@two.example")
	sealAll(t, st, New(st))
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	db := must(badger.Open(badger.DefaultOptions(dir).WithLogger(nil)))(t)
	err = db.Update(func(txn *badger.Txn) error {
		for _, key := range [][]byte{countsKey, lastKey, headKey("one.example"), entryKey(2)} {
			at := append([]byte("s"+space+"\x00"), key...)
			item, err := txn.Get(at)
			if err != nil {
				return err
			}
			b, err := item.ValueCopy(nil)
			if err != nil {
				return err
			}
			b[len(b)/2] ^= 4
			if err := txn.Set(at, b); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	st = open()
	defer st.Close()
	q := New(st)
	if n, err := q.Upgrade(t.Context()); n != 0 || err != nil {
		t.Errorf("upgrade: %d, %v", n, err)
	}
	if due, _ := dueNow(t, q, time.Now().Add(time.Second)); !slices.Equal(due, []uint64{1, 2, 3}) {
		t.Errorf("due %v", due)
	}
	submitTo(t, q, "d@one.example")
	if list, err := q.List(0, 10); !errors.Is(err, mailstore.ErrDamaged) || !slices.Equal(ids(list), []uint64{1, 3, 3 + skippedIDs + 1}) {
		t.Errorf("listed %v, %v", ids(list), err)
	}
	if n := must(q.Len())(t); n != 4 {
		t.Errorf("%d entries", n)
	}
}

// TestSpoiltEntryHoldsUpNoOthers: of an entry that waits for its token and cannot be read, those
// behind it are given all the same.
func TestSpoiltEntryHoldsUpNoOthers(t *testing.T) {
	for name, spoil := range map[string]func(sp mailstore.Space) error{
		"gone":         func(sp mailstore.Space) error { return sp.Delete(entryKey(1)) },
		"no entry":     func(sp mailstore.Space) error { return sp.Put(entryKey(1), []byte{1, 200}) },
		"a later kind": func(sp mailstore.Space) error { return sp.Put(entryKey(1), []byte{255}) },
	} {
		st := openStore(t)
		q := New(st)
		submitTo(t, q, "a@one.example")
		submitTo(t, q, "b@two.example")
		alter(t, st, spoil)
		if list, err := q.Unsealed(0, 10); err != nil || len(list) != 1 || list[0].ID != 2 {
			t.Errorf("%s: %d entries, %v", name, len(list), err)
		}
	}
}

// Whoever reads that something of the queue is damaged reads what to do next.
func TestDamageSaysWhatToDo(t *testing.T) {
	_, entry := decodeEntry(7, []byte{99})
	_, cut := decodeEntry(7, []byte{entryPlain})
	_, counts := decodeCounts([]byte{format})
	_, head := decodeHead([]byte{1})
	for _, err := range []error{entry, cut, counts, head} {
		if err == nil || !spoilt(err) || !strings.HasSuffix(err.Error(), ": stop the node, then: cairn check") {
			t.Errorf("%v", err)
		}
	}
}
