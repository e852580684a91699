package forwards

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/scratch"
)

func TestMain(m *testing.M) { os.Exit(scratch.InMemory(m).Run()) }

var moment = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestRules(t *testing.T) {
	s, err := mailstore.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	change := func(fn func(tx *mailstore.Tx) error) error { return s.Update(t.Context(), fn) }
	add := func(address string) error {
		return change(func(tx *mailstore.Tx) error { _, err := Add(tx, 1, address, moment); return err })
	}
	if err := change(func(tx *mailstore.Tx) error {
		_, err := tx.AddAccount("ann", []string{"ann@new.example"})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	of := func() Rule {
		t.Helper()
		var r Rule
		if err := s.View(func(rd *mailstore.Reader) (err error) { r, err = Of(rd, 1); return err }); err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, tt := range []struct {
		address string
		want    error
	}{{"Ann@Far.example", nil}, {"ann@far.example", nil}, {"ANN@new.example", ErrOwn}} {
		if err := add(tt.address); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.address, err)
		}
	}
	if err := add("nobody"); err == nil {
		t.Error("no address is taken")
	}
	if r := of(); len(r.To) != 1 || r.To[0] != (Target{"ann@far.example", moment}) {
		t.Fatalf("%+v", r)
	}
	for i := range MaxTargets - 1 {
		if err := add(fmt.Sprintf("a%d@far.example", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := add("b@far.example"); !errors.Is(err, ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	remove := func(address string) error {
		return change(func(tx *mailstore.Tx) error { _, err := Remove(tx, 1, address); return err })
	}
	if err := remove("b@far.example"); !errors.Is(err, mailstore.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if err := remove("ann@FAR.example"); err != nil || len(of().To) != MaxTargets-1 {
		t.Errorf("%v, %+v", err, of())
	}
	if err := change(func(tx *mailstore.Tx) error { return RemoveAll(tx, 1) }); err != nil || len(of().To) != 0 {
		t.Errorf("%v, %+v", err, of())
	}
	var first []byte
	for range 2 {
		err := change(func(tx *mailstore.Tx) error {
			key, err := MakeKey(tx)
			if first != nil && !bytes.Equal(key, first) {
				t.Error("another key")
			}
			first = key
			return err
		})
		if err != nil || len(first) != keyBytes {
			t.Fatal(err)
		}
	}
	if err := change(func(tx *mailstore.Tx) error { return tx.Space(Space).Put(ruleKey(1), []byte(`{"version":9}`)) }); err != nil {
		t.Fatal(err)
	}
	if err := s.View(func(rd *mailstore.Reader) error { _, err := Of(rd, 1); return err }); !errors.Is(err, errStored) {
		t.Errorf("of a newer version: %v", err)
	}
}
