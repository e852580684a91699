package courier

import (
	"context"
	"errors"
	"slices"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/client"
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
func (c *Courier) attempt(ctx context.Context, l *lane, o *client.Session, e *outbox.Entry, raw []byte) ([]fate, *client.Session) {
	trip, t := c.depart(ctx, l, e, len(raw))
	defer c.arrive(t)
	// Asked for each message: whom the domain is trusted to be of may have
	// changed since the session was opened.
	route, err := c.routeFor(trip, e, raw)
	err = whyEnded(trip, err)
	if mustRequireTLS(e) {
		route = route.RequiringTLS()
	}
	if o != nil && (err != nil || route.Local || route.To != o.To) {
		o.Quit()
		o = nil
	}
	c.noteWay(l, &route, err)
	refusal, refused := errors.AsType[*refuse.Refusal](err)
	switch {
	case refused:
		return alike(e, reply.Of(refusal)), nil
	case errors.Is(err, client.ErrNoRoute):
		return alike(e, reply.With(550, "5.1.2 "+e.Domain+": "+err.Error())), nil
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
func (c *Courier) attemptOn(ctx context.Context, t *trip, route client.Route, o *client.Session, e *outbox.Entry, raw []byte) ([]fate, *client.Session) {
	if o != nil && o.Foreign && !o.InStep() {
		o.Close()
		o = nil
	}
	if o != nil {
		o.Begin(&t.Progress, &e.DSN, e.RequireTLS)
		var replies []reply.Reply
		var err error
		replies, o, err = c.deliver(ctx, o, e, raw)
		if err == nil {
			return fatesOver(o, e, replies), o
		}
		o.Close()
		// Perhaps the other side has closed it meanwhile: once more with a new one. A node
		// recognises a message that got through all the same; no other server does.
		said := slices.ContainsFunc(replies, func(r reply.Reply) bool { return r.Code != 0 })
		if o.Foreign && (o.Texted || said) {
			return c.brokenOff(o, e, route, replies, whyEnded(ctx, err)), nil
		}
		if o.Texted {
			return c.attemptAgain(ctx, t, route, e, raw)
		}
	}
	return c.attemptAnew(ctx, t, route, e, raw)
}

// deliver sends an entry over a session, and returns the one to go on with.
func (c *Courier) deliver(ctx context.Context, o *client.Session, e *outbox.Entry, raw []byte) ([]reply.Reply, *client.Session, error) {
	replies, next, err := o.Deliver(ctx, c.envelopeSender(ctx, o, e), e.Recipients, c.top(o, e, raw), raw)
	if next != o {
		c.log.Debug("courier: tried again over IPv4, since the address of IPv6 has no name", "host", next.Name)
	}
	c.hosts.Heard(next, replies)
	return replies, next, err
}

// brokenOff is the fate of recipients when a session broke, with the replies that stand.
func (c *Courier) brokenOff(o *client.Session, e *outbox.Entry, route client.Route, replies []reply.Reply, err error) []fate {
	out := c.deferred(e, "send to "+route.Whom(e.Domain), err)
	for i := range out {
		if o.Texted && !o.Foreign {
			out[i].unclear = route.Peer
		}
	}
	for i, r := range replies {
		if r.OK() || r.Permanent() { // else it might end the next session too
			out[i].reply, out[i].ours, out[i].by, out[i].remote, out[i].unclear = r, false, route.Whom(e.Domain), true, ""
		}
	}
	return out
}

// attemptAnew hands an entry over in a session of its own, which is returned if
// more can be sent over it.
func (c *Courier) attemptAnew(ctx context.Context, t *trip, route client.Route, e *outbox.Entry, raw []byte) ([]fate, *client.Session) {
	round := c.queue.Retries(e.Domain)
	if err := t.recentFailure(c.now(), round, route.To); err != nil { // which is in the log
		return putOff(e, "connect to "+route.Whom(e.Domain), err), nil
	}
	if route.LacksProof() {
		return c.unkept(e, &route, client.Unproved), nil
	}
	hosts := route.HostSet()
	if err := c.hosts.Ask(ctx, hosts, e.Domain, round); errors.Is(err, client.ErrBusy) {
		return unmade(e, err), nil
	} else if err != nil { // as above
		return putOff(e, "connect to "+route.Whom(e.Domain), err), nil
	}
	o, err := client.Open(ctx, &c.cfg.Sending.Waits, c.cfg.Hostname, route, e.Domain)
	if err != nil {
		c.hosts.Failed(ctx, hosts, e.Domain, err)
	} else {
		c.hosts.Opened(hosts, e.Domain, o)
	}
	if errors.Is(err, client.ErrNoRequireTLS) {
		return c.unkept(e, &route, client.NoRequireTLS), nil
	}
	if err = whyEnded(ctx, err); err != nil {
		t.noteFailure(c.now(), round, route.To, err)
		return c.deferred(e, "connect to "+route.Whom(e.Domain), err), nil
	}
	o.Begin(&t.Progress, &e.DSN, e.RequireTLS)
	replies, o, err := c.deliver(ctx, o, e, raw)
	if err = whyEnded(ctx, err); err != nil {
		o.Close()
		return c.brokenOff(o, e, route, replies, err), nil
	}
	return fatesOver(o, e, replies), o
}

// deliverLocal hands an entry for one of our own domains to accounts of this node, and to the other
// nodes of the organisation that have the accounts.
func (c *Courier) deliverLocal(ctx context.Context, e *outbox.Entry, raw []byte) []fate {
	if !c.cfg.Holders.Any() {
		return c.deliverHere(ctx, e, raw)
	}
	var out []fate
	var away elsewhere
	here := *e
	here.Recipients = nil
	for _, rcpt := range e.Recipients {
		route, err := client.Route{Local: true}, error(nil)
		if m, bad := address.Parse(rcpt, true); bad == nil {
			route, err = c.cfg.Holders.Of(ctx, c.queue.Store(), c.dir, m, nil)
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
		replies, err := client.SendOnce(ctx, &c.cfg.Sending.Waits, c.cfg.Hostname, route, client.Mail{
			From: e.From, To: there.Recipients, Head: e.Token, Raw: raw, RequireTLS: e.RequireTLS,
		})
		if err != nil {
			out = append(out, c.deferred(&there, "hand it to "+route.Holder(), err)...)
			continue
		}
		for i, r := range replies {
			out = append(out, fate{rcpt: there.Recipients[i], reply: r, by: route.Holder()})
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
	routes []client.Route // each To once, in the order of their first recipients
	rcpts  map[string][]string
}

func (e *elsewhere) add(route client.Route, rcpt string) {
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
		out := alike(e, r)
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

// byThisNode is who has replied where this node took the mail, for people.
const byThisNode = "this node"

// fatesOver are what the other side of a session has made of the recipients of an entry.
func fatesOver(o *client.Session, e *outbox.Entry, replies []reply.Reply) []fate {
	out := fates(e, replies)
	for i := range out {
		out[i].by, out[i].remote, out[i].dsn = o.Name, true, o.Offers("DSN")
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

// alike is the same fate of all recipients of an entry.
func alike(e *outbox.Entry, r reply.Reply) []fate {
	return fates(e, slices.Repeat([]reply.Reply{r}, len(e.Recipients)))
}

// deferred is the fate of all recipients when something went wrong on the way, in doing what.
func (c *Courier) deferred(e *outbox.Entry, what string, err error) []fate {
	c.log.Warn("courier: "+what, "mail", e.Ref, "entry", e.ID, "domain", e.Domain, "err", maillog.Clipped(err.Error()))
	return putOff(e, what, err)
}

// putOff is deferred without a line in the log.
func putOff(e *outbox.Entry, what string, err error) []fate {
	why, known := errors.AsType[client.Reason](err)
	if !known {
		why = "that failed; the log here tells why"
	}
	out := alike(e, reply.With(451, client.StatusOf(err)+" "+what+": "+string(why)))
	for i := range out {
		out[i].ours = true
	}
	return out
}

// unmade is the fate of all recipients when their turn did not come. They are due as before.
func unmade(e *outbox.Entry, why error) []fate {
	out := alike(e, reply.With(451, "4.4.5 "+why.Error()))
	for i := range out {
		out[i].ours, out[i].unmade = true, true
	}
	return out
}

// fateOf is the fate of a recipient here when there was an error: the refusal if it is one, else it
// is our own trouble, of which the log tells.
func (c *Courier) fateOf(e *outbox.Entry, rcpt, during string, err error) fate {
	log := c.log.With("mail", e.Ref, "entry", e.ID, "domain", e.Domain)
	_, refused := errors.AsType[*refuse.Refusal](err)
	return fate{rcpt: rcpt, reply: reply.Of(c.gate.Refusal(log, during, e.Ref, err)), ours: !refused}
}
