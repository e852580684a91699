package client

import (
	"errors"
	"slices"

	"cairn/smtpgw/reply"
)

// Mail that is sent with REQUIRETLS (RFC 8689) goes on only over TLS with a server that proves who
// it is, and that offers to keep to it too.

// requireTLS is the keyword of the extension and the parameter of MAIL (section 2).
const requireTLS = "REQUIRETLS"

// What the sender is told of where such mail cannot go. The second one is of those whose name comes
// from a DNS that anybody may have answered in place of: a certificate for it proves nothing
// (section 4.2.1).
const (
	NoRequireTLS = "5.7.30 no server that may have the mail takes it with REQUIRETLS (RFC 8689), as it was sent"
	Unproved     = "5.7.10 the mail was sent with REQUIRETLS (RFC 8689), and neither DANE nor MTA-STS says who the domain's servers are"
)

var (
	// ErrNoRequireTLS is that all servers there are were asked, and none offers REQUIRETLS.
	ErrNoRequireTLS = errors.New("no REQUIRETLS")
	// errWithoutRequireTLS is that one does not.
	errWithoutRequireTLS = errors.New("without REQUIRETLS")
)

// RequiringTLS is the way of mail with REQUIRETLS: of servers that are no nodes those alone whose
// TLS is verified, which it is not where TLSA records ask for encryption alone. Its sessions are
// used for no other mail. Streams to nodes are encrypted, and authenticated by their keys, as they
// are.
func (r Route) RequiringTLS() Route {
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

// Unfit is the reply that stands for one of servers which cannot have the mail as it is: text is
// NoRequireTLS or Unproved, and 550, or 451 on a route that is Keeping.
func (r *Route) Unfit(text string) reply.Reply { return (&Session{keeps: r.keeps}).unfit(550, text) }

// LacksProof reports of a route of RequiringTLS whether none of the servers that there are has to
// prove who it is.
func (r *Route) LacksProof() bool { return r.unproved }

// withoutPolicy is the host as one of a domain that asks nothing of TLS.
func (h *Host) withoutPolicy() *Host {
	other := *h
	other.TLS, other.Verify, other.Unproved, other.AnyTLS, other.Told = TLSIfOffered, nil, false, false, nil
	return &other
}
