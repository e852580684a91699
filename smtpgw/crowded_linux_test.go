package smtpgw

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
)

// calledFrom is a dialogue of a client at an address of loopback that begins a mail.
func calledFrom(t *testing.T, addr string, ip net.IP) *dialogue {
	t.Helper()
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}, Timeout: 10 * time.Second}
	conn, err := from.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	d := &dialogue{t: t, conn: conn, r: bufio.NewReader(conn)}
	d.expect("^220 ")
	d.say("EHLO client.example\r\n", "^250 ")
	d.say("MAIL FROM:<a@peer.example>\r\n", "^250 ")
	d.say("RCPT TO:<user@local.example>\r\n", "^250 ")
	return d
}

// TestTextThatStandsMakesRoom: hosts that each hold as much text as one may, and bring no more of
// it, keep nobody else's mail out: who waits for room gets that of the text that comes slowest.
func TestTextThatStandsMakesRoom(t *testing.T) {
	for _, way := range []string{"DATA", "a chunk", "between chunks"} {
		t.Run(way, func(t *testing.T) {
			cfg := testConfig
			cfg.Limits.MessageBytes, cfg.Limits.TextBytes, cfg.Limits.TextTurn = 200_000, 800_000, 50*time.Millisecond
			st := localStore(t)
			server := NewInbound(cfg, st, testDelivery(cfg, st, &deliverytest.Verifier{}), discard())
			addr := gatewaytest.Serve(t, server)
			held := mailText("held") + strings.Repeat("x\r\n", 20<<10)
			var all []*dialogue
			for i := range byte(4) {
				d := calledFrom(t, addr, net.IPv4(127, 1, i, 1))
				switch way {
				case "DATA":
					d.say("DATA\r\n", "^354 ")
					fmt.Fprint(d.conn, held)
				case "a chunk":
					fmt.Fprintf(d.conn, "BDAT %d\r\n%s", len(held)+1, held)
				default:
					d.say(fmt.Sprintf("BDAT %d\r\n%s", len(held), held), "^250 ")
				}
				all = append(all, d)
			}
			waitFor(t, func() bool { return server.text.Used() >= 4*int64(len(held)) })
			rest := 800_000 - server.text.Used() - 1
			if !server.strangerText.Try(rest) { // as more of them would
				t.Fatal("there is no room to begin with")
			}
			d := calledFrom(t, addr, net.IPv4(127, 1, 9, 1))
			d.say("DATA\r\n", "^354 ")
			d.say(mailText("of somebody else")+".\r\n", "^250 ")
			if server.text.Used() == rest {
				t.Error("all of them had to make room")
			}
			heard := make(chan string, len(all))
			for _, d := range all {
				go func() {
					_, last, _ := d.reply()
					heard <- last
				}()
			}
			if last := <-heard; !strings.HasPrefix(last, "421 4.4.2 message text came too slowly") {
				t.Errorf("the first one heard %q", last)
			}
		})
	}
}
