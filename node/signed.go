package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"cairn/smtpgw/client"
	"cairn/smtpgw/dnssec"
	"cairn/smtpgw/mx"
	"cairn/smtpgw/tlsa"
)

// Values of OutboundConfig.ValidatingResolver.
const (
	resolverLocal = ""
	resolverNone  = "none"
)

// signedDNS is the DNS as a resolver tells it that validates DNSSEC. What that marks as validated
// is believed, so it is one of this machine, or one that the configuration names: what comes over a
// network may be anybody's word (RFC 7672, section 2.1.1).
type signedDNS struct {
	resolver *dnssec.Resolver
	named    bool // by the configuration
	servers  *tlsa.Finder
}

// newSignedDNS returns nil where there is no such resolver.
func newSignedDNS(c *OutboundConfig) *signedDNS {
	server := c.ValidatingResolver
	switch server {
	case resolverNone:
		return nil
	case resolverLocal:
		if server = dnssec.Local(exchange.resolvConf); server == "" {
			return nil
		}
	}
	r := dnssec.NewResolver(server, exchange.probes)
	return &signedDNS{r, c.ValidatingResolver != resolverLocal, tlsa.NewFinder(r)}
}

// counts reports whether answers are validated, as far as is known; why not, otherwise. An error
// says that this has to be known and is not: of a resolver that was named for the purpose, silence
// is no leave to go on without.
func (s *signedDNS) counts(ctx context.Context, now time.Time) (on bool, why, err error) {
	if s == nil {
		return false, nil, nil
	}
	on, why = s.resolver.Validates(ctx, now)
	if !on && s.named && dnssec.Unknown(why) {
		return false, why, fmt.Errorf("%w: %w", client.Reason("the resolver that outbound.validating_resolver names does not tell whether it validates"), why)
	}
	return on, why, nil
}

// either asks the resolver that validates while it does, and the machine's otherwise: TLSA records
// are of the mail exchangers that the same answers name.
type either struct {
	*signedDNS
	plain mx.Resolver
}

func (e either) is(ctx context.Context) (mx.Resolver, error) {
	on, _, err := e.counts(ctx, time.Now())
	if on {
		return e.resolver, nil
	}
	return e.plain, err
}

// LookupMX is that of mx.Resolver.
func (e either) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	r, err := e.is(ctx)
	if err != nil {
		return nil, err
	}
	return r.LookupMX(ctx, name)
}

// LookupNetIP is that of mx.Resolver.
func (e either) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	r, err := e.is(ctx)
	if err != nil {
		return nil, err
	}
	return r.LookupNetIP(ctx, network, host)
}

// publishedKey is what the DNS says of the key of a host.
type publishedKey struct {
	server *tlsa.Server // nil: nothing that counts
	err    error        // it is not known
}

// authenticates reports whether the host has to show that key; else encryption is all that is
// asked.
func (v *publishedKey) authenticates() bool { return v.server != nil && v.server.Authenticated() }

// of asks for the keys of all hosts of a domain at once, so that one whose servers do not answer
// keeps no other waiting.
func (s *signedDNS) of(ctx context.Context, domain string, hosts []mx.Host, now time.Time) ([]publishedKey, error) {
	list := make([]publishedKey, len(hosts))
	if on, _, err := s.counts(ctx, now); !on {
		return list, err
	}
	ctx, cancel := context.WithTimeout(ctx, exchangersPatience)
	defer cancel()
	var all sync.WaitGroup
	for i, h := range hosts {
		all.Go(func() { list[i].server, list[i].err = s.servers.Of(ctx, domain, h.Name, now) })
	}
	all.Wait()
	return list, nil
}

// unlike is why what a host shows is not what the DNS names.
type unlike struct{ error }

// Unwrap is the reason for people, and the error itself.
func (u unlike) Unwrap() []error { return []error{client.Reason(u.Error()), u.error} }

// secure has a host held to what the DNS says of its key.
func (v *publishedKey) secure(h *client.Host) {
	h.TLS, h.ServerName, h.Unproved = client.TLSRequired, v.server.Base, !v.authenticates()
	h.Verify = func(state *tls.ConnectionState) error {
		if err := v.server.Verify(state, time.Now()); err != nil {
			return unlike{err}
		}
		return nil
	}
}
