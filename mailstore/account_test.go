package mailstore

import (
	"errors"
	"testing"
)

// Case tells no accounts apart, neither when they are made nor when they are looked for.
func TestAccountNamesIgnoreCase(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.Close()
	err := s.Update(t.Context(), func(tx *Tx) error {
		if _, err := tx.AddAccount("Carol", []string{"carol@alpha.example"}); err != nil {
			return err
		}
		if _, err := tx.AddAccount("Ägidius", nil); err != nil {
			return err
		}
		for _, name := range []string{"Carol", "carol", "CAROL", "ägidius"} {
			if _, err := tx.AddAccount(name, []string{"other@alpha.example"}); !errors.Is(err, ErrExists) {
				t.Errorf("making %q: %v", name, err)
			}
		}
		for name, want := range map[string]string{"Carol": "Carol", "carol": "Carol", "cAROL": "Carol", "ÄGIDIUS": "Ägidius"} {
			if a, err := tx.AccountByName(name); err != nil || a.Name != want {
				t.Errorf("%q: found %q, %v", name, a.Name, err)
			}
		}
		if _, err := tx.AccountByName("carola"); !errors.Is(err, ErrNotFound) {
			t.Errorf("carola: %v", err)
		}
		a, err := tx.AccountByName("carol")
		if err != nil {
			return err
		}
		return tx.RemoveAccount(a.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(func(r *Reader) error {
		if _, err := r.AccountByName("Carol"); !errors.Is(err, ErrNotFound) {
			t.Errorf("after it was removed: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A store of an older version may have both; each is found by its exact name, and a third spelling
// finds neither.
func TestAccountsOfOldStoresKeepTheirNames(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.Close()
	err := s.Update(t.Context(), func(tx *Tx) error {
		upper, err := tx.AddAccount("Carol", nil)
		if err != nil {
			return err
		}
		lower, err := tx.AddAccount("other", nil)
		if err != nil {
			return err
		}
		if err := tx.put(textKey(tableName, "carol"), accountNumber(lower.ID)); err != nil {
			return err
		}
		for name, want := range map[string]AccountID{"Carol": upper.ID, "carol": lower.ID} {
			if a, err := tx.AccountByName(name); err != nil || a.ID != want {
				t.Errorf("%q: account %d, %v, want %d", name, a.ID, err, want)
			}
		}
		if _, err := tx.AccountByName("CAROL"); !errors.Is(err, ErrNotFound) {
			t.Errorf("CAROL: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
