package gatewaytest

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"cairn/mailstore"
)

// Store opens a store with accounts for as long as a test runs; each is given as
// name=address,address.
func Store(t testing.TB, accounts ...string) *mailstore.Store {
	t.Helper()
	st, err := mailstore.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, a := range accounts {
		name, addrs, _ := strings.Cut(a, "=")
		err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
			_, err := tx.AddAccount(name, strings.Split(addrs, ","))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return st
}

// LocalStore has the accounts that most tests use.
func LocalStore(t testing.TB) *mailstore.Store {
	return Store(t, "admin=admin@local.example", "user=user@local.example,alias@local.example", "other=other@local.example")
}

// Update runs fn in a transaction.
func Update(t testing.TB, st *mailstore.Store, fn func(*mailstore.Tx) error) {
	t.Helper()
	if err := st.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// Labelled returns the raw messages with a label of the account of an address.
func Labelled(t testing.TB, st *mailstore.Store, addr, label string) []string {
	t.Helper()
	var out []string
	err := st.View(func(r *mailstore.Reader) error {
		a, err := r.AccountByAddress(addr)
		if err != nil {
			return err
		}
		msgs, err := r.Messages(a.ID, 0, 1<<20)
		if err != nil {
			return err
		}
		for _, m := range msgs {
			labels, err := r.Labels(a.ID, m.ID)
			if err != nil {
				return err
			}
			for _, l := range labels {
				if l == label {
					raw, err := r.Raw(m.Blob)
					if err != nil {
						return err
					}
					out = append(out, string(raw))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// MailText is a message of user@local.example, with that subject.
func MailText(subject string) string {
	return fmt.Sprintf("From: Sender <user@local.example>\r\nTo: u@local.example\r\nSubject: %s\r\nDate: Mon, 02 Jan 2006 15:04:05 +0000\r\nMessage-ID: <%s@peer.example>\r\n\r\nHello.\r\n", subject, subject)
}
