package testnet_test

import (
	"fmt"
	"testing"

	"cairn/node/api"
	"cairn/testnet"
)

// TestRepinWhileSessionIsOpen pins a domain to another organisation right after a mail has gone to
// the first one: what is sent from then on goes to the second one, though a session with the first
// stands open.
func TestRepinWhileSessionIsOpen(t *testing.T) {
	t.Parallel()
	w, ctx := start(t, 1)
	a := w.Members[0]
	var list [2]*testnet.Member
	for i, name := range []string{"Bravo", "Successor"} {
		var err error
		if list[i], err = w.Join(ctx, testnet.Org{Name: name, Domain: "bravo.test", Account: "bob"}); err != nil {
			t.Fatal(err)
		}
	}
	b, c := list[0], list[1]
	if err := w.AwaitMembers(ctx); err != nil {
		t.Fatal(err)
	}
	to := "bob@" + b.Domain
	send := func(subject string) {
		t.Helper()
		if err := testnet.SendOne(a.SubmissionAddr(), w.Address(0), to, testnet.Compose(w.Address(0), to, subject, "hello\n")); err != nil {
			t.Fatal(err)
		}
	}
	arrives := func(m *testnet.Member, subject string) {
		t.Helper()
		if _, err := m.AwaitMail(ctx, "bob", testnet.Subject(subject)); err != nil {
			t.Fatalf("%s has no mail %q: %v", m.Name, subject, err)
		}
	}
	pin := api.TrustRequest{Domain: b.Domain, Key: b.Identity().OrgKey().String()}
	if _, err := a.Trust(ctx, pin); err != nil {
		t.Fatal(err)
	}
	send("before")
	arrives(b, "before")
	pin.Key = c.Identity().OrgKey().String()
	if _, err := a.Trust(ctx, pin); api.AsError(err) == nil || api.AsError(err).Code != api.CodeExists {
		t.Fatalf("another key was pinned without a word: %v", err)
	}
	pin.Replace = true
	if _, err := a.Trust(ctx, pin); err != nil {
		t.Fatal(err)
	}
	const later = 20
	for i := range later {
		send(fmt.Sprint("after ", i))
	}
	for i := range later {
		arrives(c, fmt.Sprint("after ", i))
	}
	box, err := b.Mailbox("bob")
	if err != nil {
		t.Fatal(err)
	}
	if len(box) != 1 {
		t.Errorf("the organisation that was pinned before has %d mails, want the one from then", len(box))
	}
}
