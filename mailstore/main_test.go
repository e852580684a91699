package mailstore_test

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cairn/mailstore"
	"cairn/mailstore/scratch"
	"cairn/mailstore/testenv"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(deedsDir); dir != "" {
		doDeeds(dir)
		return
	}
	if !testenv.CI() { // each check opens the store many times; the command line may ask for more
		if err := flag.Set("rapid.checks", "30"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(scratch.InMemory(m))
}

var quiet = slog.New(slog.DiscardHandler)

func open(t testing.TB, dir string) *mailstore.Store {
	t.Helper()
	s, err := mailstore.Open(dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func update(t testing.TB, s *mailstore.Store, fn func(tx *mailstore.Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, s *mailstore.Store, fn func(r *mailstore.Reader) error) {
	t.Helper()
	if err := s.View(fn); err != nil {
		t.Fatal(err)
	}
}

// add stores raw as a message within tx.
func add(tx *mailstore.Tx, a mailstore.AccountID, raw []byte, labels ...string) (mailstore.MessageID, error) {
	blob, err := tx.PutBlob(raw)
	if err != nil {
		return 0, err
	}
	return tx.AddMessage(mailstore.Message{
		Account: a, Blob: blob, Size: int64(len(raw)), Received: time.Unix(1_800_000_000, 0),
		From: "a@example.com", Recipients: []string{"b@example.org", "c@example.org"},
	}, labels)
}
