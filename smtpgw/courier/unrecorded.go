package courier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/maillog"
	"cairn/smtpgw/refuse"
)

// Mail between accounts of this node waits for nobody. Where nothing can be recorded it
// is delivered without a token after a moment, and its finding says why. What goes to
// others, to accounts of the organisation's other nodes too, waits: they would have to
// take it for mail that nobody recorded.

const (
	// lookAgain is how soon to look again while nothing can be recorded.
	lookAgain = time.Second
	// sweepEvery is how soon to look at all that waits: accounts are made, and tokens taken back.
	sweepEvery = time.Minute
	// rememberedMost bounds what is remembered of entries that could not be delivered: those
	// beyond are tried in each sweep.
	rememberedMost = 4096
)

// unrecorded delivers mail that has waited for its token long enough, while none are made. What
// it remembers is in memory alone: after a restart all is looked at anew.
type unrecorded struct {
	*Courier
	after uint64 // the last entry that was looked at since the sweep began
	swept time.Time
	again map[uint64]retry // entries that could not be delivered
}

// retry is when to try an entry again.
type retry struct {
	at    time.Time
	first time.Time // when it was tried first
}

func newUnrecorded(c *Courier) *unrecorded {
	return &unrecorded{Courier: c, again: make(map[uint64]retry)}
}

// look delivers what is due at now, by a clock that is not set. soon: nothing can be recorded,
// so that what comes in may be due in a moment.
func (w *unrecorded) look(ctx context.Context, now time.Time) (soon bool) {
	if w.cfg.Unrecorded == nil {
		return false
	}
	why, err := "", error(nil)
	if waiting, failed := w.queue.Unsealed(0, 1); failed == nil && len(waiting) > 0 {
		why, err = w.cfg.Unrecorded()
	}
	if err != nil || why == "" {
		w.after, w.swept = 0, time.Time{}
		clear(w.again)
		return false
	}
	if now.Sub(w.swept) >= sweepEvery {
		w.sweep(now)
	}
	for ctx.Err() == nil {
		list, err := w.queue.Unsealed(w.after, 64)
		if err != nil || len(list) == 0 {
			break
		}
		for _, e := range list {
			age := w.now().Sub(e.Created) // below zero where the clock was set back
			if age >= 0 && age < w.cfg.Sending.Unrecorded {
				return true // those after it are younger
			}
			w.after = e.ID
			w.try(ctx, &e, why, now)
		}
	}
	return true
}

// sweep begins to look at all entries anew, and forgets those that are gone.
func (w *unrecorded) sweep(now time.Time) {
	w.after, w.swept = 0, now
	for id := range w.again {
		if e, err := w.queue.Get(id); errors.Is(err, outbox.ErrGone) || err == nil && e.Token != nil {
			delete(w.again, id)
		}
	}
}

// try delivers an entry if somebody has an account here and it is due.
func (w *unrecorded) try(ctx context.Context, e *outbox.Entry, why string, now time.Time) {
	r, known := w.again[e.ID]
	if known && now.Before(r.at) || !w.dir.IsLocal(e.Domain) || w.queue.Withheld(e.ID) {
		return
	}
	done, err := w.deliverAsItIs(ctx, e, why)
	if err != nil && ctx.Err() == nil {
		w.trouble(fmt.Sprintf("deliver queue entry %d, which cannot be recorded now", e.ID), err)
	}
	switch {
	case done:
		delete(w.again, e.ID)
	case known || len(w.again) < rememberedMost:
		if !known {
			r.first = now
		}
		r.at = now.Add(max(backoff(w.cfg.Sending, max(now.Sub(r.first), 0), 1), sweepEvery))
		w.again[e.ID] = r
	}
}

// deliverAsItIs delivers an entry without a token to the recipients that have accounts
// here, in one transaction with what becomes of the entry. What is refused waits on; done
// is what has no such recipients, or not any more.
func (c *Courier) deliverAsItIs(ctx context.Context, e *outbox.Entry, why string) (done bool, err error) {
	here, rest, err := c.whoIsHere(e)
	if err != nil || len(here) == 0 {
		return err == nil, err
	}
	raw, err := c.queue.Raw(*e)
	if err != nil {
		return false, err
	}
	if _, recorded, _ := record.FindToken(raw); recorded {
		return false, nil // that record is not for these recipients
	}
	a := c.localArrival(e, raw, e.From, here)
	a.Unrecorded = why
	var refusal *refuse.Refusal
	l, err := c.delivery.Ready(ctx, a, e.Ref)
	if errors.As(err, &refusal) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	told := false
	err = c.update(ctx, func(tx *mailstore.Tx) error {
		stored, err := c.queue.GetTx(tx, e.ID)
		if err == nil && stored.Token != nil {
			return outbox.ErrGone // sealed meanwhile
		}
		if err == nil {
			err = l.Put(tx)
		}
		if err == nil {
			err = c.over(tx, &stored, outcomes(here, outbox.Accepted, c.now(), byThisNode, "250 2.0.0 stored, without a record: "+why), false)
		}
		if err != nil {
			return err
		}
		if len(rest) == 0 {
			told, err = c.done(tx, &stored)
			return err
		}
		stored.Recipients = rest
		return c.queue.Keep(tx, &stored)
	})
	switch {
	case err == nil:
		c.cfg.Meter.Settled("delivered")
		c.log.Info("mail delivered", "mail", e.Ref, "entry", e.ID, "domain", e.Domain, "from", e.From, "to", maillog.To(here), "size", len(raw),
			"waiting", len(rest), "result", "without a record: "+why, "took", c.now().Sub(e.Created).Round(time.Millisecond))
		l.Tell()
		if told {
			c.queue.WakeSealer()
		}
	case errors.Is(err, outbox.ErrGone):
		return true, nil
	case errors.As(err, &refusal):
		return false, nil
	}
	return err == nil, err
}

// whoIsHere picks the recipients of an entry that have accounts here.
func (c *Courier) whoIsHere(e *outbox.Entry) (here, rest []string, err error) {
	err = c.queue.Store().View(func(r *mailstore.Reader) error {
		here, rest = nil, nil
		for _, rcpt := range e.Recipients {
			has, err := c.dir.Has(r, rcpt)
			if err != nil {
				return err
			}
			if has { // what is full waits
				m, _ := address.Parse(rcpt, true)
				full, err := c.dir.IsFull(r, m, 0)
				if err != nil {
					return err
				}
				has = !full
			}
			if has {
				here = append(here, rcpt)
			} else {
				rest = append(rest, rcpt)
			}
		}
		return nil
	})
	return here, rest, err
}
