package index

import (
	"context"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

// What the index has otherwise than the store is found, and built anew.
func TestCheck(t *testing.T) {
	b := newBed(t)
	b.add([]string{"inbox"}, letter, letter)
	b.sync()
	b.closeIndex()
	ctx := context.Background()
	for name, c := range map[string]struct {
		table byte
		value []byte // nil: the entry is deleted
		want  string
	}{
		"a message is missing": {tableDocument, nil, "is not in it"},
		"a message is damaged": {tableDocument, []byte{9}, "a document cannot be read"},
		"labels are others":    {tableLabels, []byte("work"), `has the labels ["work"] in it, and ["inbox"] in the mail store`},
		"a place is missing":   {tableOrder, nil, "has no place in it"},
		"a posting is damaged": {tableText, []byte{0xff}, "damaged block"},
	} {
		t.Run(name, func(t *testing.T) {
			ix, err := Open(b.dir+"/index", b.store, quiet)
			if err != nil {
				t.Fatal(err)
			}
			defer ix.Close()
			if n, err := ix.Check(ctx); n != 2 || err != nil {
				t.Fatalf("a sound index: %d messages, %v", n, err)
			}
			err = ix.db.Update(func(txn *badger.Txn) error {
				return scan(txn, accountKey(c.table, b.account), false, func(key, _ []byte) bool {
					if key = append([]byte(nil), key...); c.value == nil {
						err = txn.Delete(key)
					} else {
						err = txn.Set(key, c.value)
					}
					return false
				})
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = ix.Check(ctx)
			if !IsDamaged(err) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("found %v", err)
			}
			if err := ix.Rebuild(ctx, err); err != nil {
				t.Fatal(err)
			}
			if n, err := ix.Check(ctx); n != 2 || err != nil {
				t.Errorf("built anew: %d messages, %v", n, err)
			}
		})
	}
}
