package testnet_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/node"
	"cairn/testnet"
)

// TestAloneAfterARestart starts a node again where nobody else of the network is, and no block
// comes: mail between its own accounts does not wait for either.
func TestAloneAfterARestart(t *testing.T) {
	t.Parallel()
	w, ctx := start(t, 2)
	a, b := w.Members[0], w.Members[1]
	send := func(to int, subject string) {
		t.Helper()
		raw := testnet.Compose(w.Address(0), w.Address(to), subject, "hello\n")
		if err := testnet.SendOne(a.SubmissionAddr(), w.Address(0), w.Address(to), raw); err != nil {
			t.Fatal(err)
		}
	}
	send(1, "before")
	if _, err := b.AwaitMail(ctx, "bob", testnet.Subject("before")); err != nil {
		t.Fatal(err)
	}
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(a.Dir, node.ConfigFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	still := strings.Replace(string(text), "mine = \""+share+"\"", "mine = \"off\"", 1)
	if still == string(text) {
		t.Fatal("the configuration says nothing of mining")
	}
	if err := os.WriteFile(path, []byte(still), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	height := a.Chain().Tip().Height
	send(0, "alone")
	if _, err := a.AwaitMail(ctx, "alice", testnet.Both(testnet.Subject("alone"), testnet.Judged(record.Pending))); err != nil {
		t.Fatalf("mail to the own account waits: %v", err)
	}
	if now := a.Chain().Tip().Height; now != height {
		t.Errorf("blocks have come: %d, then %d", height, now)
	}
	if err := b.Start(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
}
