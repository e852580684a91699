package smtpgw

import (
	"context"
	"net/netip"
	"time"

	"cairn/smtpgw/arrival"
	"cairn/smtpgw/authres/assess"
	"cairn/smtpgw/authres/lookup"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/trace"
)

// Authentication gives the evidence of SPF, DKIM, DMARC, ARC and reverse DNS about mail that
// servers outside of the network bring. Its methods may be called from many goroutines.
type Authentication struct {
	assessor assess.Assessor
	outside  func(netip.Addr) bool // whether an address is one of the world outside
	now      func() time.Time
	reports  bool // to domains of authors are wanted
}

// NewAuthentication returns a source that asks resolver. Of what comes from an address that is not
// outside, as from a relay of our own, it is not known which server sent it. sealers are the
// domains whose word in ARC chains counts.
func NewAuthentication(cfg Config, resolver lookup.Resolver, outside func(netip.Addr) bool, sealers []string) *Authentication {
	return &Authentication{assessor: assess.Assessor{Resolver: resolver, Sealers: sealers}, outside: outside, now: cfg.withDefaults().Clock.Now, reports: cfg.Judged != nil}
}

// Gather implements Source. Enrolled nodes say who they are by the key of their stream, and what
// this node brings itself was judged when it was handed in: of these it says nothing. A key that is
// not enrolled says nothing: anybody makes one.
func (g *Authentication) Gather(ctx context.Context, a *arrival.Arrival) ([]screen.Result, error) {
	if a.Peer.Node != nil && !a.Peer.Stranger || a.Peer.Protocol == trace.ProtocolLocal {
		return nil, nil
	}
	m := assess.Mail{Client: g.client(&a.Peer), Helo: a.Peer.Helo, From: a.From, Raw: a.Raw}
	var e screen.Evidence
	if g.reports {
		e, a.Judged = g.assessor.AssessFor(ctx, m, g.now())
		a.Client = m.Client
	} else {
		e = g.assessor.Assess(ctx, m, g.now())
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return e, nil
}

// client is the address of a peer; not valid unless it is one of the world outside. A stranger's
// stream of which nobody knows where it comes from has one that no domain names.
func (g *Authentication) client(p *trace.Peer) netip.Addr {
	ip := addressIn(p).Unmap()
	if p.Stranger && !ip.IsValid() {
		return netip.IPv6Unspecified()
	}
	if !ip.IsValid() || !g.outside(ip) {
		return netip.Addr{}
	}
	return ip
}

// addressIn is where a peer's mail comes from; not valid of an enrolled node, and of who has no
// address.
func addressIn(p *trace.Peer) netip.Addr {
	if p.Stranger {
		return p.From
	}
	at, err := netip.ParseAddrPort(p.Addr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr()
}
