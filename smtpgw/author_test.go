package smtpgw

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/trace"
)

// TestFromBelongsToWhoSends walks who may say to be whom.
func TestFromBelongsToWhoSends(t *testing.T) {
	st := localStore(t) // admin; user, alias; other
	cfg := testConfig
	cfg.Domains = only(append(cfg.Domains(), "second.example")...)
	cfg.RelayFrom = []string{"Reports@Orig.example", "@Relay.example", "noreply@local.example"}
	s := NewSubmitter(cfg, st, outbox.New(st))
	const user = "user@local.example"
	for _, tt := range []struct {
		name, from, header string
		code               int // 0: taken
		want               string
	}{
		{"own", user, "From: user@local.example", 0, ""},
		{"own in another spelling", "USER@LOCAL.example", "From: Me <User@Local.EXAMPLE.>", 0, ""},
		{"alias", user, "From: alias@local.example", 0, ""},
		{"as an alias", "alias@local.example", "From: user@local.example", 0, ""},
		{"a colleague", user, "From: other@local.example", 550, `From <other@local\.example> is not an address of this sender; use alias@local\.example, user@local\.example, reports@orig\.example`},
		{"a stranger", user, "From: x@far.example", 550, "From <x@far"},
		{"a colleague beside oneself", user, "From: user@local.example, other@local.example", 550, "other@local"},
		{"sent by a colleague", user, "From: user@local.example\r\nSender: other@local.example", 550, "Sender <other@local"},
		{"for a colleague", user, "From: other@local.example\r\nSender: user@local.example", 550, "From <other@local"},
		{"sent by oneself", user, "From: alias@local.example\r\nSender: Me <user@local.example>", 0, ""},
		{"name of a colleague", user, "From: \"other@local.example\" <user@local.example>", 0, ""},
		{"no address", user, "From: Me", 554, "From field names nobody"},
		{"group", user, "From: us: user@local.example;", 554, "From field holds a group"},
		{"two readings", user, "From: other@local.example <user@local.example>", 554, "different ways"},
		{"empty Sender", user, "From: user@local.example\r\nSender:", 554, "Sender field names nobody"},
		{"two in Sender", user, "From: user@local.example\r\nSender: user@local.example, alias@local.example", 554, "Sender field names 2 mailboxes"},

		{"program with its own address", "reports@orig.example", "From: Reports <REPORTS@orig.example>", 0, ""},
		{"program for a person", "reports@orig.example", "From: other@local.example", 550, "use admin@local"},
		{"any of a domain", "x@relay.example", "From: y@relay.example", 0, ""},
		{"not of a domain below", "x@sub.relay.example", "From: y@relay.example", 550, "sender <x@sub"},
		{"an address without account", "noreply@local.example", "From: noreply@local.example", 0, ""},
		{"a person for a program", user, "From: reports@orig.example", 0, ""},
		{"null sender of a program", "", "From: mailer-daemon@relay.example", 0, ""},
		{"null sender", "", "From: admin@local.example", 0, ""},
		{"null sender as any postmaster", "", "From: Postmaster@second.example", 0, ""},
		{"null sender as a person", "", "From: user@local.example", 0, ""},
		{"null sender as nobody", "", "From: nobody@local.example", 550, "From <nobody@local"},
		{"null sender as a stranger", "", "From: x@elsewhere.example", 550, "From <x@elsewhere"},
		{"null sender as two", "", "From: a@relay.example, b@relay.example", 554, "no Sender field"},
		{"null sender as two, one of them sends", "", "From: a@relay.example, b@relay.example\r\nSender: b@relay.example", 0, ""},
	} {
		_, err := s.Submit(t.Context(), trace.Peer{Helo: "x", Protocol: trace.ProtocolLocal}, tt.from, []string{"a@far.example"}, []byte(tt.header+"\r\n\r\n"))
		var refusal *refuse.Refusal
		if errors.As(err, &refusal); tt.code == 0 && err != nil || tt.code != 0 && (refusal == nil || refusal.Code != tt.code || !regexp.MustCompile(tt.want).MatchString(err.Error())) {
			t.Errorf("%s: %v, want %d %s", tt.name, err, tt.code, tt.want)
		}
	}
	r, err := s.Submit(t.Context(), trace.Peer{Helo: "x", Protocol: trace.ProtocolLocal}, user, []string{"a@far.example"}, []byte("From: user@local.example, Me <alias@local.example>\r\n\r\n"))
	if err != nil || !strings.Contains(string(r.Raw), "\r\nSender: <user@local.example>\r\n") {
		t.Errorf("two authors left as %q (%v)", r.Raw, err)
	}
}

// TestAnyAddressMayBeAllowed: for a smarthost of anybody.
func TestAnyAddressMayBeAllowed(t *testing.T) {
	st := localStore(t)
	cfg := testConfig
	cfg.RelayFrom = []string{AnyAddress}
	s := NewSubmitter(cfg, st, outbox.New(st))
	if _, err := s.Submit(t.Context(), trace.Peer{}, "x@far.example", []string{"a@far.example"}, []byte("From: y@z.example\r\n\r\n")); err != nil {
		t.Error(err)
	}
	if _, err := s.Submit(t.Context(), trace.Peer{}, "x@far.example", []string{"a@far.example"}, []byte("From: y\r\n\r\n")); err == nil {
		t.Error("nobody is anybody")
	}
}

// TestRefusalIsAReplyLine: however many and long the addresses are.
func TestRefusalIsAReplyLine(t *testing.T) {
	var many []string
	for i := range 50 {
		many = append(many, fmt.Sprintf("%s%d@%s.example", strings.Repeat("x", 50), i, strings.Repeat("d", 60)))
	}
	if got := allowed(many); len(got) > 2*maxAllowedOctets || !strings.HasSuffix(got, "more)") {
		t.Errorf("%d octets: %s", len(got), got)
	}
	if got, want := allowed([]string{"a@b", "c@d", "e@f", "g@h", "i@j", "k@l", "m@n"}), "a@b, c@d, e@f, g@h, i@j (and 2 more)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := address.Shown("jörg\u202e@x.example"); !maildomain.IsASCII(got) {
		t.Errorf("shown as %q", got)
	}
}
