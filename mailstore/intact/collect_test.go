package intact

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

// TestCollectable: a value log that Badger would rewrite is one, unless an octet of it flipped:
// then what is behind that octet would be lost.
func TestCollectable(t *testing.T) {
	dir := t.TempDir()
	change := func(fn func(txn *badger.Txn, key []byte, i int) error) {
		o := testOptions(dir)
		o.CompactL0OnClose = true
		db, err := openTest(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 400 {
			err := db.Update(func(txn *badger.Txn) error { return fn(txn, fmt.Appendf(nil, "key-%03d", i), i) })
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := Close(dir, db, nil); err != nil {
			t.Fatal(err)
		}
	}
	change(func(txn *badger.Txn, key []byte, i int) error {
		return txn.Set(key, bytes.Repeat([]byte{byte(i)}, 5000))
	})
	for range 3 { // Badger finds out what is unused as it compacts
		change(func(txn *badger.Txn, key []byte, i int) error {
			if i%4 == 0 {
				return nil
			}
			return txn.Delete(key)
		})
	}
	name := filepath.Join(dir, logName(1))
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[logHeader+2000] ^= 4
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Collectable(dir, 0.5)(); !IsFault(err) {
		t.Errorf("of a damaged log it says %v", err)
	}
	if err := Before(dir, AllValues); err != nil {
		t.Errorf("it was closed well, and is read all the same: %v", err)
	}
	suspect, err := openTest(dir, testOptions(dir))
	if err == nil {
		err = errors.Join(Suspect(dir), Close(dir, suspect, nil))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := Before(dir, AllValues); !IsFault(err) {
		t.Errorf("a database that was suspect is opened next: %v", err)
	}
	b[logHeader+2000] ^= 4
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Collectable(dir, 0.5)(); err != nil {
		t.Error(err)
	}
	db, err := openTest(dir, testOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.RunValueLogGC(0.5); err != nil {
		t.Errorf("Badger would not have rewritten it: %v", err)
	}
}
