package smtpgw

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/dnsbl"
	"cairn/smtpgw/limits"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/trace"
)

// blocklists stands in for the DNS, and notes whom it is asked about.
type blocklists struct {
	mu    sync.Mutex
	asked []string
}

func (l *blocklists) ask(_ context.Context, client netip.Addr) []dnsbl.List {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, client.String())
	switch client.String() {
	case "192.0.2.1":
		return []dnsbl.List{{Zone: "suspect.example"}, {Zone: "refuse.example", Refuse: true}}
	case "192.0.2.2", "2001:db8::2":
		return []dnsbl.List{{Zone: "suspect.example"}}
	}
	return nil
}

// TestListed: who is on a list that is for refusing can write to the postmaster alone; that he is
// on another is evidence. A session has the lists asked once, about nobody who is exempt.
func TestListed(t *testing.T) {
	for _, tt := range []struct{ from, rcpt, want, listed, asked string }{
		{"192.0.2.1", "user@local.example", "^554 5.7.1 192.0.2.1 is on the list refuse.example", "", "192.0.2.1"},
		{"192.0.2.1", "postmaster", "^250 ", "", ""},
		{"192.0.2.1", "abuse@local.example", "^250 ", "", ""},
		{"192.0.2.1", "nobody@local.example", "^550 5.1.1 ", "", ""}, // nobody is asked for that
		{"192.0.2.2", "user@local.example", "^250 ", "suspect.example", "192.0.2.2"},
		{"2001:db8::2", "user@local.example", "^250 ", "suspect.example", "2001:db8::2"},
		{"192.0.2.3", "user@local.example", "^250 ", "", "192.0.2.3"},
		{"198.51.100.1", "user@local.example", "^250 ", "", ""}, // exempt
	} {
		t.Run(tt.from+" "+tt.rcpt, func(t *testing.T) {
			var l blocklists
			b := behindProxies(t, "127.0.0.0/8", limits.Config{Exempt: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}},
				func(c *Config) { c.Blocklists = l.ask })
			family, to := "TCP4", "203.0.113.1"
			if strings.Contains(tt.from, ":") {
				family, to = "TCP6", "2001:db8::1"
			}
			d := b.by(t, "PROXY "+family+" "+tt.from+" "+to+" 40000 25\r\n", "^220")
			d.say("EHLO client.example\r\n", "^250")
			for range 2 {
				d.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
				d.say("RCPT TO:<"+tt.rcpt+">\r\n", tt.want)
				if tt.want == "^250 " {
					d.say("DATA\r\n", "^354 ")
					d.say("Subject: x\r\n\r\nx\r\n.\r\n", "^250 ")
				} else {
					d.say("RSET\r\n", "^250 ")
				}
			}
			for _, a := range b.seen.Seen() {
				if got := strings.Join(a.Peer.Listed, " "); got != tt.listed {
					t.Errorf("it arrived from who is on %q, want %q", got, tt.listed)
				}
			}
			if got := strings.Join(l.asked, " "); got != tt.asked {
				t.Errorf("asked about %q, want %q", got, tt.asked)
			}
		})
	}
}

// TestListedIsEvidence: mail without a record of who is on a list is spam, with the reason in its
// Authentication-Results.
func TestListedIsEvidence(t *testing.T) {
	st := localStore(t)
	d := NewDelivery(testConfig, st, &deliverytest.Verifier{Found: screen.Finding{Verdict: record.Unrecorded}}, NewFiling(screen.Policy{}), arrival.Sources{Arrival: []arrival.Source{Listings{}}})
	err := d.Deliver(t.Context(), &arrival.Arrival{
		Raw: []byte(mailText("listed")), From: "x@far.example", Recipients: []string{"user@local.example"},
		Peer: trace.Peer{Addr: "192.0.2.2:4000", Helo: "x.example", Protocol: "ESMTP", Listed: []string{"suspect.example"}},
	}, "ref")
	if err != nil {
		t.Fatal(err)
	}
	got := inboxOf(t, st, "user@local.example", mailstore.LabelSpam)
	flat := strings.Join(strings.Fields(strings.Join(got, "")), " ")
	if want := `x-cairn-dnsbl=fail reason="it is on the list suspect.example" policy.iprev=192.0.2.2`; len(got) != 1 || !strings.Contains(flat, want) {
		t.Errorf("spam is %q, want %s", flat, want)
	}
}
