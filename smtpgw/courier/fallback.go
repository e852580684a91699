package courier

import (
	"context"
	"errors"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/client"
	"cairn/smtpgw/refuse"
)

// Where nobody can be connected to at the nodes of an organisation for long, mail takes the way to
// mail servers that any other mail takes, if that is allowed. What was recorded goes as it is: a
// server that cannot take it so, as 8-bit text, does not get it, and it waits on.

// mayFallBack reports whether an entry that was tried by a route may go another way: nobody has had
// its text, in this attempt or in any before.
func (c *Courier) mayFallBack(route client.Route, e *outbox.Entry, out []fate) bool {
	if route.Outside == nil || !c.isNoted() || c.queue.PerhapsCarried(e.ID) {
		return false
	}
	for _, f := range out {
		if !f.ours || f.unclear != "" {
			return false
		}
	}
	_, is := c.queue.Unclear(e.ID)
	return !is
}

// fallBack is the attempt by the other way, if the time for it has come; else out stands.
func (c *Courier) fallBack(ctx context.Context, t *trip, route client.Route, e *outbox.Entry, raw []byte, out []fate) ([]fate, *client.Session) {
	if ctx.Err() != nil {
		return out, nil
	}
	other, err := route.Outside(ctx, e.TriedFor(c.now()))
	switch refusal, refused := errors.AsType[*refuse.Refusal](err); {
	case errors.Is(err, client.ErrStays):
		return out, nil
	case refused:
		return c.deferred(e, "send outside", client.Reason(refusal.Text)), nil
	case err != nil:
		return c.deferred(e, "send outside", err), nil
	}
	c.log.Info("nobody answers at the nodes: the mail goes outside", "mail", e.Ref, "entry", e.ID, "domain", e.Domain)
	other = other.Keeping()
	if mustRequireTLS(e) {
		other = other.RequiringTLS()
	}
	return c.attemptAnew(ctx, t, other, e, raw)
}

// beginRun notes that entries are carried from now on. Where that cannot be noted none goes another
// way.
func (c *Courier) beginRun(ctx context.Context) {
	err := c.queue.BeginRun(ctx)
	if err != nil && ctx.Err() == nil {
		c.log.Error("courier: note that mail is carried", "err", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noted = err == nil
}

// endRun notes that nothing is under way of which the outcome is not noted.
func (c *Courier) endRun(ctx context.Context) {
	c.mu.Lock()
	whole := c.noted && !c.missed
	c.mu.Unlock()
	if !whole {
		return
	}
	if err := c.queue.EndRun(ctx); err != nil {
		c.log.Warn("courier: note that no mail is carried", "err", err)
	}
}

func (c *Courier) isNoted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.noted
}

// miss says that an outcome could not be noted.
func (c *Courier) miss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.missed = true
}
