// Package mx finds the hosts that take the mail of a domain, by the DNS (RFC 5321, section 5).
package mx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Resolver asks the DNS. net.Resolver is one. Names are absolute: they end in a dot.
type Resolver interface {
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Host takes mail for a domain.
type Host struct {
	Name  string // without the final dot, lower case
	Addrs []netip.Addr
}

// Why a domain has no host: mail for it can be returned. Any other error is one of the DNS, which
// may answer later.
var (
	ErrNoDomain  = errors.New("the domain has no mail exchanger and no address")
	ErrNoMail    = errors.New("the domain says that it takes no mail (RFC 7505)")
	ErrNoAddress = errors.New("no mail exchanger of the domain has an address to connect to")
	ErrLoop      = errors.New("this node is the first mail exchanger of the domain, and does not serve it")
)

// Limits of what a domain may have others do.
const (
	maxHosts = 10 // that are tried
	maxAddrs = 4  // of one host and family
	// kept is how long an answer is kept, and keptMost how many are.
	kept     = 5 * time.Minute
	keptMost = 4096
)

// Finder finds hosts, and keeps the answers for a while. Its methods may be called from many
// goroutines.
type Finder struct {
	resolver Resolver
	self     string // the name of this node
	allowed  func(netip.Addr) bool

	mu    sync.Mutex
	known map[string]answer
}

type answer struct {
	hosts []Host
	err   error
	until time.Time
}

// NewFinder returns a Finder for the node with that host name. What allowed does not allow, as
// Elsewhere does not, is no address of a host.
func NewFinder(resolver Resolver, self string, allowed func(netip.Addr) bool) *Finder {
	return &Finder{resolver: resolver, self: fold(self), allowed: allowed, known: make(map[string]answer)}
}

// Elsewhere reports whether an address can be one of another machine. What others put into the DNS
// must not lead the node to listeners that are for this machine alone, in whichever of the known
// ways an IPv4 address is written as one of IPv6, or to everybody. Machines of the networks that
// the node is in are elsewhere too: mail servers stand there.
func Elsewhere(a netip.Addr) bool {
	a = embedded(a.Unmap())
	broadcast := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	return a.IsValid() && !a.IsLoopback() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLinkLocalUnicast() && a != broadcast &&
		!thisNetwork.Contains(a)
}

// Public reports whether an address may be one of a server that anybody reaches: Elsewhere, and of
// no private network, and none that is kept for other ends and may be in use as one.
func Public(a netip.Addr) bool {
	in := embedded(a.Unmap())
	return Elsewhere(a) && !in.IsPrivate() && !slices.ContainsFunc(apart, func(p netip.Prefix) bool { return p.Contains(in) })
}

// apart are networks that no public server is in.
var apart = []netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"), // RFC 6598, behind the routers of providers
	netip.MustParsePrefix("192.0.0.0/24"),  // RFC 6890
	netip.MustParsePrefix("198.18.0.0/15"), // RFC 2544
	netip.MustParsePrefix("240.0.0.0/4"),   // RFC 1112
	netip.MustParsePrefix("fec0::/10"),     // RFC 3879
}

// thisNetwork leads to this machine (RFC 1122, section 3.2.1.3).
var thisNetwork = netip.MustParsePrefix("0.0.0.0/8")

// embedding are the prefixes of IPv6 addresses with one of IPv4 in them, and at which octet that
// begins.
var embedding = map[netip.Prefix]int{
	netip.MustParsePrefix("::/96"):           12, // RFC 4291, section 2.5.5.1
	netip.MustParsePrefix("::ffff:0:0:0/96"): 12, // RFC 2765, section 2.1
	netip.MustParsePrefix("64:ff9b::/96"):    12, // RFC 6052, section 2.1
	netip.MustParsePrefix("64:ff9b:1::/48"):  12, // RFC 8215; where the prefix of RFC 6052 is a /96
	netip.MustParsePrefix("2002::/16"):       2,  // RFC 3056, section 2
}

// embedded is the IPv4 address that an IPv6 address leads to; else the address itself.
func embedded(a netip.Addr) netip.Addr {
	for prefix, at := range embedding {
		if prefix.Contains(a) {
			b := a.As16()
			return netip.AddrFrom4([4]byte(b[at : at+4]))
		}
	}
	return a
}

// Hosts returns the hosts of domain, an A-label in lower case, in the order in which they are to be
// tried: at least one, with at least one address each.
func (f *Finder) Hosts(ctx context.Context, domain string, now time.Time) ([]Host, error) {
	if a, ok := f.recall(domain, now); ok {
		return a.hosts, a.err
	}
	hosts, err := f.ask(ctx, domain)
	if err == nil || Final(err) {
		f.note(domain, answer{hosts, err, now.Add(kept)})
	}
	return hosts, err
}

// Final reports whether an error of Hosts says that there is none, rather than that it is not
// known.
func Final(err error) bool {
	return slices.ContainsFunc([]error{ErrNoDomain, ErrNoMail, ErrNoAddress, ErrLoop}, func(e error) bool { return errors.Is(err, e) })
}

func (f *Finder) recall(domain string, now time.Time) (a answer, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok = f.known[domain]
	return a, ok && now.Before(a.until)
}

func (f *Finder) note(domain string, a answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.known) >= keptMost {
		clear(f.known)
	}
	f.known[domain] = a
}

func (f *Finder) ask(ctx context.Context, domain string) ([]Host, error) {
	records, err := f.resolver.LookupMX(ctx, domain+".")
	if len(records) == 0 && err != nil && !absent(err) {
		return nil, fmt.Errorf("look up the mail exchangers of %s: %w", domain, err)
	}
	if len(records) == 0 { // the domain itself, with preference 0
		addrs, err := f.addresses(ctx, domain)
		switch {
		case err != nil:
			return nil, err
		case len(addrs) == 0:
			return nil, ErrNoDomain
		}
		return []Host{{domain, addrs}}, nil
	}
	names, err := f.order(records)
	if err != nil {
		return nil, err
	}
	var hosts []Host
	var silent error
	for _, name := range names {
		switch addrs, err := f.addresses(ctx, name); {
		case err != nil:
			silent = cmp.Or(silent, err)
		case len(addrs) > 0:
			hosts = append(hosts, Host{name, addrs})
		}
	}
	switch {
	case len(hosts) > 0:
		return hosts, nil
	case silent != nil:
		return nil, silent
	}
	return nil, ErrNoAddress
}

// order returns the names of records by their preference, those with the same one in any order.
// Where this node is among them only better ones are left, else mail would go in circles (RFC 5321,
// section 5.1).
func (f *Finder) order(records []*net.MX) ([]string, error) {
	if len(records) == 1 && fold(records[0].Host) == "" {
		return nil, ErrNoMail
	}
	own, worst := false, 1<<16 // above each preference
	for _, r := range records {
		if fold(r.Host) == f.self {
			own, worst = true, min(worst, int(r.Pref))
		}
	}
	var usable []*net.MX
	for _, r := range records {
		if fold(r.Host) != "" && int(r.Pref) < worst {
			usable = append(usable, r)
		}
	}
	if len(usable) == 0 && own {
		return nil, ErrLoop
	}
	rand.Shuffle(len(usable), func(i, j int) { usable[i], usable[j] = usable[j], usable[i] })
	slices.SortStableFunc(usable, func(a, b *net.MX) int { return cmp.Compare(a.Pref, b.Pref) })
	var names []string
	for _, r := range usable {
		if name := fold(r.Host); !slices.Contains(names, name) && len(names) < maxHosts {
			names = append(names, name)
		}
	}
	return names, nil
}

// addresses are those of a host that mail may be sent to, of both families in turn, IPv6 first;
// none if it has none. It is asked for each family by itself: of both at once a resolver tells that
// one is not there, and not that it knows nothing of the other.
func (f *Finder) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	six, err6 := f.family(ctx, "ip6", host)
	four, err4 := f.family(ctx, "ip4", host)
	var addrs []netip.Addr
	for i := range max(len(six), len(four)) {
		addrs = append(addrs, six[min(i, len(six)):min(i+1, len(six))]...)
		addrs = append(addrs, four[min(i, len(four)):min(i+1, len(four))]...)
	}
	if err := errors.Join(err6, err4); err != nil && len(addrs) == 0 {
		return nil, fmt.Errorf("look up the addresses of %s: %w", host, err)
	}
	return addrs, nil
}

func (f *Finder) family(ctx context.Context, network, host string) (addrs []netip.Addr, err error) {
	all, err := f.resolver.LookupNetIP(ctx, network, host+".")
	if err != nil && !absent(err) {
		return nil, err
	}
	for _, a := range all {
		if a = a.Unmap(); f.allowed(a) && !slices.Contains(addrs, a) && len(addrs) < maxAddrs {
			addrs = append(addrs, a)
		}
	}
	return addrs, nil
}

// absent reports whether the DNS has answered that there is nothing.
func absent(err error) bool {
	d, ok := errors.AsType[*net.DNSError](err)
	return ok && d.IsNotFound
}

func fold(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
