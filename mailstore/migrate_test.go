package mailstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"cairn/mailstore/intact"
)

// testdata/format1 is a store that the program made which had store format 1 (0.1.0), closed and
// without its DISCARD, and testdata/format1.dump what that program dumped of it.
const format1, format1Dump = "testdata/format1", "testdata/format1.dump"

// copyOf copies a store into a folder of its own.
func copyOf(t testing.TB, from string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mail")
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// held is what the store of format 1 held.
func held(t testing.TB) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(format1Dump)
	if err != nil {
		t.Fatal(err)
	}
	entries := make(map[string]string)
	_, err = readDump(bytes.NewReader(raw), func(key, value []byte) error {
		entries[string(key)] = string(value)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// holdsAll compares a store with what format 1 held.
func holdsAll(t testing.TB, s *Store, want map[string]string) {
	t.Helper()
	_, got := dumpOf(t, s)
	want["Mv"] = string(encodeFormat(formatVersion))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%d entries of %d are there, or others", len(got), len(want))
	}
	result, err := s.Check(t.Context(), false, func(f Fault) { t.Errorf("fault: %+v", f) })
	if err != nil || result.Messages != 39 {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestStoreOfFormat1IsBroughtUp(t *testing.T) {
	dir := copyOf(t, format1)
	for range 2 {
		s := openTest(t, dir)
		holdsAll(t, s, held(t))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A process may be killed before each of the batches, any number of times.
func TestMigrationGoesOnAfterKills(t *testing.T) {
	kill := errors.New("killed")
	small := []step{{1, func(s *Store, cursor []byte, o *overlay) ([]byte, error) {
		return s.sealSome(cursor, o, 700) // a few values
	}}}
	dir := copyOf(t, format1)
	for kills := 0; ; kills++ {
		dblog := newDatabaseLog(slog.New(slog.DiscardHandler))
		db, err := openDatabase(dir, dblog)
		if err != nil {
			t.Fatal(err)
		}
		s := &Store{db: db, dblog: dblog, log: slog.New(slog.DiscardHandler), dir: dir, reserve: diskReserve}
		base := s.snapshot()
		format, err := base.format()
		base.close()
		if err != nil || (format != 1) != (kills > 0) {
			t.Fatalf("after %d kills the store has format %d, %v", kills, format, err)
		}
		batches := 0
		err = s.migrateWith(format, small, func(o *overlay) error {
			if batches++; batches > 1+kills%4 {
				return kill
			}
			return s.write(o)
		})
		db.Close()
		if err == nil {
			if kills < 5 {
				t.Fatalf("only %d kills", kills)
			}
			break
		}
		if !errors.Is(err, kill) {
			t.Fatal(err)
		}
	}
	s := openTest(t, dir)
	defer s.Close()
	holdsAll(t, s, held(t))
}

func TestDamageOfFormat1StaysDamage(t *testing.T) {
	dir := copyOf(t, format1)
	db, err := openDatabase(dir, newDatabaseLog(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	key := messageKey(tableMessage, 1, 2)
	txn := db.NewTransaction(true)
	if err := errors.Join(txn.Set(key, []byte("no message")), txn.Commit(), db.Close()); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, dir)
	defer s.Close()
	s.View(func(r *Reader) error {
		if _, err := r.Message(1, 2); !errors.Is(err, ErrDamaged) {
			t.Errorf("a message that was damaged before: %v", err)
		}
		if _, err := r.Message(1, 3); err != nil {
			t.Errorf("another: %v", err)
		}
		return nil
	})
}

func TestDumpOfFormat1IsRestored(t *testing.T) {
	raw, err := os.Open(format1Dump)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	dir := filepath.Join(t.TempDir(), "mail")
	if _, err := Restore(dir, io.Reader(raw), Restoration{}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, dir)
	defer s.Close()
	_, got := dumpOf(t, s)
	want := held(t)
	for _, key := range []string{"Ms", "Mr", "Mv"} {
		delete(got, key)
		delete(want, key)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%d entries of %d are there, or others", len(got), len(want))
	}
}

// A store of a later format is refused, again and again, and holds afterwards what it held before.
func TestLaterFormatIsRefusedAndUnchanged(t *testing.T) {
	dir := copyOf(t, format1)
	s := openTest(t, dir)
	later := binary.BigEndian.AppendUint32(nil, formatVersion+1)
	if err := errors.Join(s.Update(t.Context(), func(tx *Tx) error { return tx.put(metaVersion, later) }), s.Close()); err != nil {
		t.Fatal(err)
	}
	before := entriesOf(t, dir)
	for range 2 {
		if _, err := Open(dir, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "store format 3, this program knows formats 1 to 2") {
			t.Errorf("%v", err)
		}
		if !maps.Equal(entriesOf(t, dir), before) {
			t.Fatal("it holds something else since it was refused")
		}
	}
}

// entriesOf is all that the database of a closed store holds.
func entriesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	db, err := openDatabase(dir, newDatabaseLog(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]string{}
	err = db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			value, err := it.Item().ValueCopy(nil)
			if err != nil {
				return err
			}
			entries[string(it.Item().Key())] = string(value)
		}
		return nil
	})
	if err := errors.Join(err, intact.Close(dir, db, nil)); err != nil {
		t.Fatal(err)
	}
	return entries
}
