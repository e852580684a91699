package smtpgw

import (
	"bufio"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/mailstore/testenv"
)

// relaying is a submission server that programs of this machine need a password for, and one
// address of it does not.
func relaying(t *testing.T, change func(*Config)) (addr string, queue *outbox.Queue, st *mailstore.Store) {
	t.Helper()
	st = localStore(t)
	cfg := testConfig
	cfg.Unauthenticated = func() bool { return false }
	cfg.RelayNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	if change != nil {
		change(&cfg)
	}
	addr, queue = submission(t, cfg, st)
	return addr, queue, st
}

// TestRelayNetworks: a mail server of ours submits without a password as anybody of our domains,
// and as nobody else.
func TestRelayNetworks(t *testing.T) {
	for _, tt := range []struct{ name, sender, from, mail, end string }{
		{"as an account", "user@local.example", "user@local.example", "^250", "^250 2.0.0"},
		{"as an address that no account has", "sales@local.example", "Sales <sales@local.example>", "^250", "^250 2.0.0"},
		{"for somebody else of the domain", "bounces@local.example", "user@local.example", "^250", "^250 2.0.0"},
		{"null sender", "", "MAILER-DAEMON@local.example", "^250", "^250 2.0.0"},
		{"allowed outside", "news@partner.example", "news@partner.example", "^250", "^250 2.0.0"},
		{"of a stranger", "eve@elsewhere.example", "eve@elsewhere.example", "^550 5.7.1 sender <eve@elsewhere.example> is at no domain", ""},
		{"below our domain", "eve@sub.local.example", "eve@sub.local.example", "^550 5.7.1", ""},
		{"From of a stranger", "user@local.example", "eve@elsewhere.example", "^250", "^550 5.7.1 From <eve@elsewhere.example> is at no domain"},
		{"null sender for a stranger", "", "eve@elsewhere.example", "^250", "^550 5.7.1 From <eve@elsewhere.example>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr, queue, _ := relaying(t, func(c *Config) { c.RelayFrom = []string{"@partner.example"} })
			d := greeted(t, addr)
			d.say("MAIL FROM:<"+tt.sender+">\r\n", tt.mail)
			if tt.end == "" {
				return
			}
			d.say("RCPT TO:<bob@remote.example>\r\n", "^250")
			d.say("DATA\r\n", "^354")
			d.say("From: "+tt.from+"\r\nTo: bob@remote.example\r\nSubject: relayed\r\n\r\nHello.\r\n.\r\n", tt.end)
			list, err := queue.List(0, 10)
			if err != nil || (len(list) == 1) != strings.HasPrefix(tt.end, "^250") {
				t.Errorf("queued: %v (%v)", list, err)
			}
		})
	}
}

// TestRelayNetworksAlone: whoever is in no such network has to sign in, and who has not is told so.
func TestRelayNetworksAlone(t *testing.T) {
	addr, _, _ := relaying(t, nil)
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	conn, err := from.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		testenv.Lacking(t, "no second loopback address: %v", err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	d := &dialogue{t: t, conn: conn, r: bufio.NewReader(conn)}
	d.expect("^220")
	d.say("EHLO other.example\r\n", "^250")
	d.say("MAIL FROM:<user@local.example>\r\n", "^530 5.7.0")
}

// TestRelayedOwner: what a relay sends as nobody's address is the postmaster's, and what it sends
// as an account's is the account's; Bcc is as of any submitted mail.
func TestRelayedOwner(t *testing.T) {
	addr, _, st := relaying(t, nil)
	for _, sender := range []string{"sales@local.example", "user@local.example"} {
		d := greeted(t, addr)
		d.say("MAIL FROM:<"+sender+">\r\n", "^250")
		d.say("RCPT TO:<bob@remote.example>\r\nRCPT TO:<eve@remote.example>\r\n", "^250")
		d.expect("^250")
		d.say("DATA\r\n", "^354")
		d.say("From: "+sender+"\r\nTo: bob@remote.example\r\nBcc: eve@remote.example\r\nSubject: of "+sender+"\r\n\r\nHello.\r\n.\r\n", "^250")
	}
	for owner, sender := range map[string]string{"admin@local.example": "sales@local.example", "user@local.example": "user@local.example"} {
		sent := inboxOf(t, st, owner, mailstore.LabelSent)
		if len(sent) != 1 || !strings.Contains(sent[0], "Subject: of "+sender) || strings.Contains(sent[0], "Bcc:") {
			t.Errorf("%s has sent %q", owner, sent)
		}
	}
}
