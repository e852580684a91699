package gatewaytest

import (
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
