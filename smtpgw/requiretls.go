package smtpgw

import (
	"errors"
	"slices"
	"strings"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/reply"
)

// Mail that is sent with REQUIRETLS (RFC 8689) goes on only over TLS with a server that proves who
// it is, and that offers to keep to it too. Reports about it have no body, and go the same way if
// there is one. Mail that says TLS-Required: No goes on whatever is asked of TLS.

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

// withoutText is what is asked about reports on mail with REQUIRETLS: they are as with RET=HDRS
// (section 5).
func withoutText(d outbox.DSN) outbox.DSN {
	d.Full, d.HDRS = false, true
	return d
}

// mustRequireTLS reports whether an entry goes only where REQUIRETLS is kept. A report is not lost
// for the want of that: it has REQUIRETLS where that is offered (sections 4.2.1 and 5).
func mustRequireTLS(e *outbox.Entry) bool { return e.RequireTLS && e.From != "" }

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
func (r *Route) unfit(text string) reply.Reply { return (&outbound{keeps: r.keeps}).unfit(550, text) }

// saysAnyTLS reports whether the sender of a message would rather have it arrive than keep to what
// the recipient's domain asks of TLS (section 3). A field that stands there twice says nothing, nor
// does one in what an account or a list sends on: whoever wrote it has not named these recipients,
// and could read on the way who they are.
func saysAnyTLS(raw []byte) bool {
	header, _ := rawheader.Split(raw)
	said, no, sentOn := 0, false, false
	for f := range rawheader.Fields(header) {
		switch {
		case f.Is("tls-required"):
			said++
			no = strings.EqualFold(f.Unfolded(), "no")
		case f.Is("delivered-to"), f.Is("list-id"):
			sentOn = true
		}
	}
	return said == 1 && no && !sentOn
}

// withoutPolicy is the host as one of a domain that asks nothing of TLS.
func (h *Host) withoutPolicy() *Host {
	other := *h
	other.TLS, other.Verify, other.Unproved, other.AnyTLS, other.Told = TLSIfOffered, nil, false, false, nil
	return &other
}
