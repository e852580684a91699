package relays_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/node/api"
	"cairn/testnet"
	"cairn/testnet/relays"
)

// relayed is a mail that Ana's node recorded, on its way to Bob's node over
// a relay that is no node.
type relayed struct {
	name string
	// mail is what Ana sends; the Subject has a %s for a word of its own.
	mail     string
	settings map[string]string
	tables   map[string]string
	banner   string // put below the mail by a gateway behind the relay
	// shows is what the message must look like behind the relay, so that the
	// case tests what its name says.
	shows string
	today outcome // what comes out
	aim   outcome // what has to come out; nothing when that is the same
}

const (
	// Lines end in LF here; they are sent with CRLF.
	plainMail = `From: Ana =?utf-8?q?M=C3=BCller?= <ana@alpha.test>
To: Bob <bob@bravo.test>, "Carol C." <carol@bravo.test>,
	dave@intern.alpha.test
Subject: %s Angebot
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Grüße aus Köln,

wir bieten 480 Stück zu 19,50 Euro.
.
From here on = and trailing space 
-- 
Ana Müller
`
	mixedMail = `From: Ana <ana@alpha.test>
To: bob@bravo.test
Subject: %s Preisliste
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Anbei die Preise für März.

--inner
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

<html><body><p>Anbei die Preise f=FCr M=E4rz.</p></body></html>

--inner--

--outer
Content-Type: text/csv; charset=utf-8; name="preise.csv"
Content-Disposition: attachment; filename="preise.csv"
Content-Transfer-Encoding: 8bit

Schraube groß;0,12
Mutter;0,07

--outer
Content-Type: application/octet-stream
Content-Disposition: attachment; filename="a.bin"
Content-Transfer-Encoding: base64

AAECAwQFBgcICQoLDA0ODw==

--outer--
`
)

// sevenBit makes Postfix believe that the next hop takes no 8-bit text.
var sevenBit = map[string]string{"smtp_discard_ehlo_keywords": "8bitmime, smtputf8"}

var (
	verified = outcome{"verified", "inbox", nil}
	changed  = outcome{"changed", "inbox", nil}
)

var relayedMail = []relayed{
	{name: "as it is", mail: plainMail, shows: `by relay\.test \(Postfix\)`, today: verified},
	{name: "several parts", mail: mixedMail, shows: `by relay\.test \(Postfix\)`, today: verified},
	{
		name: "text to quoted-printable", mail: plainMail, settings: sevenBit,
		shows: `(?s)Content-Transfer-Encoding: quoted-printable.*Gr=C3=BC=C3=9Fe`, today: verified,
	},
	{
		name: "parts to quoted-printable", mail: mixedMail, settings: sevenBit,
		shows: `(?s)f=C3=BCr M=C3=A4rz.*gro=C3=9F`, today: verified,
	},
}

// TestPostfix has Postfix stand between two nodes.
func TestPostfix(t *testing.T) {
	w, ctx := start(t, alpha, bravo)
	a, b := w.Members[0], w.Members[1]
	// Ana's node has no way to Bob's but the relay.
	key := consensus.PublicKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if _, err := a.Trust(ctx, api.TrustRequest{Domain: b.Domain, Key: key.String()}); err != nil {
		t.Fatal(err)
	}
	for i, c := range relayedMail {
		t.Run(c.name, func(t *testing.T) {
			word := fmt.Sprintf("nummer%d", i)
			raw := recorded(ctx, t, a, bytes.Replace([]byte(c.mail), []byte("%s"), []byte(word), 1))
			hop := b.InboundAddr()
			p := relays.StartPostfix(t, relays.Config{NextHop: hop, Settings: c.settings, Tables: maps.Clone(c.tables)})
			if c.banner != "" {
				raw = relays.Banner(t, raw, c.banner)
			}
			if err := p.Relay(ctx, ana, bob, raw); err != nil {
				t.Fatal(err)
			}
			told := arrived(ctx, t, b, "bob", func(m *testnet.Mail) bool { return bytes.Contains(m.Raw, []byte(word)) })
			stored, err := b.Raw(ctx, told.Ref)
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(c.shows).Match(stored.Raw) {
				t.Errorf("behind the relay the message does not match %q:\n%s", c.shows, stored.Raw)
			}
			c.judge(t, told)
		})
	}
}

// recorded submits a mail of Ana for Bob and returns it as it leaves her node.
func recorded(ctx context.Context, t *testing.T, a *testnet.Member, raw []byte) []byte {
	t.Helper()
	sent := []byte(strings.ReplaceAll(string(raw), "\n", "\r\n"))
	if err := testnet.SendOne(a.SubmissionAddr(), ana, bob, sent); err != nil {
		t.Fatal(err)
	}
	left, err := a.TakeOutgoing(ctx, bob)
	if err != nil {
		t.Fatal(err)
	}
	return left
}

func (c *relayed) judge(t *testing.T, m *api.Message) {
	t.Helper()
	t.Logf("%s, %v, %q", m.Verification.Verdict, m.Labels, m.Verification.Reasons)
	if !c.today.met(m) {
		t.Errorf("got %s, want %s", m.Verification.Verdict, c.today)
	}
}
