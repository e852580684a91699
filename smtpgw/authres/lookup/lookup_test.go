package lookup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"cairn/smtpgw/authres/lookup/lookuptest"
)

// scripted answers each name in its own way, and counts what it is asked.
type scripted struct {
	texts map[string][]string
	fails map[string]error
	asked []string
}

func (s *scripted) LookupTXT(_ context.Context, name string) ([]string, error) {
	s.asked = append(s.asked, name)
	return s.texts[name], s.fails[name]
}

func (s *scripted) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	return []*net.MX{{Host: "mx.example."}}, errors.New("one record is unsound")
}

func (s *scripted) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	s.asked = append(s.asked, network+" "+host)
	return nil, &net.DNSError{IsNotFound: true}
}

func (s *scripted) LookupAddr(_ context.Context, addr string) ([]string, error) {
	s.asked = append(s.asked, addr)
	return []string{"host.example."}, nil
}

func TestAnswers(t *testing.T) {
	ctx := t.Context()
	dns := &scripted{
		texts: map[string][]string{"a.example.": {"one"}, "many.example.": make([]string, maxRecords+1), "large.example.": {strings.Repeat("x", maxText+1)}},
		fails: map[string]error{"none.example.": &net.DNSError{IsNotFound: true}, "silent.example.": &net.DNSError{IsTimeout: true}, "odd.example.": errors.New("bad answer")},
	}
	a := New(dns)
	for name, want := range map[string]error{
		"a.example": nil, "none.example": nil, "silent.example": ErrTemporary, "odd.example": ErrTemporary,
		"many.example": ErrTooMuch, "large.example": ErrTooMuch, "192.0.2.1": nil, "a..example": nil, "a\tb.example": nil, `a\.example`: nil, "": nil,
		strings.Repeat("x", 64) + ".example": nil, strings.Repeat("x.", 126) + "example": nil, "ä.example": nil,
	} {
		got, err := a.TXT(ctx, name)
		if !errors.Is(err, want) || (want == nil) != (err == nil) || (name == "a.example") != slices.Equal(got, []string{"one"}) {
			t.Errorf("%.40q: %q, %v", name, got, err)
		}
	}
	if len(dns.asked) != 6 {
		t.Errorf("asked for %q", dns.asked)
	}
	if got, err := a.TXT(ctx, "A.Example."); err != nil || len(got) != 1 || len(dns.asked) != 6 {
		t.Errorf("again: %q, %v, %q", got, err, dns.asked)
	}
	if mx, err := a.MX(ctx, "a.example"); err != nil || !slices.Equal(mx, []string{"mx.example"}) {
		t.Errorf("%q, %v", mx, err)
	}
	if names, err := a.Names(ctx, netip.MustParseAddr("::ffff:192.0.2.1")); err != nil || !slices.Equal(names, []string{"host.example"}) || dns.asked[6] != "192.0.2.1" {
		t.Errorf("%q, %v, %q", names, err, dns.asked)
	}
	for _, ip := range []string{"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"} {
		if got, err := a.Addrs(ctx, "a.example", netip.MustParseAddr(ip)); got != nil || err != nil {
			t.Errorf("%v, %v", got, err)
		}
	}
	if want := []string{"ip4 a.example.", "ip6 a.example."}; !slices.Equal(dns.asked[7:], want) {
		t.Errorf("asked for %q", dns.asked[7:])
	}
}

// That one who asks had no time left is no answer for the next.
func TestTimeIsOfWhoAsks(t *testing.T) {
	a := New(&lookuptest.Zone{TXTs: map[string][]string{"a.example": {"one"}}})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := a.TXT(over, "a.example"); !errors.Is(err, ErrTemporary) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := a.TXT(t.Context(), "a.example"); err != nil || !slices.Equal(got, []string{"one"}) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestLookupsAreBounded(t *testing.T) {
	dns := &scripted{}
	a := New(dns)
	for i := range maxLookups + 9 {
		if _, err := a.TXT(t.Context(), fmt.Sprintf("n%d.example", i)); (i >= maxLookups) != errors.Is(err, errTooMany) {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if len(dns.asked) != maxLookups {
		t.Errorf("asked %d times", len(dns.asked))
	}
}
