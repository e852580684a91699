package quota

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"cairn/mailstore"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{
		"1M": 1 << 20, "500M": 500 << 20, "2G": 2 << 30, "1048576G": 1 << 50,
		"": 0, "M": 0, "0M": 0, "1": 0, "1K": 0, "-1M": 0, "+1M": 0, "01M": 0, "1.5G": 0, "1048577G": 0, "99999999999999999999G": 0, "1 M": 0, "1MG": 0,
	} {
		if got, err := Parse(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d (%v), want %d", text, got, err, want)
		}
	}
}

// TestQuota: what an account has is counted from what was there on, with each message that comes
// and goes, over a restart, and no longer than there is a quota.
func TestQuota(t *testing.T) {
	dir := t.TempDir()
	open := func() *mailstore.Store {
		st, err := mailstore.Open(dir, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	st := open()
	defer func() { st.Close() }()
	do := func(fn func(tx *mailstore.Tx) error) {
		t.Helper()
		if err := st.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	var last mailstore.MessageID
	add := func(size int64) {
		t.Helper()
		do(func(tx *mailstore.Tx) error {
			blob, err := tx.PutBlob([]byte("x"))
			if err == nil {
				last, err = tx.AddMessage(mailstore.Message{Account: 1, Blob: blob, Size: size, Received: time.Unix(1, 0)}, nil)
			}
			return err
		})
	}
	check := func(want, octets int64, full bool) {
		t.Helper()
		err := st.View(func(r *mailstore.Reader) error {
			used, _, err := r.Used(1)
			got, err2 := Full(r, 1, octets)
			if used != want || got != full {
				t.Errorf("%d octets are used, want %d; with %d more it is full: %t, want %t", used, want, octets, got, full)
			}
			return errors.Join(err, err2)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	do(func(tx *mailstore.Tx) error {
		_, err := tx.AddAccount("a", []string{"a@x.example"})
		return err
	})
	add(400 << 10)
	check(0, 1<<40, false) // without a quota nothing is counted
	do(func(tx *mailstore.Tx) error { return Set(tx, 1, "1M") })
	check(400<<10, 624<<10, false)
	check(400<<10, 624<<10+1, true)
	add(624 << 10)
	check(1<<20, 0, true) // nobody has said its size
	st.Close()
	st = open()
	check(1<<20, 0, true)
	do(func(tx *mailstore.Tx) error { return tx.RemoveMessage(1, last) })
	check(400<<10, 0, false)
	faults := func(want int, repair bool) {
		t.Helper()
		found, err := st.Check(t.Context(), repair, nil, mailstore.UsedCheck())
		if err != nil || int(found.Faults) != want {
			t.Errorf("%+v (%v), want %d faults", found, err, want)
		}
	}
	faults(0, false)
	do(func(tx *mailstore.Tx) error { return tx.Space("used").PutNumber([]byte{0, 0, 0, 1}, 7) })
	faults(1, false)
	faults(1, true)
	check(400<<10, 0, false)
	do(func(tx *mailstore.Tx) error { return Set(tx, 1, "") })
	add(5)
	check(0, 1<<40, false)
	do(func(tx *mailstore.Tx) error { return errors.Join(Set(tx, 1, "1G"), tx.RemoveAccount(1)) })
	check(0, 0, false)
}
