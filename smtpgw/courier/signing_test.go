package courier

import (
	"crypto"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/client"
	"cairn/smtpgw/dkim/keyring"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/lists"
)

// drawEd25519 makes the keys of tests.
func drawEd25519(keyring.Algorithm) (crypto.Signer, error) {
	_, key, err := ed25519.GenerateKey(nil)
	return key, err
}

// TestAuthorDomain: in whose name a message is signed.
func TestAuthorDomain(t *testing.T) {
	for from, want := range map[string]string{
		"From: user@local.example\r\n":                                                    "local.example",
		"From: \"eve@far.example\" <user@LOCAL.example>\r\n":                              "local.example",
		"From: user@bücher.example\r\n":                                                   "xn--bcher-kva.example",
		"From: a@local.example, b@local.example\r\n":                                      "local.example",
		"From: a@local.example, b@far.example\r\n":                                        "",
		"From: a@far.example, b@local.example\r\n":                                        "",
		"From: user@[192.0.2.1]\r\n":                                                      "",
		"From: nobody\r\n":                                                                "",
		"Sender: user@local.example\r\n":                                                  "",
		"Resent-From: user@local.example\r\nFrom: Ann <ann@far.example>\r\nTo: b@c.d\r\n": "far.example",
	} {
		if got := authorDomain([]byte(from)); got != want {
			t.Errorf("%q: %q, want %q", from, got, want)
		}
	}
}

// TestSigned: what leaves for a server that is no node is signed over the token, by the keys of the
// author's domain; what a mailing list sends on is not, nor what goes to nodes.
func TestSigned(t *testing.T) {
	ring, err := keyring.Ring{}.With([]string{"local.example"}, time.Now(), drawEd25519)
	if err != nil {
		t.Fatal(err)
	}
	key := ring.Keys()[0]
	sign := func(domain string, message ...[]byte) []byte {
		if domain != key.Domain {
			return nil
		}
		fields, err := keyring.Sign([]keyring.Key{key}, time.Now(), message...)
		if err != nil {
			t.Error(err)
		}
		return fields
	}
	server := (&gatewaytest.Foreign{Offers: []string{"8BITMIME"}}).Listen(t)
	n := nearNode(t, nil)
	n.courier.cfg.Sign = sign
	n.courier.router = routes{"far.example": client.Route{To: "outside", Hosts: []client.Host{{Name: "mx.far.example", Dial: gatewaytest.DialTo(server.Addr)}}}}
	n.send(t, "user@local.example", mailText("hello"), "bob@far.example")
	e, _, err := n.queue.Load(must(n.queue.List(0, 1))(t)[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	e.Token = []byte("Cairn-Record: v=1\r\n")
	raw := []byte("From: User <user@local.example>\r\nSubject: hello\r\n\r\n.begins with a dot\r\n")
	attempt := func(e outbox.Entry, raw []byte) string {
		t.Helper()
		out, o := n.courier.attempt(t.Context(), newLane(t.Context(), "far.example", n.courier.texts), nil, &e, raw)
		if o != nil {
			o.Quit()
		}
		if !out[0].reply.OK() {
			t.Fatal(out[0].reply)
		}
		server.Mu.Lock()
		defer server.Mu.Unlock()
		text := strings.TrimSuffix(server.Texts[len(server.Texts)-1], "\r\n.\r\n") + "\r\n"
		return strings.ReplaceAll(text, "\r\n..", "\r\n.")
	}
	text := attempt(e, raw)
	if !strings.HasSuffix(text, string(e.Token)+string(raw)) {
		t.Errorf("what was recorded is not what arrived:\n%s", text)
	}
	found, err := msgauth.VerifyWithOptions(strings.NewReader(text), &msgauth.VerifyOptions{
		LookupTXT: func(string) ([]string, error) { return []string{key.Record()}, nil }, MaxVerifications: 2,
	})
	if err != nil || len(found) != 1 || found[0].Err != nil || found[0].Domain != "local.example" {
		t.Errorf("%v, %v:\n%s", found, err, text)
	}
	unsigned := func(what string, e outbox.Entry, raw string) {
		t.Helper()
		if text := attempt(e, []byte(raw)); text != string(e.Token)+raw {
			t.Errorf("%s:\n%s", what, text)
		}
	}
	unsigned("of another domain", e, "From: ann@far.example\r\n\r\nhello\r\n")
	list := e
	if err := n.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		l, err := lists.Put(tx, lists.List{Address: "all@local.example", Owner: "user@local.example"})
		list.Account = l.Account
		return err
	}); err != nil {
		t.Fatal(err)
	}
	unsigned("of a list", list, string(raw))
	n.courier.cfg.Sign = nil
	unsigned("without keys", e, string(raw))
	if got := n.courier.top(&client.Session{}, &e, raw); string(got) != string(e.Token) {
		t.Errorf("to a node: %q", got)
	}
}
