package client

import (
	"context"
	"errors"
	"fmt"

	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/reply"
)

// Open opens a session with who a route, which is not Local, leads to for mail to a domain.
// hostname is what this node calls itself. What an error says to people is a Reason within it;
// whether TLS was in the way, StatusOf says. It wraps ErrNoRequireTLS where no server offers that.
// The session is closed by Quit or Close.
func Open(ctx context.Context, waits *Waits, hostname string, route Route, domain string) (*Session, error) {
	if len(route.Hosts) > 0 {
		o, err := connectHosts(ctx, waits, hostname, route.Hosts)
		if err == nil {
			o.To, o.keeps = route.To, route.keeps
		}
		return o, err
	}
	dial, cancel := context.WithTimeout(ctx, waits.Dial)
	defer cancel()
	conn, err := route.Dial(dial, domain)
	if err != nil {
		return nil, err
	}
	// A peer that accepts and says nothing is given no longer than the dial.
	stop := context.AfterFunc(dial, func() { conn.Close() })
	defer stop()
	o, err := greet(conn, hostname, waits.Reply)
	if err == nil {
		o.To, o.Name, o.keeps = route.To, route.Whom(domain), route.keeps
		if route.Beside {
			delete(o.ext, requireTLS) // in clear it counts for nothing
		}
	}
	if err != nil && dial.Err() != nil {
		err = fmt.Errorf("%w: %v", Reason(fmt.Sprintf("no session within %s", waits.Dial)), err)
	}
	return o, err
}

// Mail is one message as it is sent.
type Mail struct {
	From       string   // the envelope sender; empty: the null one
	To         []string // at least one recipient
	Head, Raw  []byte   // the octets that go, Head first
	RequireTLS bool     // it was sent with REQUIRETLS (RFC 8689)
	Whole      bool     // it goes to all recipients or none
}

// SendOnce carries one message in a session of its own, and returns one reply for each recipient.
// An error means that it is not known what became of it.
func SendOnce(ctx context.Context, waits *Waits, hostname string, route Route, m Mail) ([]reply.Reply, error) {
	o, err := Open(ctx, waits, hostname, route, maildomain.OfAddress(m.To[0]))
	if err != nil {
		return nil, err
	}
	o.whole, o.requireTLS = m.Whole, m.RequireTLS
	replies, err := o.send(ctx, m.From, m.To, m.Head, m.Raw)
	if err != nil {
		o.conn.Close()
		return nil, err
	}
	o.Quit()
	return replies, nil
}

// StatusOf is the enhanced status, as "4.4.0", of what went wrong on the way (RFC 3463): that TLS,
// which is required, was not offered, or failed. What comes without is never sent in clear, and
// waits.
func StatusOf(err error) string {
	switch {
	case errors.Is(err, errNoTLS):
		return "4.7.4"
	case errors.Is(err, errTLS):
		return "4.7.5"
	}
	return "4.4.0"
}
