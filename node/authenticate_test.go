package node

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/netip"
	"net/smtp"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"cairn/mailstore"
	"cairn/node/api"
	"cairn/smtpgw/authres/lookup/lookuptest"
)

// withDNS lets the node ask dns alone, and takes loopback for the world outside.
func withDNS(t *testing.T, dns *lookuptest.Zone) {
	t.Helper()
	was, wasResolver, wasReverse := exchange, resolver, reverse
	t.Cleanup(func() { exchange, resolver, reverse = was, wasResolver, wasReverse })
	exchange.Resolver, resolver, reverse = dns, dns, dns
	exchange.allowed = func(netip.Addr) bool { return true }
}

// stored is the text of an account's mails, joined.
func stored(t *testing.T, n *Node, address string) string {
	t.Helper()
	var all bytes.Buffer
	err := n.store.View(func(rd *mailstore.Reader) error {
		a, err := rd.AccountByAddress(address)
		if err != nil {
			return err
		}
		mails, err := rd.Messages(a.ID, 0, 100)
		for _, m := range mails {
			raw, err := rd.Raw(m.Blob)
			if err != nil {
				return err
			}
			all.Write(raw)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("\r\n\t", " ", "\r\n ", " ").Replace(all.String())
}

// handIn brings a mail to a listener, in clear.
func handIn(t *testing.T, addr, from, to string, text []byte) {
	t.Helper()
	c, err := smtp.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := errors.Join(c.Mail(from), c.Rcpt(to)); err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(text)
	if err := errors.Join(err, w.Close(), c.Quit()); err != nil {
		t.Fatal(err)
	}
}

// TestMailFromOutside: a whole node asks the DNS about mail that a server outside brings, says in
// the mail what it heard, and files by it; unless that is switched off.
func TestMailFromOutside(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	withDNS(t, &lookuptest.Zone{
		TXTs: map[string][]string{
			"far.org":              {"v=spf1 mx -all"},
			"_dmarc.far.org":       {"v=DMARC1; p=reject"},
			"s._domainkey.far.org": {"k=ed25519; p=" + base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))},
			"list.org":             {"v=spf1 a:mx.list.org -all"},
		},
		MXs:   map[string][]string{"far.org": {"mx.far.org"}},
		Addrs: map[string][]string{"mx.far.org": {"192.0.2.1"}, "mx.list.org": {"127.0.0.1"}},
		Names: map[string][]string{"127.0.0.1": {"mx.list.org"}},
	})
	raw := []byte("From: jo@far.org\r\nTo: ann@alpha.test\r\nSubject: hello\r\nDate: Mon, 02 Jan 2006 15:04:05 +0000\r\nMessage-ID: <1@far.org>\r\n\r\nHello.\r\n")
	var signed bytes.Buffer
	if err := dkim.Sign(&signed, bytes.NewReader(raw), &dkim.SignOptions{Domain: "far.org", Selector: "s", Signer: key}); err != nil {
		t.Fatal(err)
	}
	for _, on := range []bool{true, false} {
		dir, _ := founder(t, "Alpha", "alpha.test")
		quiet(t, dir, func(c *Config) { c.Inbound.Listen, c.Inbound.Authenticate = "127.0.0.1:0", on })
		n, _ := begun(t, dir)
		if _, err := n.AddAccount(t.Context(), api.AccountRequest{Name: "ann"}); err != nil {
			t.Fatal(err)
		}
		for from, text := range map[string][]byte{"owner@list.org": signed.Bytes(), "jo@far.org": raw} {
			handIn(t, n.InboundAddr(), from, "ann@alpha.test", text)
		}
		inbox, held := count(t, n, "label:inbox"), count(t, n, "label:quarantine")
		if want := map[bool][2]int{true: {1, 1}, false: {2, 0}}[on]; inbox != want[0] || held != want[1] {
			t.Errorf("asking %v: %d in the inbox, %d held", on, inbox, held)
		}
		mail := stored(t, n, "ann@alpha.test")
		for _, said := range []string{
			"dkim=pass header.d=far.org", "dmarc=pass header.from=far.org", "iprev=pass", "smtp.mailfrom=owner@list.org",
			"spf=fail", "dkim=none", "dmarc=fail",
		} {
			if strings.Contains(mail, said) != on {
				t.Errorf("asking %v: %s", on, mail)
				break
			}
		}
	}
}
