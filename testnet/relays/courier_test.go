package relays_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/client"
	"cairn/smtpgw/courier"
	"cairn/smtpgw/dane"
	"cairn/smtpgw/directory"
	"cairn/smtpgw/tlsa"
	"cairn/smtpgw/tlstest"
	"cairn/testnet"
	"cairn/testnet/relays"
)

// couriered is a Postfix that a courier hands mail to, as to any server that is
// no node.
type couriered struct {
	name     string
	settings map[string]string
	attached int    // octets of an attachment
	session  string // what Postfix has to say of the session in the end
	outside  bool   // the courier takes it for a mail server that the DNS names
	tls      client.TLSUse
	key      bool // it is known by its key alone (RFC 7672)
}

// Two messages are for a recipient whom Postfix refuses and two for Bob, all in
// one session.
var courieredMail = []couriered{
	{name: "chunks with their envelope", session: `ehlo=1 mail=4 rcpt=2/4 bdat=2/4 .*quit=1`},
	{
		name: "chunks behind their envelope", attached: 1 << 20,
		session: `ehlo=1 mail=4 rcpt=2/4 bdat=2 .*quit=1`,
	},
	{
		name: "no commands before their time",
		settings: map[string]string{
			"smtpd_forbid_unauth_pipelining": "yes", "smtpd_forbid_bare_newline": "yes",
		},
		session: `ehlo=1 mail=4 rcpt=2/4 bdat=2/4 .*quit=1`,
	},
	{
		name: "no chunks", settings: map[string]string{"smtpd_discard_ehlo_keywords": "chunking"},
		session: `ehlo=1 mail=4 rcpt=2/4 data=2 .*quit=1`,
	},
	{
		name: "no extensions", settings: map[string]string{
			"smtpd_discard_ehlo_keywords": "chunking, pipelining, 8bitmime, smtputf8, size, dsn",
		},
		session: `ehlo=1 mail=4 rcpt=2/4 data=2 .*quit=1`,
	},
	{name: "outside", outside: true, session: `ehlo=1 mail=4 rcpt=2/4 data=2 .*quit=1`},
	{
		name: "outside, encrypted", outside: true, settings: encrypting("may"),
		session: `ehlo=2 starttls=1 mail=4 rcpt=2/4 data=2 .*quit=1`,
	},
	{
		name: "outside, encrypted with a certificate", outside: true, settings: encrypting("encrypt"), tls: client.TLSRequired,
		session: `ehlo=2 starttls=1 mail=4 rcpt=2/4 data=2 .*quit=1`,
	},
	{
		name: "outside, encrypted and known by its key", outside: true, settings: encrypting("encrypt"), tls: client.TLSRequired, key: true,
		session: `ehlo=2 starttls=1 mail=4 rcpt=2/4 data=2 .*quit=1`,
	},
}

func encrypting(level string) map[string]string {
	return map[string]string{"smtpd_tls_security_level": level, "smtpd_tls_chain_files": "$config_directory/chain.pem"}
}

const gone = "gone@bravo.test"

// testCourier has a courier hand recorded mail to Postfix, which relays it to
// Bob's node.
func testCourier(ctx context.Context, t *testing.T, a, b *testnet.Member) {
	var letters []letter
	for i, c := range courieredMail {
		text := strings.Replace(mixedMail, smallFile, file(c.attached), 1)
		for _, first := range []string{"erste", "zweite"} {
			letters = append(letters, letter{text: text, word: fmt.Sprintf("%s%d.", first, i)})
		}
	}
	left := recorded(ctx, t, a, letters)
	cert, roots := tlstest.Certificate(t, "relay.test")
	for i, c := range courieredMail {
		t.Run(c.name, func(t *testing.T) {
			const access = "check_recipient_access texthash:$config_directory/refused, permit"
			settings := map[string]string{"smtpd_recipient_restrictions": access}
			maps.Copy(settings, c.settings)
			p := relays.StartPostfix(t, relays.Config{
				NextHop: b.InboundAddr(), Settings: settings,
				Tables: map[string]string{"refused": gone + " REJECT has left us\n", "chain.pem": tlstest.Chain(t, cert)},
			})
			mails := left[2*i : 2*i+2]
			w := way{addr: p.Addr}
			if c.outside {
				w.host = &client.Host{Name: "relay.test", TLS: c.tls, Roots: roots}
			}
			if c.key {
				known := &tlsa.Server{Base: "mx.test", Records: []dane.Record{dane.OfKey(cert.Leaf.RawSubjectPublicKeyInfo)}}
				w.host = &client.Host{Name: "mx.test", TLS: c.tls, Verify: func(s *tls.ConnectionState) error { return known.Verify(s, time.Now()) }}
			}
			if report := carry(ctx, t, p, w, mails); !bytes.Contains(report, []byte("has left us")) {
				t.Errorf("the report does not give the reason:\n%s", report)
			}
			if !regexp.MustCompile("disconnect from .* " + c.session).MatchString(p.Log()) {
				t.Errorf("no session like %q", c.session)
			}
			for _, mail := range mails {
				asSent := func(m *testnet.Mail) bool { return bytes.HasSuffix(m.Raw, mail) }
				verified.check(t, arrived(ctx, t, b, "bob", asSent))
			}
		})
	}
}

// smallFile is the attachment of mixedMail in base64, file so much of another.
const smallFile = "AAECAwQFBgcICQoLDA0ODw=="

func file(octets int) string {
	return strings.Repeat(strings.Repeat("QUJD", 19)+"\n", octets/57) + smallFile
}

// carry has a courier take the mails to Postfix, the first one for Bob and who
// is refused and for him alone, and returns the reports about him.
func carry(ctx context.Context, t *testing.T, p *relays.Postfix, w way, mails [][]byte) []byte {
	t.Helper()
	store, err := mailstore.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var account mailstore.Account
	err = store.Update(ctx, func(tx *mailstore.Tx) error {
		account, err = tx.AddAccount("ana", []string{ana})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	queue := outbox.New(store)
	cfg := courier.Config{Hostname: "mail.alpha.test"}
	cfg.Directory = directory.New(directory.Config{Domains: func() []string { return []string{alpha.Domain} }, Postmaster: ana}) // whose reports are
	cfg.Sending.Sessions, cfg.Sending.IdleSession = 1, time.Second/2
	to := []struct {
		mail  []byte
		rcpts []string
	}{{mails[0], []string{gone}}, {mails[0], []string{gone, bob}}, {mails[1], []string{bob}}}
	for _, m := range to {
		enqueue(ctx, t, store, queue, account.ID, m.mail, m.rcpts)
	}
	run, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	carrying := courier.New(cfg, queue, w, nil, slog.New(slog.DiscardHandler))
	go func() { done <- carrying.Run(run) }()
	werr := p.AwaitLog(ctx, "disconnect from")
	cancel() // it ends when all outcomes are noted
	if err := errors.Join(werr, <-done); err != nil {
		t.Fatal(err)
	}
	return reports(t, queue)
}

// enqueue puts a recorded mail into a queue.
func enqueue(
	ctx context.Context, t *testing.T, store *mailstore.Store, queue *outbox.Queue,
	of mailstore.AccountID, mail []byte, rcpts []string,
) {
	t.Helper()
	end := bytes.Index(mail, []byte("\r\nReceived:")) + 2
	token, raw := mail[:end], mail[end:]
	envelope := outbox.Envelope{From: ana, Account: of, Recipients: rcpts}
	if _, err := queue.Submit(ctx, envelope, raw); err != nil {
		t.Fatal(err)
	}
	list, err := queue.Unsealed(0, 100)
	if err != nil {
		t.Fatal(err)
	}
	err = store.Update(ctx, func(tx *mailstore.Tx) error {
		for _, e := range list {
			if err := queue.Seal(tx, e.ID, token); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// way is the one way to all domains.
type way struct {
	addr string
	host *client.Host // nil: what is there is a node
}

func (w way) Route(context.Context, string) (client.Route, error) {
	dial := func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", w.addr) }
	if w.host == nil {
		return client.Route{Dial: func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx) }}, nil
	}
	h := *w.host
	h.Dial = dial
	return client.Route{Hosts: []client.Host{h}}, nil
}

// reports returns the reports in a queue, which holds nothing else.
func reports(t *testing.T, queue *outbox.Queue) []byte {
	t.Helper()
	list, err := queue.List(0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, e := range list {
		if e.From != "" {
			t.Errorf("a mail to %s is left: %s", e.Recipients, e.LastError)
			continue
		}
		raw, err := queue.Raw(e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw...)
	}
	return all
}
