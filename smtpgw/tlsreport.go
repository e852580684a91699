package smtpgw

import (
	"context"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/client"
	"cairn/smtpgw/trace"
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

// QueueReport queues a mail in ASCII with a report of ours to another domain, in a transaction;
// Queued is to be called once that is committed. The null sender sends it, so nobody is told by
// mail that it failed, and no copy of it stays.
func (s *Submitter) QueueReport(tx *mailstore.Tx, to string, raw []byte, aboutTLS bool) error {
	m, err := address.Parse(to, false)
	if err != nil {
		return err
	}
	acct, err := s.dir.PostmasterAccount(&tx.Reader)
	if err != nil {
		return err
	}
	env := outbox.Envelope{Ref: trace.NewRef(), Account: acct.ID, Recipients: []string{m.String()}, TLSReport: aboutTLS}
	return queueOnward(tx, s.queue, env, raw, s.now())
}

// Queued has what was queued recorded.
func (s *Submitter) Queued() { s.queue.WakeSealer() }
