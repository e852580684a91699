package smtpgw

import (
	"strings"
	"testing"

	"cairn/mailstore"
	"cairn/smtpgw/client"
	"cairn/smtpgw/deliverytest"
)

// arrives brings a mail for one recipient to an inbound server, and returns the last reply.
func arrives(t *testing.T, addr, rcpt string) string {
	t.Helper()
	d := greeted(t, addr)
	d.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
	if reply := d.say("RCPT TO:<"+rcpt+">\r\n", "^[245]"); reply[0] != '2' {
		return reply
	}
	d.say("DATA\r\n", "^354 ")
	return d.say("From: x@far.example\r\nSubject: for "+rcpt+"\r\n\r\nx\r\n.\r\n", "^250 ")
}

// TestStandIns: who gets the mail for addresses that no account has.
func TestStandIns(t *testing.T) {
	for _, tt := range []struct{ name, catchAll, rcpt, to string }{
		{"the postmaster, bare", "", "postmaster", "admin@local.example"},
		{"the postmaster, bare, in capitals", "", "PostMaster", "admin@local.example"},
		{"the postmaster of the second domain", "", "postmaster@second.example", "admin@local.example"},
		{"abuse", "", "abuse@local.example", "admin@local.example"},
		{"abuse of the second domain, in capitals", "", "ABUSE@second.example", "admin@local.example"},
		{"abuse that an account has", "", "abuse@third.example", "other@local.example"},
		{"abuse elsewhere", "", "abuse@elsewhere.example", ""},
		{"a domain with a final dot", "", "user@local.example.", "user@local.example"},
		{"the postmaster, with a final dot", "", "postmaster@local.example.", "admin@local.example"},
		{"nobody", "", "nobody@local.example", ""},
		{"caught", "other@local.example", "nobody@local.example", "other@local.example"},
		{"caught at another domain", "other@local.example", "nobody@second.example", "other@local.example"},
		{"abuse beside a catch-all", "other@local.example", "abuse@local.example", "admin@local.example"},
		{"caught by nobody", "gone@local.example", "nobody@local.example", ""},
		{"caught for no other domain", "other@local.example", "nobody@elsewhere.example", ""},
		{"an account beside a catch-all", "other@local.example", "user@local.example", "user@local.example"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st := storeWith(t, "admin=admin@local.example", "user=user@local.example", "other=other@local.example,abuse@third.example")
			cfg := testConfig
			cfg.Domains, cfg.CatchAll = only("local.example", "second.example", "third.example"), tt.catchAll
			reply := arrives(t, inbound(t, cfg, st, &deliverytest.Verifier{}), tt.rcpt)
			if tt.to == "" {
				if !strings.HasPrefix(reply, "550 5.") {
					t.Errorf("reply %q", reply)
				}
				return
			}
			if got := inboxOf(t, st, tt.to, mailstore.LabelInbox); len(got) != 1 || !strings.Contains(got[0], "Subject: for "+tt.rcpt) {
				t.Errorf("%s has %q", tt.to, got)
			}
		})
	}
}

// TestCatchAllComesLast: the catch-all gets nothing of what another node of the organisation has,
// and lends nobody its name: an address that nobody has is nobody's to send as.
func TestCatchAllComesLast(t *testing.T) {
	cfg := testConfig
	cfg.CatchAll = "other@local.example"
	st := localStore(t)
	there := &deliverytest.Verifier{}
	second := inbound(t, cfg, storeWith(t, "dora=dora@local.example,abuse@local.example"), there)
	cfg.Holders.Siblings = &family{at: map[string]client.Route{
		"dora@local.example": {To: "second", Dial: tcp(second)}, "abuse@local.example": {To: "second", Dial: tcp(second)},
	}}
	addr := inbound(t, cfg, st, &deliverytest.Verifier{})
	for _, rcpt := range []string{"dora@local.example", "abuse@local.example", "nobody@local.example"} {
		arrives(t, addr, rcpt)
	}
	if got := inboxOf(t, st, "other@local.example", mailstore.LabelInbox); len(got) != 1 || !strings.Contains(got[0], "for nobody@") || len(there.Seen()) != 2 {
		t.Errorf("caught %q, and %d there", got, len(there.Seen()))
	}
	d := dial(t, func() string { a, _ := submission(t, cfg, st); return a }())
	d.expect("^220 ")
	d.say("EHLO client.example\r\n", "^250 ")
	d.say("MAIL FROM:<nobody@local.example>\r\n", "^550 5.7.1 ")
}
