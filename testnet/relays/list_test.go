package relays_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"cairn/node/api"
	"cairn/testnet"
	"cairn/testnet/relays"
)

// posted is a mail that Ana sends to a list whose domain a third organisation
// serves, as a subscriber gets it.
type posted struct {
	name   string
	mail   string // to the list; the Subject has a %s for a word of its own
	prefix string
	footer string
	comes  expectation

	word string
}

const (
	tag    = "[lagerliste]"
	footer = "-- \nLagerliste\nhttps://lists.test/lager\n"
)

// listFields are what the list puts into each header (RFC 2919, RFC 2369).
const listFields = "List-Id: <lager.lists.test>\nList-Post: <mailto:lager@lists.test>\n"

var postedMail = []posted{
	{
		name: "as it is", mail: plainMail,
		comes: same(outcome{}),
	},
	{
		name: "tag and footer", mail: plainMail, prefix: tag, footer: footer,
		comes: same(outcome{}),
	},
	{
		name: "several parts, tag", mail: mixedMail, prefix: tag,
		comes: same(outcome{}),
	},
}

// TestList has mlmmj send on what Ana sent to a list. The list's node takes the
// mail for it, hands it to mlmmj, and records what comes back from it for each
// subscriber: the list's mail server is Postfix, with that node for a
// smarthost.
func TestList(t *testing.T) {
	w, ctx := start(t, alpha, bravo, lists)
	if err := w.Trust(ctx); err != nil {
		t.Fatal(err)
	}
	a, b, l := w.Members[0], w.Members[1], w.Members[2]
	// Bounces do not go back to the list.
	if _, err := l.AddAccount(ctx, api.AccountRequest{Name: "bounces", Addresses: []string{bounces}}); err != nil {
		t.Fatal(err)
	}
	server := relays.StartPostfix(t, relays.Config{
		NextHop: l.SubmissionAddr(),
		Settings: map[string]string{
			"sender_canonical_maps":    "regexp:$config_directory/senders",
			"sender_canonical_classes": "envelope_sender",
		},
		Tables: map[string]string{"senders": `/^lager\+bounces-.*@lists\.test$/ ` + bounces + "\n"},
	})
	for i := range postedMail {
		c := &postedMail[i]
		c.word = fmt.Sprintf("nummer%d.", i)
		t.Run(c.name, func(t *testing.T) { c.run(ctx, t, a, b, l, server) })
	}
}

const bounces = "lager-bounces@lists.test"

func (c *posted) run(ctx context.Context, t *testing.T, a, b, l *testnet.Member, server *relays.Postfix) {
	mail := strings.NewReplacer("%s", c.word, "\n", "\r\n", "bob@bravo.test", lager).Replace(c.mail)
	if err := testnet.SendOne(a.SubmissionAddr(), ana, lager, []byte(mail)); err != nil {
		t.Fatal(err)
	}
	is := func(m *testnet.Mail) bool { return bytes.Contains(m.Raw, []byte(c.word)) && !m.Outgoing }
	came, err := l.AwaitMail(ctx, "lager", is)
	if err != nil {
		t.Fatal(err)
	}
	list := relays.NewList(t, relays.ListConfig{
		Address: lager, SMTP: server.Addr, Subscribers: []string{bob},
		Prefix: c.prefix, Footer: c.footer, Headers: listFields,
	})
	if err := list.Post(ctx, ana, came.Raw); err != nil {
		t.Fatal(err)
	}
	told := arrived(ctx, t, b, "bob", is)
	raw, err := b.Raw(ctx, told.Ref)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", raw.Raw)
	c.comes.check(t, told)
}
