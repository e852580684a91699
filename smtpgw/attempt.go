package smtpgw

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/directory"
	"cairn/smtpgw/maillog"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/reply"
	"cairn/smtpgw/trace"
)

// fate is what became of one recipient in an attempt.
type fate struct {
	rcpt   string
	reply  reply.Reply
	ours   bool   // nobody replied so: it went wrong on the way
	unmade bool   // there was no attempt: others have their turn
	by     string // who replied so, for people; empty: nobody did

	remote bool // it was another server
	dsn    bool // which was told what the sender asked about reports

	unclear string // the peer that may have it, and has not replied; see Route

	// In a report.
	action   string // as RFC 3464, section 2.3.3, has it
	original string // see outbox.Asked
}

// attempt tries to hand an entry over. o is the lane's session or nil; the one
// to go on with is returned. All failures are in the fates: replies of the
// other side, or 4xx made here for what may get better.
func (c *Courier) attempt(ctx context.Context, l *lane, o *outbound, e *outbox.Entry, raw []byte) ([]fate, *outbound) {
	trip, t := c.depart(ctx, l, e, len(raw))
	defer c.arrive(t)
	// Asked for each message: whom the domain is trusted to be of may have
	// changed since the session was opened.
	route, err := c.routeFor(trip, e, raw)
	err = whyEnded(trip, err)
	if mustRequireTLS(e) {
		route = route.requiringTLS()
	}
	if o != nil && (err != nil || route.Local || route.To != o.to) {
		o.quit()
		o = nil
	}
	c.noteWay(l, &route, err)
	refusal, refused := errors.AsType[*refuse.Refusal](err)
	switch {
	case refused:
		return fates(e, all(e.Recipients, reply.Of(refusal))), nil
	case errors.Is(err, ErrNoRoute):
		return fates(e, all(e.Recipients, reply.With(550, "5.1.2 "+e.Domain+": "+err.Error()))), nil
	case err != nil:
		return c.deferred(e, "find a route to "+e.Domain, err), nil
	case route.Local:
		c.arrive(t) // no other side is waited for
		return c.deliverLocal(ctx, e, raw), nil
	}
	ctx = trip
	if err := c.mayNotLeave(route, e); err != nil {
		return c.deferred(e, "send outside", err), nil
	}
	known, e := c.askFirst(ctx, t, route, e)
	if len(e.Recipients) == 0 {
		return known, o
	}
	out, o := c.attemptOn(ctx, t, route, o, e, raw)
	if o == nil && c.mayFallBack(route, e, out) {
		out, o = c.fallBack(ctx, t, route, e, raw, out)
	}
	return append(known, out...), o
}

// attemptOn hands an entry over by a route, in the session o if there is one.
func (c *Courier) attemptOn(ctx context.Context, t *trip, route Route, o *outbound, e *outbox.Entry, raw []byte) ([]fate, *outbound) {
	if o != nil && o.foreign && !o.inStep() {
		o.conn.Close()
		o = nil
	}
	if o != nil {
		o.progress, o.texted, o.dsn = &t.progress, false, &e.DSN
		o.requireTLS = e.RequireTLS
		var replies []reply.Reply
		var err error
		replies, o, err = c.deliver(ctx, o, c.envelopeSender(ctx, o, e), e.Recipients, c.top(o, e, raw), raw)
		c.hosts.heard(o, replies)
		if err == nil {
			return o.fates(e, replies), o
		}
		o.conn.Close()
		// Perhaps the other side has closed it meanwhile: once more with a new one. A node
		// recognises a message that got through all the same; no other server does.
		said := slices.ContainsFunc(replies, func(r reply.Reply) bool { return r.Code != 0 })
		if o.foreign && (o.texted || said) {
			return c.brokenOff(o, e, route, replies, whyEnded(ctx, err)), nil
		}
		if o.texted {
			return c.attemptAgain(ctx, t, route, e, raw)
		}
	}
	return c.attemptAnew(ctx, t, route, e, raw)
}

// brokenOff is the fate of recipients when a session broke, with the replies that stand.
func (c *Courier) brokenOff(o *outbound, e *outbox.Entry, route Route, replies []reply.Reply, err error) []fate {
	out := c.deferred(e, "send to "+route.whom(e.Domain), err)
	for i := range out {
		if o.texted && !o.foreign {
			out[i].unclear = route.Peer
		}
	}
	for i, r := range replies {
		if r.OK() || r.Permanent() { // else it might end the next session too
			out[i].reply, out[i].ours, out[i].by, out[i].remote, out[i].unclear = r, false, route.whom(e.Domain), true, ""
		}
	}
	return out
}

// attemptAnew hands an entry over in a session of its own, which is returned if
// more can be sent over it.
func (c *Courier) attemptAnew(ctx context.Context, t *trip, route Route, e *outbox.Entry, raw []byte) ([]fate, *outbound) {
	round := c.queue.Retries(e.Domain)
	if err := t.recentFailure(c.now(), round, route.To); err != nil { // which is in the log
		return putOff(e, "connect to "+route.whom(e.Domain), err), nil
	}
	if route.unproved {
		return c.unkept(e, &route, unproved), nil
	}
	hosts := route.hostSet()
	if err := c.hosts.ask(ctx, hosts, e.Domain, round); errors.Is(err, errBusy) {
		return unmade(e, err), nil
	} else if err != nil { // as above
		return putOff(e, "connect to "+route.whom(e.Domain), err), nil
	}
	o, err := connect(ctx, &c.cfg.Sending, c.cfg.Hostname, route, e.Domain)
	if err != nil {
		c.hosts.failed(ctx, hosts, e.Domain, err)
	} else {
		c.hosts.opened(hosts, e.Domain, o)
	}
	if errors.Is(err, errNoRequireTLS) {
		return c.unkept(e, &route, noRequireTLS), nil
	}
	if err = whyEnded(ctx, err); err != nil {
		t.noteFailure(c.now(), round, route.To, err)
		return c.deferred(e, "connect to "+route.whom(e.Domain), err), nil
	}
	o.progress, o.dsn, o.keeps = &t.progress, &e.DSN, route.keeps
	o.requireTLS = e.RequireTLS
	replies, o, err := c.deliver(ctx, o, c.envelopeSender(ctx, o, e), e.Recipients, c.top(o, e, raw), raw)
	c.hosts.heard(o, replies)
	if err = whyEnded(ctx, err); err != nil {
		o.conn.Close()
		return c.brokenOff(o, e, route, replies, err), nil
	}
	return o.fates(e, replies), o
}

// connect opens a session with who a route leads to.
func connect(ctx context.Context, sending *Sending, hostname string, route Route, domain string) (*outbound, error) {
	if len(route.Hosts) > 0 {
		o, err := connectHosts(ctx, sending, hostname, route.Hosts)
		if err == nil {
			o.to = route.To
		}
		return o, err
	}
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
		o.to, o.name = route.To, route.whom(domain)
		if route.Beside {
			delete(o.ext, requireTLS) // in clear it counts for nothing
		}
	}
	if err != nil && dial.Err() != nil {
		err = fmt.Errorf("%w: %v", Reason(fmt.Sprintf("no session within %s", sending.Dial)), err)
	}
	return o, err
}

// deliverLocal hands an entry for one of our own domains to accounts of this node, and to the other
// nodes of the organisation that have the accounts.
func (c *Courier) deliverLocal(ctx context.Context, e *outbox.Entry, raw []byte) []fate {
	if c.cfg.Siblings == nil && c.cfg.Beside == nil {
		return c.deliverHere(ctx, e, raw)
	}
	var out []fate
	var away elsewhere
	here := *e
	here.Recipients = nil
	for _, rcpt := range e.Recipients {
		route, err := Route{Local: true}, error(nil)
		if m, bad := address.Parse(rcpt, true); bad == nil {
			route, err = c.cfg.heldBy(ctx, c.queue.Store(), c.dir, m, nil)
		}
		switch {
		case err != nil && !directory.IsUnknown(err):
			out = append(out, c.fateOf(e, rcpt, "find the mailbox", err))
		case route.Dial != nil:
			away.add(route, rcpt)
		default:
			here.Recipients = append(here.Recipients, rcpt)
		}
	}
	for _, route := range away.routes {
		there := *e
		there.Recipients = away.rcpts[route.To]
		replies, err := sendOnce(ctx, &c.cfg.Sending, route, c.cfg.Hostname, e.From, there.Recipients, e.Token, raw, false, e.RequireTLS)
		if err != nil {
			out = append(out, c.deferred(&there, "hand it to "+route.holder(), err)...)
			continue
		}
		for i, r := range replies {
			out = append(out, fate{rcpt: there.Recipients[i], reply: r, by: route.holder()})
		}
	}
	if len(here.Recipients) == 0 {
		return out
	}
	return append(out, c.deliverHere(ctx, &here, raw)...)
}

// elsewhere are the recipients of one queue entry whose mailboxes other nodes of the organisation
// have.
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

// deliverHere hands an entry to accounts of this node. For those that are full it waits.
func (c *Courier) deliverHere(ctx context.Context, e *outbox.Entry, raw []byte) []fate {
	var full []fate
	fits := *e
	fits.Recipients = nil
	for _, rcpt := range e.Recipients {
		m, err := address.Parse(rcpt, true)
		if err == nil {
			err = c.dir.HasRoom(c.queue.Store(), m, int64(len(raw)))
		}
		if _, refused := errors.AsType[*refuse.Refusal](err); refused {
			f := c.fateOf(e, rcpt, "deliver", err)
			f.by = byThisNode
			full = append(full, f)
		} else { // trouble with the store is told when it is to store
			fits.Recipients = append(fits.Recipients, rcpt)
		}
	}
	if len(fits.Recipients) == 0 {
		return full
	}
	return append(full, c.deliverTo(ctx, &fits, raw)...)
}

// deliverTo is deliverHere to accounts that have room.
func (c *Courier) deliverTo(ctx context.Context, e *outbox.Entry, raw []byte) []fate {
	whole := slices.Concat(e.Token, raw)
	deliver := func(rcpts []string) (reply.Reply, error) {
		err := c.delivery.Deliver(ctx, c.localArrival(e, whole, e.From, rcpts), e.Ref)
		if refusal, ok := errors.AsType[*refuse.Refusal](err); ok {
			return reply.Of(refusal), nil
		}
		return reply.With(250, "2.0.0 stored"), err
	}
	r, err := deliver(e.Recipients)
	if err != nil {
		out := make([]fate, len(e.Recipients))
		for i, rcpt := range e.Recipients {
			out[i] = c.fateOf(e, rcpt, "deliver", err)
		}
		return out
	}
	if r.OK() || len(e.Recipients) == 1 {
		out := fates(e, all(e.Recipients, r))
		for i := range out {
			out[i].by = byThisNode
		}
		return out
	}
	// One of them is refused: find out which.
	var out []fate
	for _, rcpt := range e.Recipients {
		r, err := deliver([]string{rcpt})
		f := fate{rcpt: rcpt, reply: r, by: byThisNode}
		if err != nil {
			f = c.fateOf(e, rcpt, "deliver", err)
		}
		out = append(out, f)
	}
	return out
}

// localArrival is mail that this node brings itself, of an entry or on it.
func (c *Courier) localArrival(e *outbox.Entry, raw []byte, from string, rcpts []string) *arrival.Arrival {
	a := &arrival.Arrival{
		Raw: raw, From: from, Recipients: slices.Clone(rcpts), RequireTLS: e.RequireTLS,
		Peer: trace.Peer{Addr: "local", Helo: c.cfg.Hostname, Protocol: trace.ProtocolLocal},
	}
	if from != "" { // about a report nothing was asked
		a.DSN = e.DSN
	}
	return a
}

// Who of the organisation has replied.
const (
	byThisNode    = "this node"
	byAnotherNode = "another node of the organisation"
	byMailServer  = "the mail server beside this node"
)

// holder is who has the mailboxes that a route leads to which a Siblings gave, for people.
func (r *Route) holder() string {
	if r.Beside {
		return byMailServer
	}
	return byAnotherNode
}

// fates are what the other side has made of the recipients of an entry.
func (o *outbound) fates(e *outbox.Entry, replies []reply.Reply) []fate {
	out := fates(e, replies)
	for i := range out {
		out[i].by, out[i].remote, out[i].dsn = o.name, true, o.offers("DSN")
	}
	return out
}

func fates(e *outbox.Entry, replies []reply.Reply) []fate {
	out := make([]fate, len(replies))
	for i, r := range replies {
		out[i] = fate{rcpt: e.Recipients[i], reply: r}
	}
	return out
}

// deferred is the fate of all recipients when something went wrong on the way, in doing what.
func (c *Courier) deferred(e *outbox.Entry, what string, err error) []fate {
	c.log.Warn("courier: "+what, "mail", e.Ref, "entry", e.ID, "domain", e.Domain, "err", maillog.Clipped(err.Error()))
	return putOff(e, what, err)
}

// putOff is deferred without a line in the log.
func putOff(e *outbox.Entry, what string, err error) []fate {
	why, known := errors.AsType[Reason](err)
	if !known {
		why = "that failed; the log here tells why"
	}
	out := fates(e, all(e.Recipients, reply.With(451, statusOnTheWay(err)+" "+what+": "+string(why))))
	for i := range out {
		out[i].ours = true
	}
	return out
}

// unmade is the fate of all recipients when their turn did not come. They are due as before.
func unmade(e *outbox.Entry, why error) []fate {
	out := fates(e, all(e.Recipients, reply.With(451, "4.4.5 "+why.Error())))
	for i := range out {
		out[i].ours, out[i].unmade = true, true
	}
	return out
}

// statusOnTheWay is the status of what went wrong on the way (RFC 3463): that TLS, which is
// required, was not offered, or failed. What comes without is never sent in clear, and waits.
func statusOnTheWay(err error) string {
	switch {
	case errors.Is(err, errNoTLS):
		return "4.7.4"
	case errors.Is(err, errTLS):
		return "4.7.5"
	}
	return "4.4.0"
}

// fateOf is the fate of a recipient here when there was an error: the refusal if it is one, else it
// is our own trouble, of which the log tells.
func (c *Courier) fateOf(e *outbox.Entry, rcpt, during string, err error) fate {
	log := c.log.With("mail", e.Ref, "entry", e.ID, "domain", e.Domain)
	_, refused := errors.AsType[*refuse.Refusal](err)
	return fate{rcpt: rcpt, reply: reply.Of(c.gate.Refusal(log, during, e.Ref, err)), ours: !refused}
}
