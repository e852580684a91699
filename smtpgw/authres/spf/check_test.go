package spf

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"cairn/smtpgw/authres/lookup"
	"cairn/smtpgw/authres/lookup/lookuptest"
)

// What the public suite has no test of.
func TestCheck(t *testing.T) {
	many := make([]string, 101)
	for i := range many {
		many[i] = "note"
	}
	leftOver := strings.Repeat(strings.Repeat("x", 60)+".", 3) + "here.example.org" // of what is too long
	z := &lookuptest.Zone{
		TXTs: map[string][]string{
			"a.example.org":      {"v=spf1 a:host.example.org -all"},
			"twice.example.org":  {"v=spf1 exp=a.example.org exp=a.example.org +all"},
			"late.example.org":   {"v=spf1 +all nonsense"},
			"many.example.org":   many,
			"silent.example.org": {"v=spf1 a:quiet.example.org -all"},
			"long.example.org":   {"v=spf1 exists:%{l}%{l}%{l}%{l}%{l}%{l}.example.org -all"},
			"left.example.org":   {"v=spf1 exists:" + strings.Repeat("%{l}.", 200) + "here.example.org -all"},
			"loop.example.org":   {"v=spf1 redirect=loop.example.org"},
			"zero.example.org":   {"v=spf1 a:%{d0}.org -all"},
		},
		Addrs:  map[string][]string{"host.example.org": {"192.0.2.1", "2001:db8::1"}, leftOver: {"127.0.0.2"}},
		Silent: map[string]bool{"quiet.example.org": true},
	}
	for _, c := range []struct {
		domain, ip string
		want       Result
		says       string
	}{
		{"a.example.org", "192.0.2.1", Pass, "a.example.org: a:host.example.org"},
		{"a.example.org", "::ffff:192.0.2.1", Pass, ""},
		{"a.example.org", "2001:db8::1%eth0", Pass, ""},
		{"a.example.org", "2001:db8::2", Fail, "-all"},
		{"twice.example.org", "192.0.2.1", PermError, "twice"},
		{"late.example.org", "192.0.2.1", PermError, "no such mechanism"},
		{"many.example.org", "192.0.2.1", PermError, "more than is heeded"},
		{"silent.example.org", "192.0.2.1", TempError, "does not answer"},
		{"long.example.org", "192.0.2.1", Fail, ""},
		{"left.example.org", "192.0.2.1", Pass, ""},
		{"loop.example.org", "192.0.2.1", PermError, "10 terms"},
		{"zero.example.org", "192.0.2.1", PermError, "no parts"},
		{"none.example.org", "192.0.2.1", None, ""},
		{"192.0.2.1", "192.0.2.1", None, ""},
		{"org", "192.0.2.1", None, ""},
		{"", "192.0.2.1", None, ""},
	} {
		id := Identity{IP: netip.MustParseAddr(c.ip), Domain: c.domain, Local: strings.Repeat("x", 60), Helo: "mx.example.org"}
		if got := Check(t.Context(), lookup.New(z), id); got.Result != c.want || !strings.Contains(got.Reason, c.says) {
			t.Errorf("%s from %s: %v, want %s", c.domain, c.ip, got, c.want)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if got := Check(over, lookup.New(z), Identity{IP: netip.MustParseAddr("192.0.2.1"), Domain: "a.example.org"}); got.Result != TempError {
		t.Errorf("after its time: %v", got)
	}
}

// Whatever a record says, it is read in bounds, and evaluating it ends.
func FuzzRecord(f *testing.F) {
	f.Add("v=spf1 a mx:%{d2r-+}.example.org/24//64 ip4:192.0.2.0/24 ip6:2001:db8::/32 ptr exists:%{L}.%{i}._spf.%{p} ?include:x.example.org ~all", "jo+x")
	f.Add("v=spf1 redirect=%{S}%%%_%-.example.org exp=e.example.org x=%{h}", "")
	f.Fuzz(func(t *testing.T, txt, local string) {
		if !isRecord(txt) {
			return
		}
		r, err := parse(txt)
		z := &lookuptest.Zone{
			TXTs: map[string][]string{"d.example.org": {txt}}, Addrs: map[string][]string{"h.example.org": {"192.0.2.7"}},
			Names: map[string][]string{"192.0.2.7": {"h.example.org"}},
		}
		got := Check(t.Context(), lookup.New(z), Identity{IP: netip.MustParseAddr("192.0.2.7"), Domain: "d.example.org", Local: local, Helo: "h"})
		if (err != nil) != (strings.Contains(got.Reason, "cannot be read")) && got.Result != PermError {
			t.Fatalf("%v, %v", err, got)
		}
		if err == nil && len(r.directives) > len(txt) {
			t.Fatal(fmt.Sprint(len(r.directives), " directives"))
		}
	})
}
