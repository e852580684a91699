package forwarders_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/forwarders"
)

var moment = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// store has two accounts, ann (1) and bob (2).
func store(t *testing.T) *mailstore.Store {
	t.Helper()
	s, err := mailstore.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	update(t, s, func(tx *mailstore.Tx) error {
		_, err := tx.AddAccount("ann", []string{"ann@new.example"})
		_, err2 := tx.AddAccount("bob", []string{"bob@new.example"})
		return errors.Join(err, err2)
	})
	return s
}

func update(t *testing.T, s *mailstore.Store, fn func(*mailstore.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// addresses tells the entries of an account as address, kind and domain.
func addresses(t *testing.T, s *mailstore.Store, account mailstore.AccountID) (out []string) {
	t.Helper()
	err := s.View(func(rd *mailstore.Reader) error {
		all, err := forwarders.All(rd, account)
		for _, f := range all {
			out = append(out, fmt.Sprintf("%s %s %s", f.Address, f.Kind, f.Domain))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAddRemove(t *testing.T) {
	s := store(t)
	update(t, s, func(tx *mailstore.Tx) error {
		for _, f := range []forwarders.Forwarder{
			{Address: "DEVS@lists.example", Kind: forwarders.Forward}, {Address: "Devs@lists.example", Kind: forwarders.List, Since: moment},
			{Address: "ann@old.example", Domain: "Mail.Old.Example", Kind: forwarders.Forward},
		} {
			if _, err := forwarders.Add(tx, 1, f); err != nil {
				return err
			}
		}
		return nil
	})
	want := []string{"ann@old.example forward mail.old.example", "devs@lists.example list lists.example"}
	if got := addresses(t, s, 1); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := addresses(t, s, 2); got != nil {
		t.Errorf("bob has %q", got)
	}
	update(t, s, func(tx *mailstore.Tx) error {
		if _, err := forwarders.Remove(tx, 1, "Ann@old.example"); err != nil {
			return err
		}
		if _, err := forwarders.Remove(tx, 1, "ann@old.example"); !errors.Is(err, mailstore.ErrNotFound) {
			t.Errorf("removed twice: %v", err)
		}
		return nil
	})
	if got := addresses(t, s, 1); !slices.Equal(got, want[1:]) {
		t.Errorf("%q, want %q", got, want[1:])
	}
	update(t, s, func(tx *mailstore.Tx) error { return forwarders.RemoveAll(tx, 1) })
	if got := addresses(t, s, 1); got != nil {
		t.Errorf("left: %q", got)
	}
}

func TestAddRefuses(t *testing.T) {
	s := store(t)
	update(t, s, func(tx *mailstore.Tx) error {
		for _, f := range []forwarders.Forwarder{
			{Address: "nobody", Kind: forwarders.List}, {Address: "a@b.example", Kind: "other"},
			{Address: "a@b.example", Domain: "b..example", Kind: forwarders.List},
		} {
			if _, err := forwarders.Add(tx, 1, f); err == nil {
				t.Errorf("%+v is taken", f)
			}
		}
		if _, err := forwarders.Add(tx, 1, forwarders.Forwarder{Address: "Ann@new.example", Kind: forwarders.Forward}); !errors.Is(err, forwarders.ErrOwn) {
			t.Errorf("her own address: %v", err)
		}
		if _, err := forwarders.Add(tx, 9, forwarders.Forwarder{Address: "a@b.example", Kind: forwarders.List}); !errors.Is(err, mailstore.ErrNotFound) {
			t.Errorf("no account: %v", err)
		}
		return nil
	})
}

func TestLimits(t *testing.T) {
	s := store(t)
	update(t, s, func(tx *mailstore.Tx) error {
		for i := range forwarders.MaxNamed {
			if _, err := forwarders.Add(tx, 2, forwarders.Forwarder{Address: fmt.Sprintf("n%d@x.example", i), Kind: forwarders.List}); err != nil {
				return err
			}
		}
		return nil
	})
	err := s.Update(t.Context(), func(tx *mailstore.Tx) error {
		_, err := forwarders.Add(tx, 2, forwarders.Forwarder{Address: "one@more.example", Kind: forwarders.List})
		return err
	})
	if !errors.Is(err, forwarders.ErrFull) {
		t.Errorf("one more: %v", err)
	}
}
