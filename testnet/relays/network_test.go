package relays_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/node"
	"cairn/node/api"
	"cairn/testnet"
)

// settle is what all waits of one test must be over within.
const settle = 2 * time.Minute

// Where the people of these tests are.
var (
	alpha = testnet.Org{Name: "Alpha", Domain: "alpha.test", Account: "ana"}
	bravo = testnet.Org{Name: "Bravo", Domain: "bravo.test", Account: "bob"}
	lists = testnet.Org{
		Name: "Lists", Domain: "lists.test", Account: "lager",
		Configure: func(c *node.Config) { c.Submission.RelayFrom = []string{"*"} }, // its list server's smarthost
	}
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
	w, err := testnet.NewNetwork(ctx, t.TempDir(), len(orgs), "2%", slog.New(slog.DiscardHandler))
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

// trust has m trust the key of other for its domain, whomever it trusted before.
func trust(ctx context.Context, t *testing.T, m, other *testnet.Member) {
	t.Helper()
	r := api.TrustRequest{Domain: other.Domain, Key: other.Identity().OrgKey().String(), Replace: true}
	if _, err := m.Trust(ctx, r); err != nil {
		t.Fatal(err)
	}
}

// closeWay leaves mail for a domain in m's queue: the organisation that it
// trusts for that is on no chain. What a relay carries is taken out of there.
func closeWay(ctx context.Context, t *testing.T, m *testnet.Member, domain string) {
	t.Helper()
	key := consensus.PublicKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if _, err := m.Trust(ctx, api.TrustRequest{Domain: domain, Key: key.String(), Replace: true, EvenSo: true}); err != nil {
		t.Fatal(err)
	}
}

// letter is a mail of Ana's for Bob or a list.
type letter struct {
	text string // line ends are LF; the Subject has a %s
	word string // that no other letter has: it is put there
}

// wire is the letter as a mail program sends it.
func (l letter) wire() []byte {
	return []byte(strings.NewReplacer("%s", l.word, "\n", "\r\n").Replace(l.text))
}

// in reports whether a message is the letter, whatever became of it.
func (l letter) in(raw []byte) bool { return bytes.Contains(raw, []byte(l.word)) }

// as is a condition for arrived.
func (l letter) as(m *testnet.Mail) bool { return !m.Outgoing && l.in(m.Raw) }

// recorded submits letters for Bob and returns them as they leave Ana's node.
func recorded(ctx context.Context, t *testing.T, a *testnet.Member, letters []letter) [][]byte {
	t.Helper()
	for _, l := range letters {
		if err := testnet.SendOne(a.SubmissionAddr(), ana, bob, l.wire()); err != nil {
			t.Fatal(err)
		}
	}
	left := make([][]byte, len(letters))
	for i, l := range letters {
		var err error
		if left[i], err = a.TakeOutgoing(ctx, l.in); err != nil {
			t.Fatal(err)
		}
	}
	return left
}

// outcome is what a recipient is told about a mail.
type outcome struct {
	verdict record.Verdict
	box     string   // the label that says where it is found
	says    []string // what the reasons have to contain, without regard to case
}

var (
	verified = outcome{record.Verified, mailstore.LabelInbox, nil}
	changed  = outcome{record.Differs, mailstore.LabelInbox, nil}
	spam     = outcome{record.Differs, mailstore.LabelSpam, nil} // something decisive is changed
)

// but is the outcome in more words.
func (o outcome) but(says ...string) outcome {
	o.says = says
	return o
}

func (o outcome) String() string {
	return fmt.Sprintf("%s, in %s, saying %q", o.verdict, o.box, o.says)
}

// met reports whether a message came to that.
func (o outcome) met(m *api.Message) bool {
	reasons := strings.ToLower(strings.Join(m.Verification.Reasons, "\n"))
	unsaid := func(s string) bool { return !strings.Contains(reasons, strings.ToLower(s)) }
	return m.Verification.Verdict == string(o.verdict) && slices.Contains(m.Labels, o.box) &&
		!slices.ContainsFunc(o.says, unsaid)
}

// check holds a message to the outcome.
func (o outcome) check(t *testing.T, m *api.Message) {
	t.Helper()
	v := m.Verification
	got := outcome{record.Verdict(v.Verdict), strings.Join(m.Labels, " "), v.Reasons}
	t.Log(got)
	if !o.met(m) {
		t.Errorf("the mail is %s; want %s", got, o)
	}
}

// arrived waits until a member's account has the mail that satisfies ok and
// its record is in a block, and returns what the node tells of it.
func arrived(
	ctx context.Context, t *testing.T, m *testnet.Member, account string, ok func(*testnet.Mail) bool,
) *api.Message {
	t.Helper()
	inBlock := func(mail *testnet.Mail) bool {
		return mail.Finding != nil && mail.Finding.Block != chain.Index{}
	}
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
