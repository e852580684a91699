package smtpgw

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"cairn/consensus"
)

// mailServer is what stands beside a node: mailboxes whose route it knows.
func mailServer(dial Dialer, err error, addresses ...string) func(context.Context, string) (Route, error) {
	return func(_ context.Context, address string) (Route, error) {
		if !slices.Contains(addresses, address) {
			return Route{}, ErrNoRoute
		}
		return Route{To: "beside", Dial: dial, Beside: true}, err
	}
}

// Mail for a mailbox of the mail server beside this node is handed to it with what it was judged to
// be, whoever brings it. Another node of the organisation is asked first, unless it is the one that
// brings it.
func TestBeside(t *testing.T) {
	there, seen := storeWith(t, "cleo=cleo@local.example"), &verifier{}
	dial := tcp(inbound(t, testConfig, there, seen))
	cfg := testConfig
	cfg.NodeKey = by(consensus.Key{9})
	cfg.Beside = mailServer(dial, nil, "cleo@local.example")
	for i, siblings := range []Siblings{nil, &family{}, &family{keys: []consensus.Key{{9}}, fail: errors.New("it is not to be asked")}} {
		if cfg.Siblings = siblings; i == 2 {
			siblings.(*family).at = map[string]Route{"cleo@local.example": {}}
		}
		c := greeted(t, inbound(t, cfg, localStore(t), &verifier{}))
		c.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
		c.say("RCPT TO:<nobody@local.example>\r\n", "^(550 5.1.1|451 4.4.6) ")
		c.say("RCPT TO:<cleo@local.example>\r\n", "^250 ")
		c.say("DATA\r\n", "^354 ")
		c.say("Authentication-Results: mx.local.example; x-cairn=pass\r\nX-Spam-Flag: NO\r\nSubject: beside\r\n\r\nx\r\n.\r\n", "^250 ")
		got := seen.seen()
		raw := string(got[len(got)-1].Raw)
		if len(got) != i+1 || strings.Count(raw, "Authentication-Results:") != 1 || !strings.Contains(raw, "x-cairn=") || strings.Contains(raw, "x-cairn=pass\r\nX-Spam") ||
			strings.Contains(raw, "X-Spam-Flag: NO") || strings.Contains(raw, courierName) || !strings.HasSuffix(raw, "Subject: beside\r\n\r\nx\r\n") {
			t.Errorf("%d: %d arrived, the last as\n%s", i, len(got), raw)
		}
	}
	// What is not known now is no "nobody".
	cfg.Siblings, cfg.Beside = nil, mailServer(dial, errors.New("away"), "cleo@local.example")
	c := greeted(t, inbound(t, cfg, localStore(t), &verifier{}))
	c.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
	c.say("RCPT TO:<cleo@local.example>\r\n", "^451 4.4.1 ")
}
