package relays_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/testnet"
	"cairn/testnet/relays"
)

// posted is a mail that Ana sends to a list, as Bob gets it, who is subscribed.
// A third organisation's node serves the list's domain.
type posted struct {
	name   string
	text   string // of the letter, to Bob; the list is put in his place
	prefix string
	footer string
	// alter is what somebody at the list replaces, and what with; nil: nothing.
	alter []string
	// stranger has Bob's node not trust the list's organisation.
	stranger bool
	comes    outcome
}

const (
	tag    = "[lagerliste]"
	footer = "-- \nLagerliste\nhttps://lists.test/lager\n"

	// listFields are what the list puts into each header (RFC 2919, RFC 2369).
	listFields = "List-Id: <lager.lists.test>\nList-Post: <mailto:lager@lists.test>\n"

	// listBounces gets reports about what subscribers did not get.
	listBounces = "lager-bounces@lists.test"
)

// sentOn is what a reader has to be told about a list's mail, and nothing less.
func sentOn(notAnas ...string) outcome {
	says := append([]string{"Sent on by lists.test", "for ana@alpha.test"}, notAnas...)
	return outcome{record.Vouched, mailstore.LabelInbox, says}
}

var postedMail = []posted{
	{
		name: "a list unknown", text: plainMail, prefix: tag, footer: footer, stranger: true,
		comes: outcome{record.Replayed, mailstore.LabelSpam, []string{"an organisation that claims lists.test but is not trusted for it", tag, "https://lists.test/lager"}},
	},
	{name: "no marks", text: plainMail, comes: sentOn()},
	{
		name: "a tag", text: plainMail, prefix: tag,
		comes: sentOn(tag),
	},
	{
		name: "a tag and a footer", text: plainMail, prefix: tag, footer: footer,
		comes: sentOn(tag, "last ", "https://lists.test/lager"),
	},
	{
		name: "several parts and a tag", text: mixedMail, prefix: tag,
		comes: sentOn(tag),
	},
	{
		// mlmmj puts it behind the last part, where programs show nothing.
		name: "several parts and a footer", text: mixedMail, footer: footer,
		comes: sentOn(),
	},
	{
		name: "another price", text: plainMail, prefix: tag, footer: footer,
		alter: []string{"19,50", "29,50"},
		comes: spam.but("text:"),
	},
	{
		name: "another author", text: plainMail, prefix: tag, footer: footer,
		alter: []string{"<" + ana + ">\r\nTo", "<eve@alpha.test>\r\nTo"},
		comes: spam.but("from:"),
	},
}

// TestList has mlmmj send on what Ana sent to a list. The list's node takes the
// mail for it and hands it to mlmmj, and records what comes back from it for
// each subscriber: the list's mail server is Postfix, with that node for a
// smarthost.
func TestList(t *testing.T) {
	relays.Need(t)
	t.Parallel()
	w, ctx := start(t, alpha, bravo, lists)
	a, b, l := w.Members[0], w.Members[1], w.Members[2]
	trust(ctx, t, a, l)
	trust(ctx, t, l, b)
	reports := api.AccountRequest{Name: "bounces", Addresses: []string{listBounces}}
	if _, err := l.AddAccount(ctx, reports); err != nil {
		t.Fatal(err)
	}
	server := relays.StartPostfix(t, relays.Config{
		NextHop: l.SubmissionAddr(),
		Settings: map[string]string{
			"sender_canonical_maps":    "regexp:$config_directory/senders",
			"sender_canonical_classes": "envelope_sender",
		},
		// mlmmj has a sender of its own for each message and subscriber.
		Tables: map[string]string{"senders": `/^lager\+bounces-.*@lists\.test$/ ` + listBounces + "\n"},
	})
	known := false
	for i, c := range postedMail {
		t.Run(c.name, func(t *testing.T) {
			if !c.stranger && !known {
				trust(ctx, t, b, l)
				name := api.ForwarderRequest{Account: "bob", Addresses: []string{lager}}
				if _, err := b.AddForwarders(ctx, name); err != nil {
					t.Fatal(err)
				}
				known = true
			}
			list := relays.NewList(t, relays.ListConfig{
				Address: lager, SMTP: server.Addr, Subscribers: []string{bob},
				Prefix: c.prefix, Footer: c.footer, Headers: listFields,
			})
			mail := letter{text: c.text, word: fmt.Sprintf("nummer%d.", i)}
			raw := mail.post(ctx, t, a, l)
			if c.alter != nil {
				raw = altered(t, raw, c.alter[0], c.alter[1])
			}
			if err := list.Post(ctx, raw); err != nil {
				t.Fatal(err)
			}
			if err := server.AwaitSent(ctx, bob); err != nil {
				t.Fatal(err)
			}
			c.comes.check(t, arrived(ctx, t, b, "bob", mail.as))
		})
	}
	t.Run("forwarded without a record", func(t *testing.T) { testForward(ctx, t, a, b, l) })
}

// post sends the letter to the list and returns it as it came to the list's
// node.
func (l letter) post(ctx context.Context, t *testing.T, a, list *testnet.Member) []byte {
	t.Helper()
	l.text = strings.ReplaceAll(l.text, bob, lager)
	if err := testnet.SendOne(a.SubmissionAddr(), ana, lager, l.wire()); err != nil {
		t.Fatal(err)
	}
	came, err := list.AwaitMail(ctx, "lager", l.as)
	if err != nil {
		t.Fatal(err)
	}
	return came.Raw
}

func altered(t *testing.T, raw []byte, old, other string) []byte {
	t.Helper()
	if !bytes.Contains(raw, []byte(old)) {
		t.Fatalf("there is no %q to alter in\n%s", old, raw)
	}
	return bytes.Replace(raw, []byte(old), []byte(other), 1)
}

// testForward has Postfix send on what came for an old address of Bob's, and no
// node of that domain record it anew.
func testForward(ctx context.Context, t *testing.T, a, b, l *testnet.Member) {
	mail := letter{text: plainMail, word: "weiter."}
	raw := mail.post(ctx, t, a, l)
	p := relays.StartPostfix(t, relays.Config{NextHop: b.InboundAddr()})
	if err := p.Relay(ctx, ana, bob, raw); err != nil {
		t.Fatal(err)
	}
	want := outcome{record.Replayed, mailstore.LabelSpam, []string{"recipient is not in the record"}}
	want.check(t, arrived(ctx, t, b, "bob", mail.as))
}
