package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"cairn/mailstore"
	"cairn/mailstore/scratch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(scratch.InMemory(m)) }

const mailText = "From: Sender <user@local.example>\r\nTo: u@local.example\r\nSubject: queued\r\n\r\nHello.\r\n"

// openStore opens a store with the accounts 1 and 2.
func openStore(t testing.TB) *mailstore.Store {
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
	for _, name := range []string{"admin", "user"} {
		err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
			_, err := tx.AddAccount(name, []string{name + "@local.example"})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return st
}

// sealAll gives every waiting entry a token of its own, as the recorder does.
func sealAll(t testing.TB, st *mailstore.Store, q *Queue) {
	t.Helper()
	for {
		es, err := q.Unsealed(0, 500)
		if err != nil {
			t.Fatal(err)
		}
		if len(es) == 0 {
			return
		}
		err = st.Update(context.Background(), func(tx *mailstore.Tx) error {
			for _, e := range es {
				if err := q.Seal(tx, e.ID, fmt.Appendf(nil, "Cairn-Record: token-%d\r\n", e.ID)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
