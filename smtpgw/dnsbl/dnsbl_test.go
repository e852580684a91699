package dnsbl

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"cairn/smtpgw/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestName(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.99":                "99.2.0.192.bl.example",
		"::ffff:192.0.2.99":         "99.2.0.192.bl.example",
		"2001:db8:1:2:3:4:567:89ab": "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.example", // RFC 5782, section 2.4
	} {
		if got := Name(netip.MustParseAddr(addr), "bl.example"); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

func TestCounts(t *testing.T) {
	for code, want := range map[string]bool{
		"127.0.0.2": true, "127.0.0.10": true, "127.1.2.3": true, "127.255.254.1": true, "::ffff:127.0.0.2": true,
		"127.255.255.252": false, "127.255.255.254": false, "127.255.255.255": false, "192.0.2.1": false, "10.0.0.2": false, "0.0.0.0": false, "::1": false,
	} {
		if got := Counts(netip.MustParseAddr(code)); got != want {
			t.Errorf("%s: %t", code, got)
		}
	}
}

// server is a DNS server on a loopback port, of addresses alone. To a name with nil it does not
// answer; names that it has not do not exist.
type server struct {
	mu    sync.Mutex
	zone  map[string][]string
	asked []string
}

func (s *server) set(name string, addrs []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone[name] = addrs
}

func (s *server) count(suffix string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range s.asked {
		if strings.HasSuffix(name, suffix) {
			n++
		}
	}
	return n
}

// start returns a resolver that asks the server.
func start(t *testing.T, zone map[string][]string) (*server, *net.Resolver) {
	t.Helper()
	s := &server{zone: zone}
	return s, dnstest.Resolver(dnstest.Answering(t, s.reply))
}

func (s *server) reply(_ string, m dnsmessage.Message) []byte {
	q := m.Questions[0]
	name := strings.TrimSuffix(q.Name.String(), ".")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, name)
	addrs, known := s.zone[name]
	m.Response, m.Additionals = true, nil
	switch {
	case known && addrs == nil:
		m.RCode = dnsmessage.RCodeServerFailure
	case !known:
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, a := range addrs {
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 60},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(a).As4()},
		})
	}
	b, err := m.Pack()
	if err != nil {
		return nil
	}
	return b
}

// clock is set by hand.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

var client = netip.MustParseAddr("192.0.2.99")

// TestAsk: what lists of a real DNS server say of an address.
func TestAsk(t *testing.T) {
	zone := map[string][]string{
		"99.2.0.192.refuse.example":  {"127.0.0.4"},
		"99.2.0.192.suspect.example": {"127.0.0.2", "127.0.0.11"},
		"99.2.0.192.blocked.example": {"127.255.255.254"}, // it does not answer this resolver
		"99.2.0.192.sold.example":    {"198.51.100.1"},    // a web server of who has the domain now
		"99.2.0.192.all.example":     {"127.0.0.2"},
		"1.0.0.127.all.example":      {"127.0.0.2"},
		"99.2.0.192.broken.example":  nil,
		"9.9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.refuse.example": {"127.0.0.4"},
	}
	_, resolver := start(t, zone)
	var lists []List
	for _, z := range []string{"suspect", "refuse", "blocked", "sold", "all", "broken", "clean"} {
		lists = append(lists, List{Zone: z + ".example", Refuse: z == "refuse"})
	}
	l := New(lists, resolver, (&clock{time.Unix(1e9, 0)}).now)
	if got, want := l.Ask(t.Context(), client), []List{{"suspect.example", false}, {"refuse.example", true}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := l.Ask(t.Context(), netip.MustParseAddr("2001:db8::99")); !slices.Equal(got, []List{{"refuse.example", true}}) {
		t.Errorf("IPv6: %v", got)
	}
	if got := l.Ask(t.Context(), netip.MustParseAddr("192.0.2.1")); got != nil {
		t.Errorf("who is on no list: %v", got)
	}
	if got := (*Lists)(nil).Ask(t.Context(), client); got != nil {
		t.Errorf("without lists: %v", got)
	}
}

// TestRemembered: of one client a list is asked once in a while, not for each session.
func TestRemembered(t *testing.T) {
	s, resolver := start(t, map[string][]string{"99.2.0.192.bl.example": {"127.0.0.2"}})
	c := &clock{time.Unix(1e9, 0)}
	l := New([]List{{Zone: "bl.example"}}, resolver, c.now)
	for range 10 {
		if len(l.Ask(t.Context(), client)) != 1 {
			t.Fatal("it is not listed")
		}
	}
	if n := s.count("bl.example"); n != 2 { // and whether the list has everybody
		t.Errorf("asked %d times", n)
	}
	c.at = c.at.Add(remembered)
	s.set("99.2.0.192.bl.example", []string{"10.0.0.1"})
	if got := l.Ask(t.Context(), client); got != nil {
		t.Errorf("afterwards: %v", got)
	}
}

// failing answers no question, and counts them.
type failing struct {
	mu    sync.Mutex
	asked int
	err   error
}

func (f *failing) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return nil, f.err
}

// TestDeadList: a list that does not answer is left alone, for longer each time, until it answers
// again.
func TestDeadList(t *testing.T) {
	f := &failing{err: errors.New("no answer")}
	c := &clock{time.Unix(1e9, 0)}
	l := New([]List{{Zone: "bl.example"}}, f, c.now)
	ask := func(want int) {
		t.Helper()
		before := f.asked
		for i := range 20 {
			l.Ask(t.Context(), netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
		}
		if f.asked-before != want {
			t.Errorf("asked %d times, want %d", f.asked-before, want)
		}
	}
	ask(maxFailures)
	c.at = c.at.Add(firstRest - 1)
	ask(0)
	c.at = c.at.Add(1)
	ask(1)
	c.at = c.at.Add(2*firstRest - 1)
	ask(0)
	c.at = c.at.Add(1)
	f.err = &net.DNSError{IsNotFound: true}
	ask(20)
}

// silent answers when it is told that nobody waits any more.
type silent struct{}

func (silent) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestSilentList: nobody waits for a list for longer than he has time.
func TestSilentList(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := New([]List{{Zone: "bl.example", Refuse: true}}, silent{}, time.Now).Ask(ctx, client); got != nil {
		t.Errorf("listed: %v", got)
	}
}
