package courier

import (
	"context"

	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/client"
)

// SenderRouter is a Router whose routes depend on the sender too, by the domain of the envelope
// sender; "" is the null sender's. anyTLS: he would rather have the mail arrive than keep to what
// the domain asks of TLS; see Host.
type SenderRouter interface {
	RouteFrom(ctx context.Context, from, domain string, anyTLS bool) (client.Route, error)
}

// routeOf asks a router for the route of mail by a sender to a domain.
func routeOf(ctx context.Context, r Router, sender, domain string, anyTLS bool) (client.Route, error) {
	if by, ok := r.(SenderRouter); ok {
		return by.RouteFrom(ctx, senderDomain(sender), domain, anyTLS)
	}
	return r.Route(ctx, domain)
}

// senderDomain is the domain of an envelope sender, "" of the null sender.
func senderDomain(sender string) string {
	if sender == "" {
		return ""
	}
	return maildomain.Canonical(maildomain.OfAddress(sender))
}

// Router finds routes. Route returns ErrNoRoute (possibly wrapped) when nobody serves the domain,
// or a *Refusal; any other error means "try later", and why if it is a Reason. It is called for
// each attempt, so that whom a domain is trusted to be of counts as it is then, and may be called
// from many goroutines.
type Router interface {
	Route(ctx context.Context, domain string) (client.Route, error)
}
