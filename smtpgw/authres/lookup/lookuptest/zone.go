// Package lookuptest is a DNS for tests.
package lookuptest

import (
	"context"
	"net"
	"net/netip"
	"strings"
)

// Zone is what a DNS knows, by names in lower case without the final dot. It implements
// lookup.Resolver.
type Zone struct {
	TXTs  map[string][]string
	MXs   map[string][]string
	Addrs map[string][]string
	Names map[string][]string // of addresses
	// Silent names get no answer, nor do those below a name that begins with a dot.
	Silent map[string]bool
	// Stalled names are written likewise, and leave who asks waiting until his time is over.
	Stalled map[string]bool
}

// LookupTXT implements lookup.Resolver.
func (z *Zone) LookupTXT(ctx context.Context, name string) ([]string, error) {
	return z.find(ctx, z.TXTs, name)
}

// LookupMX implements lookup.Resolver.
func (z *Zone) LookupMX(ctx context.Context, name string) (records []*net.MX, err error) {
	hosts, err := z.find(ctx, z.MXs, name)
	for i, h := range hosts {
		records = append(records, &net.MX{Host: h + ".", Pref: uint16(i)})
	}
	return records, err
}

// LookupNetIP implements lookup.Resolver.
func (z *Zone) LookupNetIP(ctx context.Context, network, host string) (addrs []netip.Addr, err error) {
	texts, err := z.find(ctx, z.Addrs, host)
	if err != nil {
		return nil, err
	}
	for _, t := range texts {
		if a := netip.MustParseAddr(t); a.Is4() == (network == "ip4") {
			addrs = append(addrs, a)
		}
	}
	if len(addrs) == 0 {
		return nil, missing(host)
	}
	return addrs, nil
}

// LookupAddr implements lookup.Resolver.
func (z *Zone) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	return z.find(ctx, z.Names, addr)
}

func (z *Zone) find(ctx context.Context, among map[string][]string, name string) ([]string, error) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if within(z.Stalled, name) {
		<-ctx.Done()
	}
	if ctx.Err() != nil || within(z.Silent, name) {
		return nil, &net.DNSError{Err: "i/o timeout", Name: name, IsTimeout: true}
	}
	if found := among[name]; len(found) > 0 {
		return found, nil
	}
	return nil, missing(name)
}

func within(names map[string]bool, name string) bool {
	if names[name] {
		return true
	}
	for at := range len(name) {
		if name[at] == '.' && names[name[at:]] {
			return true
		}
	}
	return false
}

func missing(name string) error {
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}
