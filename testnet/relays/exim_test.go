package relays_test

import (
	"regexp"
	"testing"

	"cairn/node"
	"cairn/testnet"
	"cairn/testnet/relays"
)

// TestExim: mail goes to an Exim, and from that to another node, encrypted and in chunks both ways.
func TestExim(t *testing.T) {
	relays.NeedExim(t)
	t.Parallel()
	w, ctx := start(t, bravo)
	b := w.Members[0]
	e := relays.StartExim(t, b.InboundAddr())
	behind := alpha
	behind.Configure = func(c *node.Config) { c.Outbound.Via = e.Addr }
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
	for _, text := range []string{plainMail, mixedMail} {
		mail := letter{text: text, word: "exim."}
		if text == mixedMail {
			mail.word = "mehrteilig."
		}
		if err := testnet.SendOne(a.SubmissionAddr(), ana, bob, mail.wire()); err != nil {
			t.Fatal(err)
		}
		told := arrived(ctx, t, b, "bob", mail.as)
		verified.check(t, told)
		stored, err := b.Raw(ctx, told.Ref)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`by exim\.test with esmtps`).Match(stored.Raw) {
			t.Errorf("it did not come encrypted by Exim:\n%s", stored.Raw)
		}
	}
}
