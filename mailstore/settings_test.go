package mailstore

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	update := func(fn func(tx *Tx) error) error { return s.Update(t.Context(), fn) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(update(func(tx *Tx) error {
		_, err := tx.AddAccount("a", nil)
		_, err2 := tx.AddAccount("b", nil)
		return errors.Join(err, err2)
	}))
	must(update(func(tx *Tx) error {
		return errors.Join(tx.SetSetting(1, "threshold", "90"), tx.SetSetting(1, "x", "y"), tx.SetSetting(2, "threshold", "80"), tx.SetSetting(1, "x", ""))
	}))
	must(s.Close())
	s, err = Open(dir, slog.New(slog.DiscardHandler))
	must(err)
	defer s.Close()
	must(s.View(func(rd *Reader) error {
		all, err := rd.Settings(1)
		if !maps.Equal(all, map[string]string{"threshold": "90"}) {
			t.Errorf("settings %v", all)
		}
		none, err2 := rd.Setting(1, "x")
		if none != "" {
			t.Errorf("x is %q", none)
		}
		return errors.Join(err, err2)
	}))
	if err := update(func(tx *Tx) error { return tx.SetSetting(3, "x", "y") }); !errors.Is(err, ErrNotFound) {
		t.Errorf("of no account: %v", err)
	}
	for name, value := range map[string]string{"": "x", "Big": "x", "big": strings.Repeat("x", maxSettingValue+1)} {
		if err := update(func(tx *Tx) error { return tx.SetSetting(1, name, value) }); err == nil {
			t.Errorf("setting %q to %d bytes: no error", name, len(value))
		}
	}
	err = update(func(tx *Tx) error {
		for i := range maxSettings {
			if err := tx.SetSetting(2, fmt.Sprint("s", i), "x"); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
		return nil
	})
	if err == nil || !strings.HasPrefix(err.Error(), "63: ") {
		t.Errorf("one setting too many: %v", err)
	}
	must(update(func(tx *Tx) error { return tx.RemoveAccount(1) }))
	must(s.View(func(rd *Reader) error {
		all, err := rd.Settings(1)
		if len(all) > 0 {
			t.Errorf("%v is left of an account that is gone", all)
		}
		return err
	}))
}
