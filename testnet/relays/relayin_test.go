package relays_test

import (
	"bytes"
	"strings"
	"testing"

	"cairn/node"
	"cairn/testnet"
	"cairn/testnet/relays"
)

// TestRelayNetworks: a Postfix hands over the mail of its people to the node in front of it, which
// records it, by its address alone; one with another address does not, and neither does mail of
// others.
func TestRelayNetworks(t *testing.T) {
	relays.Need(t)
	t.Parallel()
	front := alpha
	front.Configure = func(c *node.Config) {
		c.Submission.RelayNetworks, c.Submission.Unauthenticated = []string{"127.0.0.7"}, "never"
	}
	w, ctx := start(t, front, bravo)
	a, b := w.Members[0], w.Members[1]
	trust(ctx, t, a, b)
	from := func(address, tls string) *relays.Postfix {
		return relays.StartPostfix(t, relays.Config{NextHop: a.SubmissionAddr(), Settings: map[string]string{
			"smtp_bind_address": address, "smtp_tls_security_level": tls,
		}})
	}
	open, encrypted, stranger := from("127.0.0.7", "none"), from("127.0.0.7", "may"), from("127.0.0.8", "may")
	const carol = "carol@alpha.test" // whom the node does not know
	for _, c := range []struct {
		by           *relays.Postfix
		sender, word string
		says         []string // in the log of Postfix; nil: it arrives
		with         string   // in Received
	}{
		{open, ana, "offen.", nil, "UTF8SMTP"},
		{encrypted, ana, "verschlüsselt.", nil, "UTF8SMTPS"},
		{encrypted, carol, "unbekannt.", nil, "UTF8SMTPS"},
		{stranger, ana, "fremd.", []string{"status=bounced", "530 5.7.0 sign in first"}, ""},
		{encrypted, eve, "anderer.", []string{"status=bounced", "550 5.7.1", "is at no domain of this organisation"}, ""},
	} {
		mail := letter{text: strings.Replace(plainMail, "<"+ana+">", "<"+c.sender+">", 1), word: c.word}
		if c.says != nil {
			if err := testnet.SendOne(c.by.Addr, c.sender, bob, mail.wire()); err != nil {
				t.Fatal(err)
			}
			if err := c.by.AwaitLog(ctx, append(c.says, "to=<"+bob+">")...); err != nil {
				t.Errorf("%s: %v", c.word, err)
			}
			continue
		}
		if err := c.by.Relay(ctx, c.sender, bob, mail.wire()); err != nil {
			t.Fatalf("%s: %v", c.word, err)
		}
		told := arrived(ctx, t, b, "bob", mail.as)
		verified.check(t, told)
		stored, err := b.Raw(ctx, told.Ref)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(stored.Raw, []byte("from relay.test ([127.0.0.7])\r\n\tby mail.alpha.test (Cairn) with "+c.with+" id ")) {
			t.Errorf("%s: how it came:\n%s", c.word, stored.Raw)
		}
	}
	all, err := b.Mailbox("bob")
	if err != nil || len(all) != 3 {
		t.Errorf("Bob has %d mails, %v", len(all), err)
	}
}
