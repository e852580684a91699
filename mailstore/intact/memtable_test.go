package intact

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

// Sizes of the memtables of two versions of a program.
const (
	formerSize = 4 << 20
	usualSize  = 1 << 20
)

// memTableEntries make one memtable of the former version nearly full, with keys that take more of
// it than of its log.
const memTableEntries = 60_000

// openSized opens a database as a version does whose memtables have the size.
func openSized(dir string, size int64) (*badger.DB, error) {
	size = MemTable(dir, size, formerSize)
	o := testOptions(dir).WithMemTableSize(size)
	return Open(dir, AllValues, size, func() (*badger.DB, error) { return badger.Open(o) })
}

// TestMemTableChild is a process that writes as the former version and ends without closing, or
// opens as this one and does so; TestMemTableIsOfWhoWrote runs it.
func TestMemTableChild(t *testing.T) {
	dir := os.Getenv("CAIRN_INTACT_MEMTABLE")
	if dir == "" {
		t.Skip("run by TestMemTableIsOfWhoWrote")
	}
	size := int64(usualSize)
	if os.Getenv("CAIRN_INTACT_FORMER") != "" {
		size = formerSize
	}
	db, err := openSized(dir, size)
	if err != nil {
		t.Fatal(err)
	}
	if size == formerSize {
		batch := db.NewWriteBatch()
		for i := range memTableEntries {
			if err := batch.Set(fmt.Appendf(nil, "%05d", i), nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	os.Exit(0)
}

// TestMemTableIsOfWhoWrote opens what a version with larger memtables left without closing it. The
// second time the log is shorter than it was made, the third there is no note.
func TestMemTableIsOfWhoWrote(t *testing.T) {
	dir := t.TempDir()
	run := func(env ...string) {
		t.Helper()
		cmd := exec.Command(os.Args[0], "-test.run=^TestMemTableChild$")
		cmd.Env = append(append(os.Environ(), "CAIRN_INTACT_MEMTABLE="+dir), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	run("CAIRN_INTACT_FORMER=1")
	run()
	run()
	if err := os.Remove(filepath.Join(dir, NoteName)); err != nil {
		t.Fatal(err)
	}
	run()
	db, err := openSized(dir, usualSize)
	if err != nil {
		t.Fatal(err)
	}
	if got := db.Opts().MemTableSize; got != formerSize {
		t.Errorf("memtables of %d octets beside logs of those of %d", got, formerSize)
	}
	if err := Close(dir, db, nil); err != nil {
		t.Fatal(err)
	}
	if db, err = openSized(dir, usualSize); err != nil {
		t.Fatal(err)
	}
	if got := db.Opts().MemTableSize; got != usualSize {
		t.Errorf("memtables of %d octets although it was closed", got)
	}
	n := 0
	err = db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			n++
		}
		return nil
	})
	if err != nil || n != memTableEntries {
		t.Errorf("%d entries, want %d, %v", n, memTableEntries, err)
	}
	if err := Close(dir, db, nil); err != nil {
		t.Fatal(err)
	}
}
