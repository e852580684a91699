package smtpgw

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/limits"
	"cairn/smtpgw/tlstest"
)

// tickets counts the sessions that a client could come back to.
type tickets int

func (*tickets) Get(string) (*tls.ClientSessionState, bool) { return nil, false }
func (n *tickets) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		*n++
	}
}

// TestInboundTLS: other mail servers are offered STARTTLS (RFC 3207) and no AUTH. What was said in
// clear counts no longer, what is sent along with STARTTLS ends the session, limits go on within
// TLS, and no ticket is given.
func TestInboundTLS(t *testing.T) {
	cert, roots := tlstest.Certificate(t, "mx.local.example")
	cfg := testConfig
	cfg.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true}
	st, seen := localStore(t), &deliverytest.Verifier{}
	addr := inbound(t, cfg, st, seen)
	var given tickets
	config := &tls.Config{ServerName: "mx.local.example", RootCAs: roots, ClientSessionCache: &given}

	d := dial(t, addr)
	d.expect("^220 ")
	if offers := d.say("EHLO client.example\r\n", "^250 "); !strings.Contains(offers, "250-STARTTLS\r\n") || strings.Contains(offers, "AUTH") {
		t.Errorf("offered in clear: %q", offers)
	}
	d.say("MAIL FROM:<clear@peer.example>\r\n", "^250 ")
	d.say("RCPT TO:<other@local.example>\r\n", "^250 ")
	d.say("STARTTLS\r\n", "^220 2.0.0 ")
	d.encrypt(config)
	d.say("DATA\r\n", "^503 5.5.1 send EHLO first")
	if offers := d.say("EHLO client.example\r\n", "^250 "); strings.Contains(offers, "STARTTLS") || strings.Contains(offers, "AUTH") {
		t.Errorf("offered within TLS: %q", offers)
	}
	d.say("DATA\r\n", "^503 ") // the transaction is over
	d.say("AUTH PLAIN AHVzZXIAdXNlci1zZWNyZXQ=\r\n", "^502 5.5.1 ")
	d.say("MAIL FROM:<s@peer.example>\r\n", "^250 ")
	d.say("RCPT TO:<user@local.example>\r\n", "^250 ")
	d.say("DATA\r\n", "^354 ")
	d.say(mailText("a")+".\r\n", "^250 ")
	d.say("QUIT\r\n", "^221 ")
	if all := seen.Seen(); len(all) != 1 || all[0].From != "s@peer.example" || all[0].Peer.Protocol != "ESMTPS" {
		t.Errorf("arrived: %+v", all)
	}
	if given != 0 {
		t.Errorf("%d tickets were given", given)
	}

	d = greeted(t, addr)
	d.say("STARTTLS\r\nMAIL FROM:<s@peer.example>\r\n", "^503 5.5.1 .*; closing")
	d.closed()
}

// Behind a proxy, and within TLS, limits are about whom the proxy has connected for.
func TestLimitsWithinTLS(t *testing.T) {
	cert, roots := tlstest.Certificate(t, "mx.local.example")
	b := behindProxies(t, "127.0.0.0/8", limits.Config{Failures: limits.Rate{Count: 3, Per: time.Hour}, Delay: time.Millisecond, Ban: time.Hour}, func(cfg *Config) {
		cfg.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	})
	d := b.by(t, headerV2, "^220")
	d.say("EHLO client.example\r\n", "^250")
	d.say("STARTTLS\r\n", "^220 ")
	d.encrypt(&tls.Config{ServerName: "mx.local.example", RootCAs: roots})
	for range 3 {
		d.say("HUH\r\n", "^500")
	}
	d.say("HUH\r\n", "^500")
	d.expect(put)
	d.closed()
	b.by(t, headerV2, banned)
}
