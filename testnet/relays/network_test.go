package relays_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"cairn/consensus/chain"
	"cairn/node/api"
	"cairn/testnet"
)

// settle is what all waits of one test must be over within.
const settle = 2 * time.Minute

// Where the people of these tests are.
var (
	alpha = testnet.Org{Name: "Alpha", Domain: "alpha.test", Account: "ana"}
	bravo = testnet.Org{Name: "Bravo", Domain: "bravo.test", Account: "bob"}
	lists = testnet.Org{Name: "Lists", Domain: "lists.test", Account: "lager"}
)

const (
	ana   = "ana@alpha.test"
	bob   = "bob@bravo.test"
	lager = "lager@lists.test"
)

// start makes a network of organisations that are members of each other's
// chain. They trust each other as far as their invites go.
func start(t *testing.T, orgs ...testnet.Org) (*testnet.Network, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), settle)
	t.Cleanup(cancel)
	w, err := testnet.NewNetwork(ctx, t.TempDir(), len(orgs), "20%", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Stop(); err != nil {
			t.Errorf("stop the network: %v", err)
		}
	})
	for _, org := range orgs {
		if _, err := w.Join(ctx, org); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.AwaitMembers(ctx); err != nil {
		t.Fatal(err)
	}
	return w, ctx
}

// outcome is what a recipient is told about a mail.
type outcome struct {
	verdict string
	box     string   // the label that says where it is found
	says    []string // what the reasons have to contain, in any order
}

func (o outcome) String() string { return fmt.Sprintf("%s, in %s, %q", o.verdict, o.box, o.says) }

// met reports whether a message came to that.
func (o outcome) met(m *api.Message) bool {
	if m.Verification.Verdict != o.verdict || !strings.Contains(strings.Join(m.Labels, " "), o.box) {
		return false
	}
	reasons := strings.Join(m.Verification.Reasons, "\n")
	for _, part := range m.Verification.Parts {
		reasons += "\n" + part.Says
	}
	for _, want := range o.says {
		if !strings.Contains(reasons, want) {
			return false
		}
	}
	return true
}

// arrived waits until a member's account has the mail that satisfies ok and
// its record is in a block, and returns what the node tells of it.
func arrived(
	ctx context.Context, t *testing.T, m *testnet.Member, account string, ok func(*testnet.Mail) bool,
) *api.Message {
	t.Helper()
	inBlock := func(mail *testnet.Mail) bool { return mail.Finding != nil && mail.Finding.Block != chain.Index{} }
	mail, err := m.AwaitMail(ctx, account, testnet.Both(ok, inBlock))
	if err != nil {
		t.Fatal(err)
	}
	told, err := m.Message(ctx, fmt.Sprintf("%s/%d", account, mail.ID))
	if err != nil {
		t.Fatal(err)
	}
	return told
}
