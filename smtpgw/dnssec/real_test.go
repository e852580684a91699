package dnssec_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"cairn/smtpgw/dnssec"
	"cairn/smtpgw/dnstest"
)

// TestRealServers: a real resolver is asked, and seen to validate; what is signed, not signed,
// forged, too large for UDP and not there is told apart.
func TestRealServers(t *testing.T) {
	var many strings.Builder
	for i := range 100 {
		fmt.Fprintf(&many, "many TLSA 3 1 1 %064x\n", i)
	}
	for i := range 300 {
		fmt.Fprintf(&many, "crowd A 127.1.%d.%d\n", i/200, i%200+1)
	}
	zone := "@ MX 10 mx\nmx A 127.0.0.1\n_25._tcp.mx TLSA 3 1 1 " + strings.Repeat("ab", 32) + "\nalias CNAME mx\ncircle CNAME circle2\ncircle2 CNAME circle\n"
	server := dnstest.Start(t,
		dnstest.Zone{Name: "example.org", Signed: true, Records: zone + many.String()},
		dnstest.Zone{Name: "example.com", Records: zone},
		dnstest.Zone{Name: "example.net", Signed: true, Records: zone, Forge: "root.example.net.", By: "evil.example.net."},
	)
	r := dnssec.NewResolver(server, dnssec.Probes{Signed: "example.org.", Broken: "example.net."})
	if on, err := r.Validates(t.Context(), time.Now()); !on || err != nil {
		t.Fatalf("it validates: %v, %v", on, err)
	}
	if on, err := dnssec.NewResolver(server, dnssec.Probes{Signed: "example.com.", Broken: "example.net."}).Validates(t.Context(), time.Now()); on || err == nil {
		t.Errorf("of a name that is not signed it marks: %v, %v", on, err)
	}
	for _, tt := range []struct {
		name string
		kind dnsmessage.Type
		want string
	}{
		{"example.org.", dnsmessage.TypeMX, "1 true example.org"},
		{"_25._tcp.mx.example.org.", dnssec.TypeTLSA, "1 true _25._tcp.mx.example.org"},
		{"_25._tcp.none.example.org.", dnssec.TypeTLSA, "0 true _25._tcp.none.example.org"},
		{"alias.example.org.", dnsmessage.TypeA, "1 true mx.example.org"},
		{"many.example.org.", dnssec.TypeTLSA, "100 true many.example.org"},
		{"_25._tcp.mx.example.com.", dnssec.TypeTLSA, "1 false _25._tcp.mx.example.com"},
		{"none.example.com.", dnsmessage.TypeA, "0 false none.example.com"},
		{"circle.example.org.", dnsmessage.TypeA, "unknown"},
		{"crowd.example.org.", dnsmessage.TypeA, "unknown"},
		{"example.net.", dnsmessage.TypeSOA, "forged"},
	} {
		a, err := r.Ask(t.Context(), tt.name, tt.kind)
		got := fmt.Sprintf("%d %v %s", len(a.Records), a.Secure, a.Name)
		if errors.Is(err, dnssec.ErrFails) && tt.want != "unknown" {
			got = "forged"
		} else if err != nil {
			got = "unknown"
		}
		if got != tt.want {
			t.Errorf("%s: %s (%v), want %s", tt.name, got, err, tt.want)
		}
	}
}
