package smtpgw

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emersion/go-smtp"
)

// fate is what became of one recipient in an attempt.
type fate struct {
	rcpt  string
	reply reply
}

// attempt tries to hand an entry over. o is the lane's session or nil; the one
// to go on with is returned. All failures are in the fates: replies of the
// other side, or 4xx made here for what may get better.
func (c *Courier) attempt(ctx context.Context, l *lane, o *outbound, e *Entry, raw []byte) ([]fate, *outbound) {
	// Asked for each message: whom the domain is trusted to be of may have
	// changed since the session was opened.
	route, err := c.router.Route(ctx, e.Domain)
	if o != nil && (err != nil || route.Local || route.To != o.to) {
		o.quit()
		o = nil
	}
	switch {
	case errors.Is(err, ErrNoRoute):
		return fates(e, all(e.Recipients, reply{550, "5.1.2 " + e.Domain + ": " + err.Error()})), nil
	case err != nil:
		return deferred(e, fmt.Errorf("find a route to %s: %w", e.Domain, err)), nil
	case route.Local:
		return c.deliverLocal(ctx, e, raw), nil
	}
	if o != nil {
		replies, err := o.send(ctx, e.From, e.Recipients, e.Token, raw)
		if err == nil {
			return fates(e, replies), o
		}
		// Perhaps the other side has closed it meanwhile: once more with a
		// new one. A message that got through all the same is recognised.
		o.conn.Close()
	}
	return c.attemptAnew(ctx, l, route, e, raw)
}

// attemptAnew hands an entry over in a session of its own, which is returned if
// more can be sent over it.
func (c *Courier) attemptAnew(ctx context.Context, l *lane, route Route, e *Entry, raw []byte) ([]fate, *outbound) {
	if err := l.recentFailure(c.now(), route.To); err != nil {
		return deferred(e, err), nil
	}
	o, err := connect(ctx, &c.cfg.Sending, c.cfg.Hostname, route, e.Domain)
	if err != nil {
		err = fmt.Errorf("connect to a node of %s: %w", e.Domain, err)
		l.noteFailure(c.now(), route.To, err)
		return deferred(e, err), nil
	}
	replies, err := o.send(ctx, e.From, e.Recipients, e.Token, raw)
	if err != nil {
		o.conn.Close()
		out := deferred(e, fmt.Errorf("send to a node of %s: %w", e.Domain, err))
		for i, r := range replies {
			if r.ok() || r.permanent() { // else it might end the next session too
				out[i].reply = r
			}
		}
		return out, nil
	}
	return fates(e, replies), o
}

// connect opens a session with the node that a route leads to.
func connect(ctx context.Context, sending *Sending, hostname string, route Route, domain string) (*outbound, error) {
	dial, cancel := context.WithTimeout(ctx, sending.Dial)
	defer cancel()
	conn, err := route.Dial(dial, domain)
	if err != nil {
		return nil, err
	}
	// A peer that accepts and says nothing is given no longer than the dial.
	stop := context.AfterFunc(dial, func() { conn.Close() })
	defer stop()
	o, err := greet(conn, hostname, sending.Reply)
	if err == nil {
		o.to = route.To
	}
	if err != nil && dial.Err() != nil {
		err = fmt.Errorf("no session within %s: %w", sending.Dial, err)
	}
	return o, err
}

// deliverLocal hands an entry for one of our own domains to accounts of this node, and to the other nodes
// of the organisation that have the accounts.
func (c *Courier) deliverLocal(ctx context.Context, e *Entry, raw []byte) []fate {
	if c.cfg.Siblings == nil {
		return c.deliverHere(ctx, e, raw)
	}
	var out []fate
	var away elsewhere
	here := *e
	here.Recipients = nil
	for _, rcpt := range e.Recipients {
		route, err := Route{Local: true}, error(nil)
		if m, bad := parseMailbox(rcpt, true); bad == nil {
			route, err = c.cfg.heldBy(ctx, c.queue.store, c.dir, m, nil)
		}
		switch {
		case err != nil && !isUnknown(err):
			out = append(out, fate{rcpt, reply{451, "4.4.1 " + err.Error()}})
		case route.Dial != nil:
			away.add(route, rcpt)
		default:
			here.Recipients = append(here.Recipients, rcpt)
		}
	}
	for _, route := range away.routes {
		there := *e
		there.Recipients = away.rcpts[route.To]
		replies, err := sendOnce(ctx, &c.cfg.Sending, route, c.cfg.Hostname, e.From, there.Recipients, e.Token, raw, false)
		if err != nil {
			out = append(out, deferred(&there, fmt.Errorf("hand it to another node of the organisation: %w", err))...)
			continue
		}
		out = append(out, fates(&there, replies)...)
	}
	if len(here.Recipients) == 0 {
		return out
	}
	return append(out, c.deliverHere(ctx, &here, raw)...)
}

// elsewhere are the recipients of one queue entry whose mailboxes other nodes of the organisation have.
type elsewhere struct {
	routes []Route // each To once, in the order of their first recipients
	rcpts  map[string][]string
}

func (e *elsewhere) add(route Route, rcpt string) {
	if e.rcpts == nil {
		e.rcpts = make(map[string][]string)
	}
	if e.rcpts[route.To] == nil {
		e.routes = append(e.routes, route)
	}
	if !slices.Contains(e.rcpts[route.To], rcpt) {
		e.rcpts[route.To] = append(e.rcpts[route.To], rcpt)
	}
}

// deliverHere hands an entry to accounts of this node.
func (c *Courier) deliverHere(ctx context.Context, e *Entry, raw []byte) []fate {
	whole := slices.Concat(e.Token, raw)
	deliver := func(rcpts []string) (reply, error) {
		err := c.delivery.Deliver(ctx, c.localArrival(whole, e.From, rcpts), e.Ref)
		var refusal *smtp.SMTPError
		if errors.As(err, &refusal) {
			ec := refusal.EnhancedCode
			return reply{refusal.Code, fmt.Sprintf("%d.%d.%d %s", ec[0], ec[1], ec[2], refusal.Message)}, nil
		}
		return reply{250, "2.0.0 stored"}, err
	}
	r, err := deliver(e.Recipients)
	if err != nil {
		return deferred(e, err)
	}
	if r.ok() || len(e.Recipients) == 1 {
		return fates(e, all(e.Recipients, r))
	}
	// One of them is refused: find out which.
	var out []fate
	for _, rcpt := range e.Recipients {
		r, err := deliver([]string{rcpt})
		if err != nil {
			r = reply{451, "4.3.0 " + err.Error()}
		}
		out = append(out, fate{rcpt, r})
	}
	return out
}

// localArrival is mail that this node brings itself.
func (c *Courier) localArrival(raw []byte, from string, rcpts []string) *Arrival {
	return &Arrival{
		Raw: raw, From: from, Recipients: slices.Clone(rcpts),
		Peer: Peer{Addr: "local", Helo: c.cfg.Hostname, Protocol: ProtocolLocal},
	}
}

func fates(e *Entry, replies []reply) []fate {
	out := make([]fate, len(replies))
	for i, r := range replies {
		out[i] = fate{e.Recipients[i], r}
	}
	return out
}

// deferred is the fate of all recipients when something went wrong on the way.
func deferred(e *Entry, err error) []fate {
	return fates(e, all(e.Recipients, reply{451, "4.4.0 " + err.Error()}))
}
