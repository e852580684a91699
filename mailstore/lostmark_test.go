package mailstore

import (
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"
)

// markOf is how far an open store is; its updates, of which it makes some by itself, write that.
func markOf(t *testing.T, s *Store) (m mark) {
	t.Helper()
	if err := s.Update(t.Context(), func(*Tx) error { m = s.mark; return nil }); err != nil {
		t.Fatal(err)
	}
	return m
}

// What a store says of how far it is may be damaged: it is opened all the same, and is as far as
// its head says and the store that it was.
func TestMarkTakenFromHead(t *testing.T) {
	for _, key := range [][]byte{metaStoreID, metaModSeq, metaUpdates} {
		for name, change := range map[string]func([]byte) []byte{"flipped": flipped, "emptied": emptied} {
			dir := copyOf(t, format1)
			s := openTest(t, dir)
			if err := put(s, "x"); err != nil {
				t.Fatal(err)
			}
			alter(t, s, key, change)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			want := s.mark
			s, err := Open(dir, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatalf("%q %s: %v", key, name, err)
			}
			got := markOf(t, s)
			if got.store != want.store || got.updates != want.updates || got.modseq != want.modseq {
				t.Errorf("%q %s: %+v, was %+v", key, name, got, want)
			}
			faults(t, s, true)
			if list := faults(t, s, false); len(list) > 0 {
				t.Errorf("%q %s: %q", key, name, list)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if err := checkHead(dir); err != nil {
				t.Errorf("%q %s: opened again: %v", key, name, err)
			}
		}
	}
}

// An identity that is mended while the store is open is the one of its head.
func TestStoreIDMendedIsOfItsHead(t *testing.T) {
	dir := copyOf(t, format1)
	s := openTest(t, dir)
	want := markOf(t, s).store
	alter(t, s, metaStoreID, flipped)
	faults(t, s, true)
	err := s.View(func(r *Reader) error {
		id, err := r.StoreID()
		if id != want {
			t.Errorf("it is %x, was %x", id, want)
		}
		return err
	})
	if err := errors.Join(err, s.Close(), checkHead(dir)); err != nil {
		t.Error(err)
	}
}

// Where the head is gone too, the store is taken as it is once that is accepted.
func TestMarkAndHeadLost(t *testing.T) {
	for _, key := range [][]byte{metaStoreID, metaUpdates} {
		dir := copyOf(t, format1)
		s := openTest(t, dir)
		if err := put(s, "x"); err != nil {
			t.Fatal(err)
		}
		alter(t, s, key, flipped)
		if err := errors.Join(s.Close(), os.Remove(HeadPath(dir))); err != nil {
			t.Fatal(err)
		}
		if _, ok := errors.AsType[*HeadError](checkHead(dir)); !ok {
			t.Errorf("%q: it is opened", key)
		}
		if err := errors.Join(AcceptBehind(dir, time.Now(), slog.New(slog.DiscardHandler)), checkHead(dir)); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
}

// A store of an earlier format that is behind its head is refused before anything of it is changed.
func TestBehindHeadIsNotMigrated(t *testing.T) {
	dir := copyOf(t, format1)
	db, err := openDatabase(dir, newDatabaseLog(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	base := (&Store{db: db, dir: dir}).snapshot()
	base.plain = true
	m, l, err := readMark(base)
	base.close()
	if err != nil || l != (lost{}) || m.modseq == 0 {
		t.Fatal(m, l, err)
	}
	m.updates, m.modseq, m.at = 7, m.modseq+3, time.Now()
	if err := errors.Join(db.Close(), makeHead(dir, m)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err := checkHead(dir)
		if behind, ok := errors.AsType[*BehindError](err); !ok || behind.Updates != 7 || behind.Changes != 3 {
			t.Fatal(err)
		}
	}
	if db, err = openDatabase(dir, newDatabaseLog(slog.New(slog.DiscardHandler))); err != nil {
		t.Fatal(err)
	}
	base = (&Store{db: db, dir: dir}).snapshot()
	format, err := base.format()
	base.close()
	if err := errors.Join(err, db.Close()); err != nil || format != 1 {
		t.Errorf("it has format %d, %v", format, err)
	}
}
