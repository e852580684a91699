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
	"slices"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"cairn/mailstore/intact"
)

// testdata/format1 is a store that the program made which had store format 1 (0.1.0), closed and
// without its DISCARD, and testdata/format1.dump what that program dumped of it; format2 was the
// same one before labels changed and mail went in the program of that format.
const format1, format2 = "testdata/format1", "testdata/format2"

// copyOf copies a store into a folder of its own.
func copyOf(t testing.TB, from string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mail")
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// held is what a store of an earlier format held, as ours has it.
func held(t testing.TB, from string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(from + ".dump")
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
	entries["Mv"] = string(encodeFormat(formatVersion))
	told := make(map[Ref][]Change) // of those that are still there, what the journal keeps
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		if key[0] != tableJournal {
			continue
		}
		c, err := decodeChange(changeAt([]byte(key)), []byte(entries[key]))
		if err != nil {
			t.Fatal(err)
		}
		ref := c.Ref()
		said := told[ref]
		void := ModSeq(0)
		switch _, there := entries[string(messageKey(tableMessage, ref.Account, ref.Message))]; {
		case c.Kind == ChangeRemoved:
			continue
		case !there:
			void = c.ModSeq
		case len(said) == 2:
			void, said = said[1].ModSeq, said[:1]
		}
		if void != 0 {
			entries[string(journalKey(void))] = string(encodeChange(Change{Kind: changeSuperseded, Account: ref.Account, Message: ref.Message}))
		}
		told[ref] = append(said, c)
	}
	for ref, said := range told {
		key := string(messageKey(tableLabels, ref.Account, ref.Message))
		if entries[key] != "" {
			last := said[len(said)-1]
			entries[key] = string(labelRow{labels: last.Labels, added: said[0].ModSeq, changed: last.ModSeq}.encode())
			if first := said[0]; len(said) == 2 {
				entries[string(journalKey(first.ModSeq))] = string(encodeChange(Change{Kind: changeArrived, Account: ref.Account, Message: ref.Message}))
			}
		}
	}
	return entries
}

// holdsAll compares a store with what it held before.
func holdsAll(t testing.TB, s *Store, want map[string]string) {
	t.Helper()
	_, got := dumpOf(t, s)
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%q is %q, want %q", key, got[key], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d entries are there, want %d", len(got), len(want))
	}
	result, err := s.Check(t.Context(), false, func(f Fault) { t.Errorf("fault: %+v", f) })
	if err != nil || result.Messages < 30 {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestStoresOfEarlierFormatsAreBroughtUp(t *testing.T) {
	for _, from := range []string{format1, format2} {
		dir := copyOf(t, from)
		for range 2 {
			s := openTest(t, dir)
			holdsAll(t, s, held(t, from))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A process may be killed before each of the batches, any number of times.
func TestMigrationGoesOnAfterKills(t *testing.T) {
	kill := errors.New("killed")
	small := []step{
		{1, func(s *Store, cursor []byte, o *overlay) ([]byte, error) { return s.sealSome(cursor, o, 700) }}, // a few values
		{2, func(s *Store, cursor []byte, o *overlay) ([]byte, error) { return s.supersedeSome(cursor, o, 300) }},
	}
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
	holdsAll(t, s, held(t, format1))
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

func TestDumpsOfEarlierFormatsAreRestored(t *testing.T) {
	for _, from := range []string{format1, format2} {
		raw, err := os.Open(from + ".dump")
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
		want := held(t, from)
		for _, key := range []string{"Ms", "Mr", "Mu"} {
			delete(want, key)
			if value, there := got[key]; there {
				want[key] = value
			}
		}
		holdsAll(t, s, want)
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
		if _, err := Open(dir, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "store format 4, this program knows formats 1 to 3") {
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
