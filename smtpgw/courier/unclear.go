package courier

import (
	"context"
	"slices"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/client"
	"cairn/smtpgw/reply"
)

// A connection that is lost after a text and before the reply leaves it open whether a peer has the
// mail. The peer is asked by the record; where it cannot be, it gets the mail again, which it
// recognises, and nobody else does.

// mayNotLeave is why an entry may not go by a route; nil: it may. What one peer may have goes to
// nobody outside.
func (c *Courier) mayNotLeave(route client.Route, e *outbox.Entry) error {
	if _, is := c.queue.Unclear(e.ID); is && len(route.Hosts) > 0 {
		return client.Reason("whether a node of " + e.Domain + " has it is not known, and until it is the mail goes to nobody else")
	}
	return nil
}

// askFirst asks about an entry that the peer of a route may have. It returns the fates of those who
// have it, and the entry with the others.
func (c *Courier) askFirst(ctx context.Context, t *trip, route client.Route, e *outbox.Entry) ([]fate, *outbox.Entry) {
	peer, is := c.queue.Unclear(e.ID)
	away := t.recentFailure(c.now(), c.queue.Retries(e.Domain), route.To)
	if !is || peer != route.Peer || away != nil {
		return nil, e
	}
	known, rest, not := c.ask(ctx, route, e)
	if !not || len(rest.Recipients) == 0 {
		return known, rest
	}
	err := c.update(ctx, func(tx *mailstore.Tx) error { return c.queue.ForgetUnclear(tx, e.ID) })
	if err != nil {
		c.log.Error("courier: note that a mail has not arrived", "mail", e.Ref, "entry", e.ID, "err", err)
	}
	return known, rest
}

// ask is askFirst for any entry; not reports whether all the others have it not, for certain.
func (c *Courier) ask(ctx context.Context, route client.Route, e *outbox.Entry) (known []fate, rest *outbox.Entry, not bool) {
	if route.Had == nil {
		return nil, e, false
	}
	token, found, err := record.FindToken(slices.Concat(e.Token, []byte("\r\n")))
	if err != nil || !found {
		return nil, e, false
	}
	had := route.Had(ctx, token.DeliveryOf(e.Recipients))
	left := *e
	left.Recipients, not = nil, true
	for i, rcpt := range e.Recipients {
		switch {
		case i < len(had) && had[i] == record.HadIt:
			known = append(known, fate{rcpt: rcpt, reply: reply.With(250, "2.0.0 it had been stored, and the reply was lost"), by: route.Whom(e.Domain), remote: true})
		default:
			left.Recipients = append(left.Recipients, rcpt)
			not = not && i < len(had) && had[i] == record.HadNot
		}
	}
	c.log.Info("asked what became of a mail whose reply was lost", "mail", e.Ref, "entry", e.ID, "domain", e.Domain,
		"there", len(known), "left", len(left.Recipients), "certain", not)
	return known, &left, not
}

// attemptAgain is attemptAnew for an entry that the peer may have by now.
func (c *Courier) attemptAgain(ctx context.Context, t *trip, route client.Route, e *outbox.Entry, raw []byte) ([]fate, *client.Session) {
	known, e, not := c.ask(ctx, route, e)
	if len(e.Recipients) == 0 {
		return known, nil
	}
	out, o := c.attemptAnew(ctx, t, route, e, raw)
	for i := range out {
		if out[i].ours && !not {
			out[i].unclear = route.Peer
		}
	}
	return append(known, out...), o
}

// noteUnclear notes for those of an entry who wait whether a peer may have it.
func (o *settlement) noteUnclear(tx *mailstore.Tx, queue *outbox.Queue, id uint64) error {
	switch {
	case o.unclear != "":
		return queue.NoteUnclear(tx, id, o.unclear)
	case o.answered == len(o.waiting):
		return queue.ForgetUnclear(tx, id)
	}
	return nil
}
