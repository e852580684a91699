package courier

import (
	"context"
	"time"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/client"
)

// A TLS report tells of sessions that failed, so it goes whatever its domain asks of TLS (RFC 8460,
// section 5.3).

// ReportRouter is a Router that knows ways on which mail goes whatever a domain asks of TLS, and of
// whose sessions nothing is told: else a report would bring about the next one.
// Errors are as of Route.
type ReportRouter interface {
	RouteReport(ctx context.Context, from, domain string) (client.Route, error)
}

// reportExpire is how long a TLS report is tried.
const reportExpire = 24 * time.Hour

// routeFor is the route of an entry.
func (c *Courier) routeFor(ctx context.Context, e *outbox.Entry, raw []byte) (client.Route, error) {
	if by, ok := c.router.(ReportRouter); ok && e.TLSReport {
		return by.RouteReport(ctx, senderDomain(e.From), e.Domain)
	}
	return routeOf(ctx, c.router, e.From, e.Domain, !e.RequireTLS && saysAnyTLS(raw))
}

// expiry is how long an entry is tried.
func (c *Courier) expiry(e *outbox.Entry) time.Duration {
	if e.TLSReport {
		return min(reportExpire, c.cfg.Sending.Expire)
	}
	return c.cfg.Sending.Expire
}
