package smtpgw

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestStrangersDoNotFillTheLog: what a stranger who is refused again and again costs the log is
// bounded.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	var log lines
	begin := time.Now()
	st := localStore(t)
	addr := serve(t, NewInbound(testConfig, st, testDelivery(testConfig, st, &verifier{}), log.log()))
	for range 5 {
		d := greeted(t, addr)
		d.say("MAIL FROM:<"+strings.Repeat("s", 64)+"@"+strings.Repeat("peer.", 30)+"example>\r\n", "^250")
		for i := range 150 {
			d.say(fmt.Sprintf("RCPT TO:<nobody%d%s@local.example>\r\n", i, strings.Repeat("x", 50)), "^550")
		}
		d.say("QUIT\r\n", "^221")
	}
	if n, size := strings.Count(log.text(), "\n"), len(log.text()); n > refusalLines.Lines+1+int(time.Since(begin)/refusalLines.Gap) {
		t.Errorf("%d lines, %d bytes of log for one stranger in %v", n, size, time.Since(begin))
	}
}

// TestLinesOfStrangersLeaveThoseOfOthers: what one network uses up, others and members have still,
// and our own programs are not rationed.
func TestLinesOfStrangersLeaveThoseOfOthers(t *testing.T) {
	inbound := newServer(testConfig, Inbound, nil, discardLog)
	submission := newServer(testConfig, Submission, nil, discardLog)
	for _, c := range []struct {
		name string
		srv  *Server
		peer *peer
		want int
	}{
		{"a stranger", inbound, &peer{name: "192.0.2.1", network: "192.0.2.0/24"}, refusalLines.Lines},
		{"its neighbour", inbound, &peer{name: "192.0.2.2", network: "192.0.2.0/24"}, 0},
		{"another network", inbound, &peer{name: "198.51.100.1", network: "198.51.100.0/24"}, refusalLines.Lines},
		{"a member", inbound, &peer{name: "node 1", network: "node 1", member: true}, refusalLines.Lines},
		{"another member", inbound, &peer{name: "node 2", network: "node 2", member: true}, 0},
		{"a program of ours", submission, &peer{name: "127.0.0.1", network: "127.0.0.0/24"}, 3 * refusalLines.Lines},
	} {
		var log lines
		begin := time.Now()
		for range 3 * refusalLines.Lines {
			c.srv.logOf(c.peer, log.log()).Info("refused")
		}
		if n := strings.Count(log.text(), "\n"); n < c.want || n > c.want+5+int(time.Since(begin)/refusalLines.Gap) {
			t.Errorf("%s: %d lines, want %d", c.name, n, c.want)
		}
	}
}
