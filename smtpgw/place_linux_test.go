package smtpgw

import (
	"fmt"
	"net"
	"testing"
	"time"

	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
)

// TestIdleStrangersMakePlace: 1,000 connections that say nothing, from as many addresses in 250
// networks, do not keep out a stranger's mail, nor do those that keep saying NOOP.
func TestIdleStrangersMakePlace(t *testing.T) {
	cfg := membersConfig()
	st := localStore(t)
	s := NewInbound(cfg, st, testDelivery(cfg, st, &deliverytest.Verifier{}), discard())
	addr := gatewaytest.Serve(t, s)
	for i := range 1000 {
		from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(i%250), byte(1+i/250))}, Timeout: 10 * time.Second}
		c, err := from.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if i%2 == 0 {
			if _, err := fmt.Fprintf(c, "EHLO idle.example\r\nNOOP\r\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	begun := time.Now()
	d := greeted(t, addr)
	d.say("MAIL FROM:<a@peer.example>\r\n", "^250")
	d.say("RCPT TO:<user@local.example>\r\n", "^250")
	d.say("DATA\r\n", "^354")
	d.say(mailText("honest")+".\r\n", "^250")
	t.Logf("taken after %v", time.Since(begun))
	if got := inboxOf(t, st, "user@local.example", "inbox"); len(got) != 1 {
		t.Errorf("%d mails are in the inbox", len(got))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if most := s.limits.Connections * 3 / 4; s.strangers > most || s.connections != s.strangers {
		t.Errorf("%d of %d connections are strangers', want at most %d", s.strangers, s.connections, most)
	}
}
