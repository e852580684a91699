package intact

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// lastRecord is where the last record of a MANIFEST begins.
func lastRecord(b []byte) (at int) {
	for next := 8; next < len(b); next += 8 + int(binary.BigEndian.Uint32(b[next:])) {
		at = next
	}
	return at
}

// edit changes a file of a folder.
func edit(t *testing.T, dir, name string, change func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(b), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func cutLastRecord(b []byte) []byte { return b[:lastRecord(b)] }

// TestLastRecord cuts a MANIFEST by its last record: Badger then deletes a table and says nothing,
// and the look refuses.
func TestLastRecord(t *testing.T) {
	clean, _, m := stores(t, options.None)
	dir := filepath.Join(t.TempDir(), "db")
	copyFolder(t, dir, clean)
	edit(t, dir, manifestName, cutLastRecord)
	before, err := records(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	_, err = openTest(dir, testOptions(dir))
	fault, ok := errors.AsType[*Fault](err)
	if !ok || fault.File != manifestName {
		t.Fatalf("opened with %v", err)
	}
	t.Log(err)
	if after, err := records(os.DirFS(dir)); err != nil || !slices.Equal(before, after) {
		t.Errorf("a refusal changed files: %v, %v", after, err)
	}
	db, err := badger.Open(testOptions(dir).WithCompression(options.None))
	if err != nil {
		t.Fatalf("Badger refuses it by itself: %v", err)
	}
	defer db.Close()
	if m.wrong(db, false) == "" {
		t.Error("nothing was lost: the cut is none")
	}
}

// TestLeftovers takes a flush that was interrupted before its record for good: its entries are in a
// .mem still.
func TestLeftovers(t *testing.T) {
	clean, _, m := stores(t, options.None)
	dir := filepath.Join(t.TempDir(), "db")
	copyFolder(t, dir, clean)
	o := testOptions(dir).WithCompression(options.None).WithMemTableSize(8 << 20)
	db, err := Open(dir, AllValues, 8<<20, func() (*badger.DB, error) { return badger.Open(o) })
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for id := range 50 {
		if err := db.Update(func(txn *badger.Txn) error {
			value := bytes.Repeat([]byte{byte(id)}, 40)
			m.now["more"+string(value[:1])] = value
			return txn.Set([]byte("more"+string(value[:1])), value)
		}); err != nil {
			t.Fatal(err)
		}
	}
	crashed := filepath.Join(t.TempDir(), "crashed")
	copyFolder(t, crashed, dir)
	edit(t, crashed, NoteName, func([]byte) []byte { return nil })
	if err := Before(crashed, AllValues); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil { // it flushes the .mem to a table
		t.Fatal(err)
	}
	l, err := begin(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	newest := uint64(0)
	for id := range l.tables {
		newest = max(newest, id)
	}
	table, err := os.ReadFile(filepath.Join(dir, tableName(newest)))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{len(table), len(table) / 2, 0} { // whole, or while it was written
		if err := os.WriteFile(filepath.Join(crashed, tableName(newest+5)), table[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Before(crashed, AllValues); err != nil {
			t.Errorf("with %d octets of a table: %v", size, err)
		}
	}
	if !m.opened(t, crashed, options.None, "after a flush that was interrupted", false) {
		t.Error("something is missing")
	}
}

// TestBeingMade takes a newest log without any octet for good, which Badger was about to give its
// size.
func TestBeingMade(t *testing.T) {
	clean, unclean, m := stores(t, options.Snappy)
	for from, lastMayMiss := range map[string]bool{clean: false, unclean: true} {
		dir := filepath.Join(t.TempDir(), "db")
		copyFolder(t, dir, from)
		for _, name := range []string{memName(90), logName(90)} {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if db, err := badger.Open(testOptions(dir)); err == nil {
				db.Close()
				t.Fatalf("Badger opens it with an empty %s by itself", name)
			}
			edit(t, dir, name, func([]byte) []byte { return nil })
		}
		if !m.opened(t, dir, options.Snappy, "with logs that were being made", lastMayMiss) {
			t.Error("it does not open")
		}
	}
}

// TestBeingRemoved takes an earlier log without any octet for good: Badger cuts a log to nothing
// before it removes it.
func TestBeingRemoved(t *testing.T) {
	_, unclean, m := stores(t, options.Snappy)
	dir := filepath.Join(t.TempDir(), "db")
	copyFolder(t, dir, unclean)
	for _, name := range []string{memName(0), logName(0)} { // there is none of these
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Fatalf("%s is there", name)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !m.opened(t, dir, options.Snappy, "with logs that were being removed", true) {
		t.Error("it does not open")
	}
}

// TestKeptByReader takes a memory log that is there longer than later ones for good: a reader keeps
// it.
func TestKeptByReader(t *testing.T) {
	dir := t.TempDir()
	db, err := openTest(dir, testOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	m, r := &model{now: map[string][]byte{}}, rand.New(rand.NewPCG(3, 3))
	fill(t, db, m, r, 1000)
	txn := db.NewTransaction(false)
	defer txn.Discard()
	it := txn.NewIterator(badger.DefaultIteratorOptions)
	defer it.Close()
	fill(t, db, m, r, 12000)
	crashed := filepath.Join(t.TempDir(), "crashed")
	copyQuiet(t, crashed, dir)
	l, err := begin(os.DirFS(crashed))
	if err != nil {
		t.Fatal(err)
	}
	t.Log("memory logs", l.mems)
	if n := len(l.mems); n < 2 || l.mems[n-1]-l.mems[0] < uint64(n) {
		t.Errorf("memory logs %v: none was kept longer than a later one", l.mems)
	}
	if err := Before(crashed, AllValues); err != nil {
		t.Error(err)
	}
	m.opened(t, crashed, options.Snappy, "with a log that was kept", false)
}

// BenchmarkLook reads stores of some MB: small entries, which are in compressed tables, and mail of
// 8 KB, which is in value logs.
func BenchmarkLook(b *testing.B) {
	for name, value := range map[string]int{"tables": 400, "logs": 8 << 10} {
		dir := b.TempDir()
		o := testOptions(dir).WithMemTableSize(4 << 20).WithBaseTableSize(2 << 20).WithValueLogFileSize(16 << 20)
		db, err := Open(dir, AllValues, 4<<20, func() (*badger.DB, error) { return badger.Open(o) })
		if err != nil {
			b.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 1))
		for i := range 40 << 20 / value / 100 {
			if err := db.Update(func(txn *badger.Txn) error {
				for j := range 100 {
					if err := txn.Set(fmt.Appendf(nil, "key-%08d", 100*i+j), noise(r, value)); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				b.Fatal(err)
			}
		}
		if err := Close(dir, db, nil); err != nil {
			b.Fatal(err)
		}
		files, err := records(os.DirFS(dir))
		if err != nil {
			b.Fatal(err)
		}
		size := int64(0)
		for _, f := range files {
			size += f.Size
		}
		for _, whole := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/whole=%v", name, whole), func(b *testing.B) {
				if whole {
					b.SetBytes(size)
				}
				for b.Loop() {
					look := LookQuickly
					if whole {
						look = func(dir fs.FS) error { return Look(dir, Shape{}) }
					}
					if err := look(os.DirFS(dir)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// noise is half chance and half what repeats.
func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, 0, n)
	for len(b) < n/2 {
		b = binary.LittleEndian.AppendUint64(b, r.Uint64())
	}
	return append(b, b...)
}
