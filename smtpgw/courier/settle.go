package courier

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/logration"
	"cairn/mailstore/outbox"
	"cairn/mailstore/wake"
	"cairn/smtpgw/asked"
	"cairn/smtpgw/maillog"
	"cairn/smtpgw/reply"
	"cairn/smtpgw/suppressed"
)

// settle makes the outcome of an attempt durable: an entry that arrived is
// removed, that the sender is to be told who was refused is noted in the same
// transaction, and whoever may be reached later stays queued. It reports whether any did.
// What is known is noted even when ctx is done; what was broken off by that counts for no attempt.
func (c *Courier) settle(ctx context.Context, e *outbox.Entry, raw []byte, out []fate) (rest bool) {
	now := c.now()
	again := now.Add(backoff(c.cfg.Sending, e.TriedFor(now), rand.Float64()))
	again = c.attemptBy(e, now, again)
	stopped := ctx.Err() != nil
	expired := again.Sub(e.Created)-c.queue.HeldFor(e.ID) > c.expiry(e) && !c.cfg.Clock.Distrust() && !stopped
	o := settlement{now: now}
	tried := !stopped && slices.ContainsFunc(out, func(f fate) bool { return !f.unmade })
	for _, f := range out {
		switch {
		case f.reply.OK():
			o.add(f, outbox.Accepted)
		case f.reply.Permanent():
			o.add(f, outbox.Refused)
		case expired:
			f.reply = reply.With(550, fmt.Sprintf("5.4.7 given up after %s; last: %s", days(now.Sub(e.Created)), f.reply))
			o.add(f, outbox.GivenUp)
		default:
			o.waiting = append(o.waiting, f.rcpt)
			tried = tried || !f.ours
			if f.unclear != "" {
				o.unclear = f.unclear
			}
			if !f.ours {
				o.answered++
			}
		}
	}
	o.summary, o.gone = summarise(out), suppressed.Gone(said(out))
	if tried {
		o.again = again
		o.late = len(o.waiting) > 0 && c.isLate(e, raw, now)
	}
	reported := e.From != "" && len(asked.ToTell(e, o.known, o.handedOn)) > 0
	log := c.log.With("mail", e.Ref, "entry", e.ID, "domain", e.Domain)
	var trouble logration.Trouble
	for {
		err := c.update(context.WithoutCancel(ctx), func(tx *mailstore.Tx) error {
			return c.apply(tx, e, raw, &o)
		})
		switch {
		case err == nil:
			if o.told {
				c.queue.WakeSealer()
			} else if reported {
				wake.Up(c.returns)
			}
			c.cfg.Meter.Settled(strings.TrimPrefix(settled(len(o.waiting), o.failed), "mail "))
			log.Info(settled(len(o.waiting), o.failed), "from", e.From, "to", maillog.To(e.Recipients), "size", len(raw), "attempt", e.Attempts+1,
				"waiting", len(o.waiting), "failed", o.failed, "reported", reported, "result", maillog.Clipped(o.summary), "took", now.Sub(e.Created).Round(time.Millisecond))
			return len(o.waiting) > 0
		case errors.Is(err, outbox.ErrGone): // dropped by hand meanwhile
			return false
		case errors.Is(err, mailstore.ErrBroken):
			c.miss()
			c.fail(fmt.Errorf("note the outcome of an attempt: %w", err))
			return false
		case ctx.Err() != nil, errors.Is(err, mailstore.ErrClosed):
			c.miss()
			return false // the next run makes the attempt again
		}
		if trouble.News(err, time.Now()) {
			log.Error("courier: note the outcome of an attempt, trying again", "err", err)
		}
		select {
		case <-ctx.Done():
			c.miss()
			return false
		case <-time.After(time.Second):
		}
	}
}

// settled says what became of a mail in an attempt.
func settled(waiting, failed int) string {
	switch {
	case waiting > 0:
		return "mail deferred"
	case failed > 0:
		return "mail returned"
	}
	return "mail delivered"
}

// settlement is what became of the recipients of an entry in an attempt.
type settlement struct {
	now    time.Time
	known  []outbox.Outcome // of those who do not wait
	failed int              // of these
	// handedOn: who accepted them was told what the sender asked about reports, and obeys it.
	handedOn bool
	gone     []suppressed.Said // and of these, whose mailboxes are said not to be
	waiting  []string
	summary  string
	again    time.Time // the next attempt; zero: as before
	unclear  string    // the peer that may have it for some of them; see Route
	answered int       // of them the other side
	late     bool      // the sender is to be told of who waits
	told     bool      // a report was queued
}

// add notes what became of a recipient.
func (o *settlement) add(f fate, state string) {
	o.handedOn = o.handedOn || f.dsn
	o.known = append(o.known, outbox.Outcome{Recipient: f.rcpt, State: state, Time: o.now, By: f.by, Reply: f.reply.String()})
	if state != outbox.Accepted {
		o.failed++
	}
}

// apply is settle within its transaction.
func (c *Courier) apply(tx *mailstore.Tx, e *outbox.Entry, raw []byte, o *settlement) error {
	stored, err := c.queue.GetTx(tx, e.ID)
	if err != nil {
		return err
	}
	if err := c.over(tx, &stored, o.known, o.handedOn); err != nil {
		return err
	}
	if err := c.suppressGone(tx, &stored, o.gone, o.now); err != nil {
		return err
	}
	if len(o.waiting) == 0 {
		o.told, err = c.done(tx, &stored)
		return err
	}
	if err := o.noteUnclear(tx, c.queue, stored.ID); err != nil {
		return err
	}
	stored.Recipients = o.waiting
	if o.again.IsZero() {
		return c.queue.Postpone(tx, &stored, stored.NextAttempt)
	}
	stored.Tried(o.now, o.summary)
	if err := c.queue.Postpone(tx, &stored, o.again); err != nil || !o.late {
		return err
	}
	o.told, err = c.tellDelay(tx, &stored, raw, o.now)
	return err
}

// said are the replies of an attempt, for the list of addresses that are gone.
func said(out []fate) []suppressed.Said {
	all := make([]suppressed.Said, len(out))
	for i, f := range out {
		all[i] = suppressed.Said{Recipient: f.rcpt, Reply: f.reply, Remote: f.remote}
	}
	return all
}

// suppressGone puts those who are gone on the list of the account that has sent to them.
func (c *Courier) suppressGone(tx *mailstore.Tx, e *outbox.Entry, gone []suppressed.Said, now time.Time) error {
	if e.From == "" {
		return nil
	}
	err := suppressed.PutGone(tx, c.dir.IsLocal, c.cfg.Suppress, e.Account, gone, now)
	if errors.Is(err, suppressed.ErrFull) {
		c.log.Warn("an address that is gone is not suppressed: the list of the account is full", "mail", e.Ref, "addresses", suppressed.Max, "next", "cairn queue suppressed ls")
		return nil
	}
	return err
}

// backoff is how long to wait after an attempt when attempts have gone on for some time: as long
// again, so that the wait doubles each time, however often something was tried in between because
// its node seemed to be back. Give or take a fifth as jitter (0 to 1) says, so that what failed
// together does not come back together.
func backoff(s Sending, tried time.Duration, jitter float64) time.Duration {
	d := min(tried, s.MaxRetry) + s.FirstRetry
	return time.Duration(float64(min(d, s.MaxRetry)) * (0.8 + 0.4*jitter))
}

// summarise tells the outcome in one line.
func summarise(out []fate) string {
	same := true
	for _, f := range out {
		same = same && f.reply == out[0].reply
	}
	if same && len(out) > 0 {
		return out[0].reply.String()
	}
	parts := make([]string, len(out))
	for i, f := range out {
		parts[i] = fmt.Sprintf("<%s> %s", f.rcpt, f.reply)
	}
	return strings.Join(parts, "; ")
}

// days tells a duration to people.
func days(d time.Duration) string {
	if d < 48*time.Hour {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
