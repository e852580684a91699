package smtpgw

import (
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/mailstore/message"
	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/address"
)

// TestDomainFormsAgree walks all that take domains over the same inputs: each
// has its own "may", none its own form.
func TestDomainFormsAgree(t *testing.T) {
	label := strings.Repeat("a", 63)
	for _, tt := range []struct {
		in, form                 string
		envelope, account, enrol bool // what may be it
	}{
		{"Example.ORG", "example.org", true, true, true},
		{"example.org.", "example.org", true, true, true},
		{"example.org。", "example.org", true, true, true},
		{"foo_bar.example", "foo_bar.example", true, true, false},
		{"ab--cd.example", "ab--cd.example", true, true, true},
		{"ab--ü.example", "xn--ab---3ra.example", true, true, true},
		{"Bücher.example", "xn--bcher-kva.example", true, true, true},
		{"a..b", "a..b", false, false, false},
		{"a.b..", "a.b..", false, false, false},
		{"-a.example", "-a.example", false, false, false},
		{"192.0.2.1", "192.0.2.1", true, true, false},
		{"[192.0.2.1]", "[192.0.2.1]", true, false, false},
		{"[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]", true, false, false},
		{"[x]", "[x]", false, false, false},
		{"a\uff20b.example", "a@b.example", false, false, false},
		{label + "a.example", label + "a.example", false, false, false},
		{"localhost", "localhost", true, true, true},
	} {
		if got := message.Domain("jo@" + tt.in); got != tt.form && !strings.Contains(tt.form, "@") {
			t.Errorf("message: %q became %q, want %q", tt.in, got, tt.form)
		}
		for name, f := range map[string]func() (string, bool){
			"envelope": func() (string, bool) { m, err := address.Parse("jo@"+tt.in, true); return m.Domain, err == nil },
			"account":  func() (string, bool) { d, err := mailstore.CanonicalDomain(tt.in); return d, err == nil },
			"address": func() (string, bool) {
				a, err := mailstore.CanonicalAddress("jo@" + tt.in)
				return strings.TrimPrefix(a, "jo@"), err == nil
			},
		} {
			may := tt.account
			if name == "envelope" {
				may = tt.envelope
			}
			if got, ok := f(); ok != may || ok && got != tt.form {
				t.Errorf("%s: %q became %q, taken: %v; want %q, %v", name, tt.in, got, ok, tt.form, may)
			}
		}
		if got := consensus.ValidDomain(tt.form); got != tt.enrol {
			t.Errorf("enrolment: %q is %v", tt.form, got)
		}
		if got, want := maildomain.AddressKey("Jo@"+tt.in), "jo@"+tt.form; got != want && !strings.Contains(tt.form, "@") {
			t.Errorf("key %q, want %q", got, want)
		}
	}
}
