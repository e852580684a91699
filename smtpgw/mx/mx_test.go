package mx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// zone is a resolver that knows these names. A value "?" is one that the DNS does not answer.
type zone struct {
	mx    map[string]string // "10 a.example, 20 b.example"
	addrs map[string]string // "192.0.2.1 2001:db8::1"
	asked int
}

func (z *zone) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	z.asked++
	text, ok := z.mx[strings.TrimSuffix(name, ".")]
	if !ok || text == "?" || !strings.HasSuffix(name, ".") {
		return nil, &net.DNSError{Err: "no", Name: name, IsNotFound: !ok}
	}
	var records []*net.MX
	for r := range strings.SplitSeq(text, ", ") {
		var m net.MX
		if _, err := fmt.Sscan(r, &m.Pref, &m.Host); err != nil {
			return nil, err
		}
		records = append(records, &m)
	}
	return records, nil
}

func (z *zone) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	text, ok := z.addrs[strings.TrimSuffix(host, ".")]
	if text == "?" || text == "?"+network || !strings.HasSuffix(host, ".") {
		return nil, &net.DNSError{Err: "server misbehaving", Name: host}
	}
	var addrs []netip.Addr
	for a := range strings.FieldsSeq(text) {
		if a, err := netip.ParseAddr(a); err == nil && a.Unmap().Is4() == (network == "ip4") {
			addrs = append(addrs, a)
		}
	}
	if !ok || len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no", Name: host, IsNotFound: true}
	}
	return addrs, nil
}

var addrs = map[string]string{
	"a.example": "192.0.2.1", "b.example": "192.0.2.2 2001:db8::2", "self.example": "192.0.2.9", "bare.example": "192.0.2.5",
	"here.example": "127.0.0.1 ::1 0.0.0.0 0.0.0.1 ::127.0.0.1 64:ff9b::127.0.0.1 2002:7f00:1:: 169.254.1.1 255.255.255.255 64:ff9b:1::127.0.0.1 ::ffff:0:127.0.0.1",
	"near.example": "10.0.0.1 192.168.1.1 fd00::1",
	"four.example": "?ip4", "six.example": "?ip6", "silent.example": "?", "mapped.example": "::ffff:127.0.0.1 ::ffff:192.0.2.7",
	"many.example": "2001:db8::1 2001:db8::2 2001:db8::3 2001:db8::4 2001:db8::5 192.0.2.1",
}

func TestHosts(t *testing.T) {
	errDNS := errors.New("of the DNS")
	for _, tt := range []struct {
		name, mx, want string // want: names with how many addresses
		err            error
	}{
		{"by preference", "20 b.example., 10 A.Example.", "a.example 1, b.example 2", nil},
		{"none but an address", "", "bare.example 1", nil},
		{"no mail", "0 .", "", ErrNoMail},
		{"a dot among others", "0 ., 10 a.example.", "a.example 1", nil},
		{"this node is the best", "10 self.example., 20 a.example.", "", ErrLoop},
		{"this node beside another", "10 self.example., 10 a.example.", "", ErrLoop},
		{"this node is a backup", "10 a.example., 20 SELF.example., 30 b.example.", "a.example 1", nil},
		{"this node twice", "30 self.example., 10 self.example., 20 b.example., 5 a.example.", "a.example 1", nil},
		{"twice", "10 a.example., 20 a.example.", "a.example 1", nil},
		{"one without an address", "10 none.example., 20 a.example.", "a.example 1", nil},
		{"none with an address", "10 none.example.", "", ErrNoAddress},
		{"this machine", "10 here.example.", "", ErrNoAddress},
		{"machines of the own network", "10 near.example.", "near.example 3", nil},
		{"addresses in other clothes", "10 mapped.example.", "mapped.example 1", nil},
		{"both families", "10 many.example.", "many.example 5", nil},
		{"the DNS is silent about the only one", "10 silent.example., 20 none.example.", "", errDNS},
		{"the DNS is silent about one", "10 silent.example., 20 a.example.", "a.example 1", nil},
		{"the DNS is silent about one family", "10 four.example., 20 none.example.", "", errDNS},
		{"the DNS is silent about the other", "10 six.example.", "", errDNS},
		{"the DNS is silent", "?", "", errDNS},
	} {
		t.Run(tt.name, func(t *testing.T) {
			z := &zone{mx: map[string]string{"bare.example": tt.mx}, addrs: addrs}
			if tt.mx == "" {
				z.mx = nil
			}
			f := NewFinder(z, "self.example", Elsewhere)
			now := time.Unix(0, 0)
			for range 2 {
				hosts, err := f.Hosts(t.Context(), "bare.example", now)
				var got []string
				for _, h := range hosts {
					got = append(got, fmt.Sprintf("%s %d", h.Name, len(h.Addrs)))
				}
				if strings.Join(got, ", ") != tt.want || (err == nil) != (tt.err == nil) || Final(err) != (tt.err != nil && tt.err != errDNS) {
					t.Errorf("%v, %v", got, err)
				}
				if tt.err != nil && tt.err != errDNS && !errors.Is(err, tt.err) {
					t.Errorf("%v, want %v", err, tt.err)
				}
			}
			asked := z.asked
			if want := map[bool]int{true: 2, false: 1}[tt.err == errDNS]; asked != want {
				t.Errorf("asked %d times, want %d", asked, want)
			}
			f.Hosts(t.Context(), "bare.example", now.Add(kept))
			if z.asked != asked+1 {
				t.Error("an old answer was kept")
			}
		})
	}
	z := &zone{addrs: addrs}
	if _, err := NewFinder(z, "self.example", Elsewhere).Hosts(t.Context(), "nowhere.example", time.Now()); !errors.Is(err, ErrNoDomain) {
		t.Errorf("of no domain: %v", err)
	}
}

// TestManyHosts: what a domain has others do is bounded, and those of one preference take turns.
func TestManyHosts(t *testing.T) {
	var records, first []string
	all := map[string]string{}
	for i := range 1000 {
		name := fmt.Sprintf("h%d.example", i)
		records = append(records, "10 "+name+".")
		all[name] = "192.0.2.1"
	}
	z := &zone{mx: map[string]string{"wide.example": strings.Join(records, ", ")}, addrs: all}
	for range 20 {
		hosts, err := NewFinder(z, "self.example", Elsewhere).Hosts(t.Context(), "wide.example", time.Now())
		if err != nil || len(hosts) != maxHosts {
			t.Fatalf("%d hosts, %v", len(hosts), err)
		}
		first = append(first, hosts[0].Name)
	}
	slices.Sort(first)
	if len(slices.Compact(first)) == 1 {
		t.Error("the same host is the first each time")
	}
}

// TestPublic: what is in a network of somebody's own is no server that anybody reaches.
func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"192.0.2.1": true, "2001:db8::1": true, "10.0.0.1": false, "192.168.1.1": false, "172.16.0.1": false, "100.64.0.1": false, "127.0.0.1": false,
		"fd00::1": false, "fe80::1": false, "::ffff:10.0.0.1": false, "64:ff9b::10.0.0.1": false, "2002:a00:1::": false, "169.254.169.254": false, "0.0.0.0": false,
		"192.0.0.170": false, "198.18.0.1": false, "198.20.0.1": true, "250.1.2.3": false, "fec0::1": false, "::ffff:198.19.0.1": false,
	} {
		if got := Public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
