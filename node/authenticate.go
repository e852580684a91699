package node

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw"
	"cairn/smtpgw/arrival"
)

// reverse knows the names of addresses; tests have one of their own.
var reverse interface {
	LookupAddr(ctx context.Context, addr string) ([]string, error)
} = net.DefaultResolver

// arrivalSources are what gives evidence about mail that arrives, beside its record.
func (n *Node) arrivalSources(gw smtpgw.Config) []arrival.Source {
	listings := []arrival.Source{smtpgw.Listings{}}
	if !n.cfg.Inbound.Authenticate {
		return listings
	}
	return append(listings, smtpgw.NewAuthentication(gw, evidenceDNS{}, isOutside, n.cfg.Inbound.sealers()))
}

// sealers are the domains that TrustedSealers names, canonical.
func (c *InboundConfig) sealers() (domains []string) {
	for _, d := range c.TrustedSealers {
		domains = append(domains, maildomain.Canonical(d))
	}
	return domains
}

// checkSealers is an error that names what is no domain.
func (c *InboundConfig) checkSealers() error {
	if len(c.TrustedSealers) > maxSealers {
		return fmt.Errorf("%d are named, of at most %d", len(c.TrustedSealers), maxSealers)
	}
	for i, d := range c.sealers() {
		if !maildomain.Valid(d) || !strings.Contains(d, ".") {
			return fmt.Errorf("%q is no domain", c.TrustedSealers[i])
		}
	}
	return nil
}

const maxSealers = 1000

// isOutside reports whether an address is of no machine of our own: a relay there says nothing of
// who sent the mail.
func isOutside(a netip.Addr) bool { return exchange.allowed(a) && !a.IsPrivate() }

// evidenceDNS is the DNS as mail that arrives has it asked. Names that RFC 6761 keeps out of the
// DNS have no records.
type evidenceDNS struct{}

func (evidenceDNS) LookupTXT(ctx context.Context, name string) ([]string, error) {
	return lookupTXT(ctx, strings.TrimSuffix(name, "."))
}

func (evidenceDNS) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	if isReserved(strings.TrimSuffix(name, ".")) {
		return nil, nil
	}
	return exchange.LookupMX(ctx, name)
}

func (evidenceDNS) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if isReserved(strings.TrimSuffix(host, ".")) {
		return nil, nil
	}
	return exchange.LookupNetIP(ctx, network, host)
}

func (evidenceDNS) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	return reverse.LookupAddr(ctx, addr)
}
