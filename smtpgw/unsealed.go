package smtpgw

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/outbox"
)

// watchUnsealed sees to mail that waits for its token, beside what is carried: it may take
// verifier, DNS and filter a while to judge what is delivered here.
func (c *Courier) watchUnsealed(ctx context.Context) {
	w := newUnrecorded(c)
	expired := time.Now().Add(c.cfg.Sending.Unsealed) // not at once: what waited while the node was off may be recorded now
	for {
		wait := recheck
		if w.look(ctx, time.Now()) {
			wait = lookAgain
		}
		if time.Now().After(expired) {
			expired = time.Now().Add(c.cfg.Sending.Unsealed)
			c.returnUnsealed(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(wait, max(time.Until(expired), time.Millisecond))):
		}
	}
}

// returnUnsealed returns the mail that has waited for its token as long as mail
// is kept: without one it does not leave. A clock that is known to be wrong does
// not say how long that is.
func (c *Courier) returnUnsealed(ctx context.Context) {
	if c.cfg.Clock.Distrust() {
		return
	}
	for after := uint64(0); ; {
		list, err := c.queue.Unsealed(after, 16)
		if err != nil {
			c.trouble("look for mail that could not be recorded", err)
			return
		}
		for _, e := range list {
			if c.now().Sub(e.Created) <= c.cfg.Sending.Expire {
				return // those after it are younger
			}
			err := c.giveUp(ctx, &e)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				c.trouble(fmt.Sprintf("return queue entry %d, which could not be recorded", e.ID), err)
			}
			after = e.ID
		}
		if len(list) == 0 {
			return
		}
	}
}

// giveUp removes an entry without a token and delivers the report to its
// sender in the same transaction. The report cannot take the way of other mail,
// since it would wait for a token too; one that did is delivered as it is.
func (c *Courier) giveUp(ctx context.Context, e *outbox.Entry) error {
	raw, err := c.queue.Raw(*e)
	if err != nil {
		return err
	}
	to := e.Recipients
	if e.From != "" {
		now := c.now()
		why := fmt.Sprintf("5.4.7 given up after %s: the mail could not be recorded, and does not leave without that; the administrator finds more with: cairn status", days(now.Sub(e.Created)))
		if raw, err = bounce(e, raw, fates(e, all(e.Recipients, reply{550, why})), c.cfg.Hostname, c.dir.home(), now); err != nil {
			return err
		}
		to = []string{e.From}
	}
	var refusal *Refusal // of who is gone, or of a message that goes in circles: nobody is left to tell
	var filed []*landing
	for _, rcpt := range to {
		if !c.dir.isLocal(maildomain.OfAddress(rcpt)) {
			continue
		}
		l, err := c.delivery.ready(ctx, c.localArrival(raw, "", []string{rcpt}), e.Ref)
		switch {
		case err == nil:
			filed = append(filed, l)
		case !errors.As(err, &refusal):
			return err
		}
	}
	done := false
	err = c.update(ctx, func(tx *mailstore.Tx) error {
		stored, err := c.queue.GetTx(tx, e.ID)
		if errors.Is(err, outbox.ErrGone) || err == nil && stored.Token != nil {
			return nil // dropped or sealed meanwhile
		}
		if err != nil {
			return err
		}
		for _, l := range filed {
			if err := l.put(tx); err != nil && !errors.As(err, &refusal) {
				return err
			}
		}
		done = true
		return c.queue.Remove(tx, &stored)
	})
	if err == nil && done {
		c.log.Warn("mail returned", "mail", e.Ref, "entry", e.ID, "domain", e.Domain, "from", e.From, "to", envelopeTo(e.Recipients),
			"result", "it could not be recorded in the time that mail is kept", "took", c.now().Sub(e.Created).Round(time.Second))
		for _, l := range filed {
			l.tell()
		}
	}
	return err
}
