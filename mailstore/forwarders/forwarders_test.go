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

// addresses tells the entries of an account as address, source and domain.
func addresses(t *testing.T, s *mailstore.Store, account mailstore.AccountID) (out []string) {
	t.Helper()
	err := s.View(func(rd *mailstore.Reader) error {
		all, err := forwarders.All(rd, account)
		for _, f := range all {
			out = append(out, fmt.Sprintf("%s %s %s %s", f.Address, f.Kind, f.AddedBy, f.Domain))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAddLearnRemove(t *testing.T) {
	s := store(t)
	update(t, s, func(tx *mailstore.Tx) error {
		for _, learned := range []string{"Devs@Lists.example", "carl@far.example", "no address"} {
			if err := forwarders.Learn(tx, 1, learned, moment); err != nil {
				return err
			}
		}
		_, err := forwarders.Add(tx, 1, forwarders.Forwarder{Address: "DEVS@lists.example", Kind: forwarders.List, Since: moment})
		if err != nil {
			return err
		}
		old := forwarders.Forwarder{Address: "ann@old.example", Domain: "Mail.Old.Example", Kind: forwarders.Forward, Since: moment}
		if _, err = forwarders.Add(tx, 1, old); err != nil {
			return err
		}
		// What the account said is not made less by what it does later.
		return forwarders.Learn(tx, 1, "devs@lists.example", moment)
	})
	want := []string{
		"ann@old.example forward account mail.old.example",
		"devs@lists.example list account lists.example",
		"carl@far.example list learned far.example",
	}
	if got := addresses(t, s, 1); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := addresses(t, s, 2); got != nil {
		t.Errorf("bob has %q", got)
	}
	err := s.View(func(rd *mailstore.Reader) error {
		named, err := forwarders.NamedBy(rd, 1)
		if len(named) != 2 {
			t.Errorf("named by ann: %+v", named)
		}
		if f, known, _ := forwarders.Known(rd, 1, "Devs@Lists.Example"); !known || f.AddedBy != forwarders.Named || !f.Since.Equal(moment) {
			t.Errorf("%+v, %v", f, known)
		}
		if _, known, _ := forwarders.Known(rd, 2, "devs@lists.example"); known {
			t.Error("bob knows what ann named")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
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
	update(t, s, func(tx *mailstore.Tx) (err error) {
		for i := range forwarders.MaxLearned + 1 {
			// The oldest is neither the first nor the last by address.
			at := moment.Add(time.Duration((i+500)%forwarders.MaxLearned) * time.Minute)
			err = errors.Join(err, forwarders.Learn(tx, 1, fmt.Sprintf("l%04d@x.example", i), at))
		}
		return err
	})
	got := addresses(t, s, 1)
	if len(got) != forwarders.MaxLearned || slices.Contains(got, "l0500@x.example list learned x.example") {
		t.Errorf("%d are left, the oldest among them", len(got))
	}
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
