package courier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/lists"
	"cairn/smtpgw/maillog"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/reply"
)

// watchUnsealed sees to mail that waits for its token, beside what is carried: it may take
// verifier, DNS and filter a while to judge what is delivered here.
func (c *Courier) watchUnsealed(ctx context.Context) {
	w := newUnrecorded(c)
	var swept []byte
	expired := time.Now().Add(c.cfg.Sending.Unsealed) // not at once: what waited while the node was off may be recorded now
	for {
		wait := recheck
		if w.look(ctx, time.Now()) {
			wait = lookAgain
		}
		if time.Now().After(expired) {
			expired = time.Now().Add(c.cfg.Sending.Unsealed)
			c.returnUnsealed(ctx)
			swept = c.sweepOutcomes(ctx, swept)
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
	seen := make(map[uint64]bool)
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
			if after = max(after, e.ID); seen[e.ID] || c.queue.Withheld(e.ID) {
				continue
			}
			together, err := c.unsealedWith(&e)
			for _, other := range together {
				seen[other.ID] = true
			}
			if err == nil {
				err = c.giveUp(ctx, together)
			}
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				c.trouble(fmt.Sprintf("return queue entry %d, which could not be recorded", e.ID), err)
			}
		}
		if len(list) == 0 {
			return
		}
	}
}

// unsealedWith returns an entry and the others of its message that are to be returned with it, in
// one report, at most outbox.MaxReturned.
func (c *Courier) unsealedWith(e *outbox.Entry) ([]outbox.Entry, error) {
	together := []outbox.Entry{*e}
	if e.From == "" {
		return together, nil // each is delivered as it is
	}
	err := c.queue.Store().View(func(r *mailstore.Reader) error {
		all, err := c.queue.EntriesOf(r, mailstore.Ref{Account: e.Account, Message: e.Message})
		together = together[:1]
		for _, other := range all {
			late := c.now().Sub(other.Created) > c.cfg.Sending.Expire
			if other.ID != e.ID && other.Token == nil && late && !c.queue.Withheld(other.ID) && len(together) < outbox.MaxReturned {
				together = append(together, other)
			}
		}
		if outbox.IsDamaged(err) {
			err = nil
		}
		return err
	})
	return together, err
}

// giveUp removes entries of one message without a token and delivers the report to its
// sender, or whoever stands in for him here, in the same transaction. The report
// cannot take the way of other mail, since it would wait for a token too; one
// that did is delivered as it is.
func (c *Courier) giveUp(ctx context.Context, entries []outbox.Entry) error {
	e := &entries[0]
	raw, err := c.queue.Raw(*e)
	if err != nil {
		return err
	}
	now := c.now()
	why := reply.With(550, fmt.Sprintf("5.4.7 given up after %s: the mail could not be recorded, and does not leave without that; the administrator finds more with: cairn status", days(now.Sub(e.Created))))
	unasked := false
	if e.From != "" {
		var failed []fate
		for i := range entries {
			for _, f := range alike(&entries[i], why) {
				if asked := &entries[i].DSN; asked.Wants(f.rcpt, outbox.NotifyFailure) {
					f.original = asked.Of(f.rcpt).Original
					failed = append(failed, f)
				}
			}
		}
		unasked = len(failed) == 0
		if raw, err = bounce(e, raw, failed, c.cfg.Hostname, c.dir.Home(), now); err != nil {
			return err
		}
	}
	to, err := c.told(e)
	if err != nil {
		return err
	}
	var refusal *refuse.Refusal // of who is gone, or of a message that goes in circles: nobody is left to tell
	var filed []arrival.Landing
	if unasked {
		to = nil
	}
	for _, rcpt := range to {
		l, err := c.delivery.Ready(ctx, c.localArrival(e, raw, "", []string{rcpt}), e.Ref)
		switch {
		case err == nil:
			filed = append(filed, l)
		case !errors.As(err, &refusal):
			return err
		}
	}
	var done []outbox.Entry
	told := false
	err = c.update(ctx, func(tx *mailstore.Tx) error {
		if done, err = c.stillUnsealed(tx, entries); err != nil || len(done) == 0 {
			return err
		}
		for _, l := range filed {
			if err := l.Put(tx); err != nil && !errors.As(err, &refusal) {
				return err
			}
		}
		for i := range done {
			stored := &done[i]
			if err := c.queue.Note(tx, stored, outcomes(stored.Recipients, outbox.GivenUp, now, "", why.String())); err != nil {
				return err
			}
			one, err := c.done(tx, stored)
			if told = told || one; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(done) == 0 {
		return err
	}
	if told {
		c.queue.WakeSealer()
	}
	for i := range done {
		e := &done[i]
		c.cfg.Meter.Settled("returned")
		c.log.Warn("mail returned", "mail", e.Ref, "entry", e.ID, "domain", e.Domain, "from", e.From, "to", maillog.To(e.Recipients),
			"result", "it could not be recorded in the time that mail is kept", "took", now.Sub(e.Created).Round(time.Second))
	}
	for _, l := range filed {
		l.Tell()
	}
	return nil
}

// stillUnsealed are those of entries that were neither dropped nor sealed meanwhile; none if one of
// them was: the report names it.
func (c *Courier) stillUnsealed(tx *mailstore.Tx, entries []outbox.Entry) (still []outbox.Entry, err error) {
	for i := range entries {
		stored, err := c.queue.GetTx(tx, entries[i].ID)
		if errors.Is(err, outbox.ErrGone) || err == nil && stored.Token != nil {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		still = append(still, stored)
	}
	return still, nil
}

// told returns the addresses here that are told of an entry that is given up: its sender, or who
// stands in for him. A report goes to whom it is for, and in place of those elsewhere to the
// postmaster.
func (c *Courier) told(e *outbox.Entry) (to []string, err error) {
	if e.From == "" {
		for _, address := range e.Recipients {
			if !c.dir.IsLocal(maildomain.OfAddress(address)) {
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
		here, err := c.dir.Has(r, e.From)
		if err == nil && !here {
			to[0], err = c.standIn(r, e.Account)
		}
		return err
	})
	return to, err
}

func (c *Courier) postmaster() string { return "postmaster@" + c.dir.Home() }

// standIn returns the address by which an account is told of its mail. Where it has none here, and
// for a mailing list, whose account nobody reads, it is the postmaster's.
func (c *Courier) standIn(r *mailstore.Reader, account mailstore.AccountID) (string, error) {
	a, err := r.Account(account)
	if err == nil {
		_, err = lists.Of(r, account)
	}
	own := c.dir.Current(a.Addresses)
	switch {
	case errors.Is(err, lists.ErrNone) && len(own) > 0:
		return own[0], nil
	case err == nil, errors.Is(err, lists.ErrNone), errors.Is(err, mailstore.ErrNotFound), errors.Is(err, mailstore.ErrDamaged):
		return c.postmaster(), nil
	}
	return "", err
}
