package node

import (
	"bytes"
	"testing"

	"cairn/consensus/record"
	"cairn/node/api"
	"cairn/smtpgw/arc"
	"cairn/smtpgw/authres/lookup"
	"cairn/smtpgw/dkim"
)

// TestForwardSealed: mail for an account here goes on to a server outside, recorded, and under a
// seal that holds once the DNS has the node's key; nothing is signed as if its author had sent it
// there.
func TestForwardSealed(t *testing.T) {
	n, end, z, far := outward(t)
	defer end()
	keys, err := n.DKIM(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	z.publish(keys.Keys...)
	if _, err := n.DKIM(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := n.AddAccount(t.Context(), api.AccountRequest{Name: "bob"}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.AddForward(t.Context(), api.ForwardRequest{Account: "bob", Address: "bob@example.net"}); err != nil {
		t.Fatal(err)
	}
	raw := "From: alice@example.org\r\nTo: bob@example.org\r\nSubject: onward\r\n\r\nHello  there \r\n\r\n"
	if _, err := n.Send(t.Context(), api.SendRequest{From: "alice@example.org", To: []string{"bob@example.org"}, Raw: []byte(raw)}); err != nil {
		t.Fatal(err)
	}
	text := far.next(t)
	m := dkim.Split(text)
	chain := arc.Validate(t.Context(), lookup.New(evidenceDNS{}), m)
	if chain.Result != arc.Pass || len(chain.Sealers) != 1 || chain.Sealers[0] != "example.org" {
		t.Errorf("%+v\n%s", chain, text)
	}
	if len(m.Named("dkim-signature")) != 0 || len(m.Named("delivered-to")) != 1 || !bytes.HasSuffix(text, []byte("\r\n\r\nHello  there \r\n\r\n")) {
		t.Errorf("what arrived:\n%s", text)
	}
	if _, found, err := record.FindToken(text); !found || err != nil {
		t.Errorf("it has no record: %v", err)
	}
	await(t, n, "the queue to be empty", func() bool { return must(n.queue.Len()) == 0 })
}
