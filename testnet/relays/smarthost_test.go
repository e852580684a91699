package relays_test

import (
	"bytes"
	"testing"

	"cairn/node"
	"cairn/testnet"
	"cairn/testnet/relays"
)

// TestSmarthost: mail for a domain that nobody is trusted for goes to the server that takes all of
// it, with its record.
func TestSmarthost(t *testing.T) {
	relays.Need(t)
	t.Parallel()
	w, ctx := start(t, bravo)
	b := w.Members[0]
	p := relays.StartPostfix(t, relays.Config{NextHop: b.InboundAddr()})
	behind := alpha
	behind.Configure = func(c *node.Config) { c.Outbound.Via = p.Addr }
	a, err := w.Join(ctx, behind)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.AwaitMembers(ctx); err != nil {
		t.Fatal(err)
	}
	trust(ctx, t, b, a)
	if _, err := a.Untrust(ctx, b.Domain); err != nil {
		t.Fatal(err)
	}
	mail := letter{text: plainMail, word: "draußen."}
	encoded := letter{word: "drau=C3=9Fen."} // before it is recorded, as it leaves the network
	if err := testnet.SendOne(a.SubmissionAddr(), ana, bob, mail.wire()); err != nil {
		t.Fatal(err)
	}
	told := arrived(ctx, t, b, "bob", encoded.as)
	verified.check(t, told)
	stored, err := b.Raw(ctx, told.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(stored.Raw, []byte("by relay.test (Postfix)")) {
		t.Errorf("it did not come through the smarthost:\n%s", stored.Raw)
	}
}
