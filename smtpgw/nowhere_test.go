package smtpgw

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"cairn/smtpgw/client"
	"cairn/smtpgw/refuse"
)

// TestNowhere: what can go nowhere is refused at once, with the one reason; what is not known is
// taken.
func TestNowhere(t *testing.T) {
	const far = "x@far.example"
	for _, tt := range []struct {
		name   string
		answer error
		want   string
	}{
		{"it may", nil, "^250 "},
		{"nobody", fmt.Errorf("%w that is trusted here: no one\r\nsays so", client.ErrNoRoute), "^550 5.1.2 far.example: no node of the network serves this domain that is trusted here: no one  says so"},
		{"null MX", &refuse.Refusal{Code: 550, Status: refuse.Status{5, 1, 10}, Text: "the domain says that it takes no mail (RFC 7505)"}, "^550 5.1.10 the domain says that it takes no mail"},
		{"the DNS is silent", client.Reason("the DNS does not answer"), "^250 "},
		{"trouble of ours", errors.New("secret"), "^250 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := ""
			s := signIn(t, func(c *Config) {
				c.Unauthenticated = func() bool { return true }
				c.Nowhere = func(_ context.Context, domain string) error {
					asked = domain
					return tt.answer
				}
			})
			d := greeted(t, s.plain)
			d.say("MAIL FROM:<user@local.example>\r\n", "^250 ")
			d.say("RCPT TO:<other@local.example>\r\n", "^250 ")
			if asked != "" {
				t.Errorf("asked about %s, which is ours", asked)
			}
			d.say("RCPT TO:<"+far+">\r\n", tt.want)
			if asked != "far.example" {
				t.Errorf("asked about %q", asked)
			}
		})
	}
}

// TestNowherePatience: a DNS that does not answer holds up no message for longer than it may,
// however many recipients there are.
func TestNowherePatience(t *testing.T) {
	waits := 0
	s := &Submitter{cfg: Config{Nowhere: func(ctx context.Context, _ string) error {
		waits++
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("the DNS has all the time")
		}
		return client.Reason("the DNS does not answer")
	}}}
	var a asking
	if err := s.nowhere(t.Context(), &a, "a.example"); err != nil || waits != 1 {
		t.Errorf("%d, %v", waits, err)
	}
	a.spent = nowherePatience
	if err := s.nowhere(t.Context(), &a, "b.example"); err != nil || waits != 1 {
		t.Errorf("asked once more: %d, %v", waits, err)
	}
}
