package chain

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
)

// stores are the two kinds of Store, each made empty.
var stores = map[string]func(t *testing.T) Store{
	"on disk": func(t *testing.T) Store {
		db, err := OpenDB(t.TempDir(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return OnDisk(db)
	},
	"in memory": func(*testing.T) Store { return InMemory() },
}

// Both kinds of Store do the same.
func TestStores(t *testing.T) {
	for name, empty := range stores {
		t.Run(name, func(t *testing.T) {
			s := empty(t)
			if err := s.Room(1 << 10); err != nil {
				t.Fatal(err)
			}
			large := bytes.Repeat([]byte{7}, valueThreshold+1)
			write := func(changes ...Change) {
				t.Helper()
				if err := s.Write(changes); err != nil {
					t.Fatal(err)
				}
			}
			set := func(key string, value []byte) Change { return Change{Key: []byte(key), Value: value} }
			write(set("b2", []byte("two")), set("b1", large), set("c", nil), set("a", []byte("a")), set("b3", []byte("three")))
			write(Change{Key: []byte("b3"), Delete: true}, Change{Key: []byte("never"), Delete: true}, set("b2", []byte("old")), set("b2", []byte("new")))

			if got := contents(t, s, "b"); !slices.Equal(got, []string{fmt.Sprintf("b1=%s", large), "b2=new"}) {
				t.Errorf("entries %.40q", got)
			}
			if got := contents(t, s, ""); len(got) != 4 {
				t.Errorf("%d entries, want 4", len(got))
			}
			own := errors.New("enough")
			err := s.View(func(tx Reader) error {
				if err := tx.Get([]byte("b3"), nil); !errors.Is(err, ErrNotFound) {
					t.Errorf("a deleted entry: %v", err)
				}
				if known, err := has(tx, []byte("c")); !known || err != nil {
					t.Errorf("an entry without a value: %v, %v", known, err)
				}
				if err := tx.Get([]byte("a"), func([]byte) error { return own }); err != own {
					t.Errorf("Get returns %v", err)
				}
				calls := 0
				if err := tx.Scan([]byte("b"), func(_, _ []byte) error { calls++; return own }); err != own || calls != 1 {
					t.Errorf("Scan returns %v after %d calls", err, calls)
				}
				return own
			})
			if err != own {
				t.Errorf("View returns %v", err)
			}
		})
	}
}

// contents returns the entries whose keys begin with prefix, as key=value.
func contents(t *testing.T, s Store, prefix string) (list []string) {
	t.Helper()
	err := s.View(func(tx Reader) error {
		return tx.Scan([]byte(prefix), func(key, value []byte) error {
			list = append(list, fmt.Sprintf("%s=%s", key, value))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
