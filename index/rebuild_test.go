package index

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"cairn/index/query"
)

// A folder that is damaged, or in which files are missing, is emptied when it is opened, and all is
// found again.
func TestDamagedFolderIsBuiltAnew(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"a MANIFEST without its tables": func(dir string) error { return os.Truncate(filepath.Join(dir, "MANIFEST"), 16) },
		"no MANIFEST":                   func(dir string) error { return os.Remove(filepath.Join(dir, "MANIFEST")) },
		"tables cut": func(dir string) error {
			tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
			for _, p := range tables {
				err = errors.Join(err, os.Truncate(p, 100))
			}
			return err
		},
		"a foreign MANIFEST": func(dir string) error { return os.WriteFile(filepath.Join(dir, "MANIFEST"), []byte("hello"), 0o600) },
		"emptied":            func(dir string) error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)) },
		"gone":               os.RemoveAll,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.add([]string{"inbox"}, letter)
			b.sync()
			b.closeIndex()
			if err := damage(b.dir + "/index"); err != nil {
				t.Fatal(err)
			}
			b.openIndex()
			b.sync()
			if got := b.find("invoice"); got != "1" {
				t.Errorf("found %q", got)
			}
		})
	}
}

// Damage that a search comes upon is told, never an answer, and the index is built anew while it
// runs.
func TestDamageWhileRunning(t *testing.T) {
	for name, c := range map[string]struct {
		table byte
		q     query.Q
	}{
		"a document": {tableDocument, query.All{}},
		"a posting":  {tableText, query.Term{Text: "invoice"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.add([]string{"inbox"}, letter)
			b.sync()
			err := b.ix.db.Update(func(txn *badger.Txn) error {
				return scan(txn, accountKey(c.table, b.account), false, func(key, _ []byte) bool {
					return txn.Set(append([]byte(nil), key...), []byte{0xff}) == nil
				})
			})
			if err != nil {
				t.Fatal(err)
			}
			b.ix.mu.Lock()
			moved := b.ix.moved
			b.ix.mu.Unlock()
			if _, err := b.ix.Search(context.Background(), Request{Query: c.q}); !errors.Is(err, errDamaged) {
				t.Fatalf("a search of what is damaged: %v", err)
			}
			<-moved
			b.sync()
			if got := b.find("invoice"); got != "1" {
				t.Errorf("found %q", got)
			}
		})
	}
}
