package smtpgw

import (
	"errors"
	"slices"

	"cairn/mailstore/outbox"
)

// Mail that is sent with REQUIRETLS (RFC 8689) goes on only over TLS with a server that proves who
// it is, and that offers to keep to it too. Reports about it go the same way, and have no body.

// requireTLS is the keyword of the extension and the parameter of MAIL (section 2).
const requireTLS = "REQUIRETLS"

// What the sender is told of where such mail cannot go. The second one is of those whose name comes
// from a DNS that anybody may have answered in place of: a certificate for it proves nothing
// (section 4.2.1).
const (
	noRequireTLS = "5.7.30 no server that may have the mail takes it with REQUIRETLS (RFC 8689), as it was sent"
	unproved     = "5.7.10 the mail was sent with REQUIRETLS (RFC 8689), and neither DANE nor MTA-STS says who the domain's servers are"
)

var (
	// errNoRequireTLS is that all servers there are were asked, and none offers REQUIRETLS.
	errNoRequireTLS = errors.New("no REQUIRETLS")
	// errWithoutRequireTLS is that one does not.
	errWithoutRequireTLS = errors.New("without REQUIRETLS")
)

// takesRequireTLS reports whether REQUIRETLS is offered to a peer: over what nobody can read on the
// way alone.
func (w *wire) takesRequireTLS() bool { return w.secrecy.on || w.ofNode }

// requireTLS notes that MAIL had the parameter, if it did. Then reports are as with RET=HDRS.
func (s *session) requireTLS(given bool) {
	if s.tls = given; given {
		s.dsn = withoutBody(s.dsn)
	}
}

// withoutBody has reports be as with RET=HDRS.
func withoutBody(dsn outbox.DSN) outbox.DSN {
	dsn.Full, dsn.HDRS = false, true
	return dsn
}

// requiringTLS is the way of mail with REQUIRETLS: of servers that are no nodes those alone whose
// TLS is verified, which it is not where TLSA records ask for encryption alone. Its sessions are
// used for no other mail. Streams to nodes are encrypted, and authenticated by their keys, as they
// are.
func (r Route) requiringTLS() Route {
	if len(r.Hosts) == 0 {
		return r
	}
	hosts := slices.DeleteFunc(slices.Clone(r.Hosts), func(h Host) bool { return h.TLS == TLSIfOffered || h.Unproved })
	for i := range hosts {
		hosts[i].requires = true
	}
	r.To += ", with " + requireTLS
	if r.unproved = len(hosts) == 0; !r.unproved {
		r.Hosts = hosts
	}
	return r
}

// unkept is the fate of mail that no server of a route may have with REQUIRETLS. It waits while
// there may be others.
func (c *Courier) unkept(e *outbox.Entry, route *Route, text string) []fate {
	if route.Lacking != nil {
		return c.deferred(e, "find a route to "+e.Domain, route.Lacking)
	}
	return fates(e, all(e.Recipients, route.unfit(text)))
}

// unfit is the reply that stands for one of servers which cannot have the mail as it is.
func (r *Route) unfit(text string) reply { return (&outbound{keeps: r.keeps}).unfit(550, text) }
