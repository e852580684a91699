package relays_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"cairn/node/api"
	"cairn/testnet"
	"cairn/testnet/relays"
)

// relayed is a mail that Ana's node recorded, on its way to Bob's node over
// a relay that is no node.
type relayed struct {
	name     string
	text     string // of the letter
	settings map[string]string
	tables   map[string]string
	banner   string // put below the mail by a gateway behind the relay
	// shows is what the message must look like behind the relay, so that the
	// case tests what its name says.
	shows string
	comes outcome
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

var relayedMail = []relayed{
	{name: "as it is", text: plainMail, shows: `by relay\.test \(Postfix\)`, comes: verified},
	{
		name: "several parts", text: mixedMail,
		shows: `by relay\.test \(Postfix\)`, comes: verified,
	},
	{
		name: "text to quoted-printable", text: plainMail, settings: sevenBit,
		shows: `(?s)Content-Transfer-Encoding: quoted-printable.*Gr=C3=BC=C3=9Fe`, comes: verified,
	},
	{
		name: "parts to quoted-printable", text: mixedMail, settings: sevenBit,
		shows: `(?s)f=C3=BCr M=C3=A4rz.*gro=C3=9F`, comes: verified,
	},
	{
		name: "8-bit text to who takes none", text: plainMail,
		settings: map[string]string{
			"smtp_discard_ehlo_keywords": "8bitmime, smtputf8", "disable_mime_output_conversion": "yes",
		},
		shows: "Transfer-Encoding: 8bit(?s:.*)Grüße aus", comes: verified,
	},
	{
		name:  "UTF-8 in the header",
		text:  strings.Replace(plainMail, "Angebot", "Stückliste für Köln", 1),
		shows: `Subject: nummer[0-9]+\. Stückliste für Köln`, comes: verified,
	},
	{
		name: "fields added", text: plainMail,
		settings: map[string]string{"header_checks": "regexp:$config_directory/checks"},
		tables:   map[string]string{"checks": "/^From:/ PREPEND X-Virus-Scanned: by relay.test\n"},
		shows:    "X-Virus-Scanned: by relay.test\r\nFrom:", comes: verified,
	},
	{
		name: "a field added that nobody knows", text: plainMail,
		settings: map[string]string{"header_checks": "regexp:$config_directory/checks"},
		tables:   map[string]string{"checks": "/^From:/ PREPEND X-Relay: relay.test\n"},
		shows:    "X-Relay: relay.test\r\nFrom:",
		comes:    changed.but("x-relay"),
	},
	{
		name: "a field added that programs act upon", text: plainMail,
		settings: map[string]string{"header_checks": "regexp:$config_directory/checks"},
		tables:   map[string]string{"checks": "/^From:/ PREPEND Reply-To: eve@relay.test\n"},
		shows:    "Reply-To: eve@relay.test\r\nFrom:",
		comes:    spam.but("reply-to"),
	},
	{
		name: "subject tagged", text: plainMail,
		settings: map[string]string{"smtp_header_checks": "regexp:$config_directory/checks"},
		tables:   map[string]string{"checks": "/^Subject: (.*)/ REPLACE Subject: [extern] $1\n"},
		shows:    `Subject: \[extern\] nummer`, comes: changed.but(`"[extern]"`),
	},
	{
		name: "a recipient's address mapped", text: plainMail,
		settings: map[string]string{"smtp_generic_maps": "texthash:$config_directory/generic"},
		tables:   map[string]string{"generic": "dave@intern.alpha.test dave@alpha.test\n"},
		shows:    "dave@alpha.test", comes: spam.but("to:"),
	},
	{
		name: "the author's address mapped", text: plainMail,
		settings: map[string]string{"smtp_generic_maps": "texthash:$config_directory/generic"},
		tables:   map[string]string{"generic": "ana@alpha.test ana.mueller@alpha.test\n"},
		shows:    "ana.mueller@alpha.test", comes: spam.but("from:"),
	},
	{
		name: "a field unfolded", text: plainMail,
		settings: map[string]string{"header_checks": "regexp:$config_directory/checks"},
		tables:   map[string]string{"checks": "/^(To: .*,)[[:space:]]+(dave.*)$/ REPLACE $1 $2\n"},
		shows:    `To: Bob <bob@.*>, "Carol C\." <carol@.*>, dave@intern`, comes: verified,
	},
	{
		// Postfix breaks lines of more than 998 octets wherever that is.
		name: "a line too long", text: plainMail + strings.Repeat("wort ", 400) + "\n",
		shows: `\r\n [a-z]* wort|=\r\n`,
		comes: verified,
	},
	{
		name:  "a field too long",
		text:  strings.Replace(plainMail, "Angebot", strings.Repeat("wort ", 400)+"Angebot", 1),
		shows: `\r\n [a-z]* wort`,
		comes: verified,
	},
	{
		name: "a banner", text: mixedMail, banner: "--- \nDiese Nachricht kam aus dem Internet.\n",
		shows: "kam aus dem Internet", comes: changed.but("Diese Nachricht kam aus dem Internet."),
	},
}

// TestPostfix has Postfix stand between two nodes: as a relay on the way from
// one to the other, and as the server that a courier hands mail to.
func TestPostfix(t *testing.T) {
	relays.Need(t)
	t.Parallel()
	w, ctx := start(t, alpha, bravo)
	a, b := w.Members[0], w.Members[1]
	closeWay(ctx, t, a, b.Domain)
	t.Run("relay", func(t *testing.T) { testRelays(ctx, t, a, b) })
	t.Run("recipients", func(t *testing.T) { testRecipients(ctx, t, a, b) })
	t.Run("courier", func(t *testing.T) { testCourier(ctx, t, a, b) })
}

func testRelays(ctx context.Context, t *testing.T, a, b *testnet.Member) {
	letters := make([]letter, len(relayedMail))
	for i, c := range relayedMail {
		letters[i] = letter{text: c.text, word: fmt.Sprintf("nummer%d.", i)}
	}
	left := recorded(ctx, t, a, letters)
	for i, c := range relayedMail {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			raw := left[i]
			if c.banner != "" {
				raw = relays.Banner(t, raw, c.banner)
			}
			p := relays.StartPostfix(t, relays.Config{
				NextHop: b.InboundAddr(), Settings: c.settings, Tables: c.tables,
			})
			if err := p.Relay(ctx, ana, bob, raw); err != nil {
				t.Fatal(err)
			}
			told := arrived(ctx, t, b, "bob", letters[i].as)
			stored, err := b.Raw(ctx, told.Ref)
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(c.shows).Match(stored.Raw) {
				t.Errorf("behind the relay the message does not match %q:\n%s", c.shows, stored.Raw)
			}
			c.comes.check(t, told)
		})
	}
}

// testRecipients sends one mail to Bob, to nobody, and to an address that not
// every server takes (RFC 6531).
func testRecipients(ctx context.Context, t *testing.T, a, b *testnet.Member) {
	const joerg, nobody = "jörg@bravo.test", "nobody@bravo.test"
	account := api.AccountRequest{Name: "joerg", Addresses: []string{joerg}}
	if _, err := b.AddAccount(ctx, account); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(plainMail, "<bob@bravo.test>", "<bob@bravo.test>, "+joerg, 1)
	mail := letter{text: text, word: "allen."}
	to := []string{bob, joerg, nobody}
	c, err := testnet.DialSMTP(a.SubmissionAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Send(ana, to[:2], mail.wire()); err != nil {
		t.Fatal(err)
	}
	raw, err := a.TakeOutgoing(ctx, mail.in)
	if err != nil {
		t.Fatal(err)
	}
	p := relays.StartPostfix(t, relays.Config{NextHop: b.InboundAddr()})
	r, err := testnet.DialSMTP(p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Send(ana, to, raw); err != nil {
		t.Fatal(err)
	}
	for _, account := range []string{"bob", "joerg"} {
		verified.check(t, arrived(ctx, t, b, account, mail.as))
	}
	err = p.AwaitLog(ctx, "to=<"+nobody+">", "status=bounced", "550 5.1.1 no mailbox")
	if err != nil {
		t.Error(err)
	}
}
