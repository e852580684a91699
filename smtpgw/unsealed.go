package smtpgw

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
// sender, or whoever stands in for him here, in the same transaction. The report
// cannot take the way of other mail, since it would wait for a token too; one
// that did is delivered as it is.
func (c *Courier) giveUp(ctx context.Context, e *outbox.Entry) error {
	raw, err := c.queue.Raw(*e)
	if err != nil {
		return err
	}
	if e.From != "" {
		now := c.now()
		why := fmt.Sprintf("5.4.7 given up after %s: the mail could not be recorded, and does not leave without that; the administrator finds more with: cairn status", days(now.Sub(e.Created)))
		if raw, err = bounce(e, raw, fates(e, all(e.Recipients, reply{550, why})), c.cfg.Hostname, c.dir.home(), now); err != nil {
			return err
		}
	}
	to, err := c.told(e)
	if err != nil {
		return err
	}
	var refusal *Refusal // of who is gone, or of a message that goes in circles: nobody is left to tell
	var filed []*landing
	for _, rcpt := range to {
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
		c.cfg.Meter.Settled("returned")
		c.log.Warn("mail returned", "mail", e.Ref, "entry", e.ID, "domain", e.Domain, "from", e.From, "to", envelopeTo(e.Recipients),
			"result", "it could not be recorded in the time that mail is kept", "took", c.now().Sub(e.Created).Round(time.Second))
		for _, l := range filed {
			l.tell()
		}
	}
	return err
}

// told returns the addresses here that are told of an entry that is given up: its sender, or who
// stands in for him. A report goes to whom it is for, and in place of those elsewhere to the
// postmaster.
func (c *Courier) told(e *outbox.Entry) (to []string, err error) {
	if e.From == "" {
		for _, address := range e.Recipients {
			if !c.dir.isLocal(maildomain.OfAddress(address)) {
				address = c.postmaster()
			}
			if !slices.Contains(to, address) {
				to = append(to, address)
			}
		}
		return to, nil
	}
	err = c.queue.Store().View(func(r *mailstore.Reader) error {
		to = []string{e.From}
		here, err := c.dir.has(r, e.From)
		if err == nil && !here {
			to[0], err = c.standIn(r, e.Account)
		}
		return err
	})
	return to, err
}

func (c *Courier) postmaster() string { return "postmaster@" + c.dir.home() }

// standIn returns the address by which an account is told of its mail. Where it has none here, and
// for a mailing list, whose account nobody reads, it is the postmaster's.
func (c *Courier) standIn(r *mailstore.Reader, account mailstore.AccountID) (string, error) {
	a, err := r.Account(account)
	if err == nil {
		_, err = ListOf(r, account)
	}
	own := c.dir.current(a.Addresses)
	switch {
	case errors.Is(err, ErrNoList) && len(own) > 0:
		return own[0], nil
	case err == nil, errors.Is(err, ErrNoList), errors.Is(err, mailstore.ErrNotFound), errors.Is(err, mailstore.ErrDamaged):
		return c.postmaster(), nil
	}
	return "", err
}
