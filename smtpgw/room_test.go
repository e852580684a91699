package smtpgw

import (
	"fmt"
	"strings"
	"testing"
)

// TestTextBudget has peers send more at one time than the server will hold:
// who comes when there is no room is asked to come again, who was there first
// is served, and the room is given back.
func TestTextBudget(t *testing.T) {
	cfg := testConfig
	cfg.Limits.MessageBytes, cfg.Limits.TextBytes = 1<<20, 1<<20
	st := localStore(t)
	server := NewInbound(cfg, st, NewDelivery(cfg, st, &verifier{}), discard())
	addr := serve(t, server)
	text := mailText("large") + strings.Repeat(strings.Repeat("x", 76)+"\r\n", 9000) // 700 KB
	begin := func() *dialogue {
		d := greeted(t, addr)
		d.say("MAIL FROM:<a@peer.example>\r\n", "^250")
		d.say("RCPT TO:<user@local.example>\r\n", "^250")
		return d
	}
	data := func(want string) {
		t.Helper()
		d := begin()
		d.say("DATA\r\n", "^354")
		d.say(text+".\r\n", want)
	}
	first := begin()
	first.say("DATA\r\n", "^354")
	if _, err := first.conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return server.budget.used.Load() == int64(len(text)) })

	data("^452 4.3.1 ")
	chunked := begin()
	chunked.say(fmt.Sprintf("BDAT %d LAST\r\n%s", len(text), text), "^452 4.3.1 ")
	first.say(".\r\n", "^250 ")
	data("^250 ")
	waitFor(t, func() bool { return server.budget.used.Load() == 0 })
}
