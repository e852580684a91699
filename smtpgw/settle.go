package smtpgw

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/logration"
	"cairn/mailstore/outbox"
)

// settle makes the outcome of an attempt durable: an entry that arrived is
// removed, who was refused is reported to the sender in the same transaction,
// and whoever may be reached later stays queued. It reports whether any did.
// What is known is noted even when ctx is done; what was broken off by that counts for no attempt.
func (c *Courier) settle(ctx context.Context, e *outbox.Entry, raw []byte, out []fate) (rest bool) {
	now := c.now()
	again := now.Add(backoff(c.cfg.Sending, e.TriedFor(now), rand.Float64()))
	stopped := ctx.Err() != nil
	expired := again.Sub(e.Created) > c.cfg.Sending.Expire && !c.cfg.Clock.Distrust() && !stopped
	var failed []fate
	var waiting []string
	tried := !stopped
	for _, f := range out {
		switch {
		case f.reply.ok():
		case f.reply.permanent():
			failed = append(failed, f)
		case expired:
			f.reply = reply{550, fmt.Sprintf("5.4.7 given up after %s; last: %s", days(now.Sub(e.Created)), f.reply)}
			failed = append(failed, f)
		default:
			waiting = append(waiting, f.rcpt)
			tried = tried || !f.ours
		}
	}
	summary := summarise(out)
	if !tried {
		again = time.Time{}
	}
	log := c.log.With("mail", e.Ref, "entry", e.ID, "domain", e.Domain)
	var report []byte
	if len(failed) > 0 && e.From != "" { // never a report about a report: RFC 5321, section 6.1
		var err error
		if report, err = bounce(e, raw, failed, c.cfg.Hostname, c.dir.home(), now); err != nil {
			log.Error("courier: write a report", "err", err)
		}
	}
	var trouble logration.Trouble
	for {
		err := c.update(context.WithoutCancel(ctx), func(tx *mailstore.Tx) error {
			return c.apply(tx, e, waiting, report, summary, now, again)
		})
		switch {
		case err == nil:
			if report != nil {
				c.queue.WakeSealer()
			}
			c.cfg.Meter.Settled(strings.TrimPrefix(settled(len(waiting), len(failed)), "mail "))
			log.Info(settled(len(waiting), len(failed)), "from", e.From, "to", envelopeTo(e.Recipients), "size", len(raw), "attempt", e.Attempts+1,
				"waiting", len(waiting), "failed", len(failed), "reported", report != nil, "result", clipped(summary), "took", now.Sub(e.Created).Round(time.Millisecond))
			return len(waiting) > 0
		case errors.Is(err, outbox.ErrGone): // dropped by hand meanwhile
			return false
		case errors.Is(err, mailstore.ErrBroken):
			c.fail(fmt.Errorf("note the outcome of an attempt: %w", err))
			return false
		case ctx.Err() != nil, errors.Is(err, mailstore.ErrClosed):
			return false // the next run makes the attempt again
		}
		if trouble.News(err, time.Now()) {
			log.Error("courier: note the outcome of an attempt, trying again", "err", err)
		}
		select {
		case <-ctx.Done():
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

// apply is settle within its transaction. A zero again leaves who waits due as before.
func (c *Courier) apply(tx *mailstore.Tx, e *outbox.Entry, waiting []string, report []byte, summary string, now, again time.Time) error {
	stored, err := c.queue.GetTx(tx, e.ID)
	if err != nil {
		return err
	}
	if report != nil {
		if err := c.submitReport(tx, e, report); err != nil {
			return err
		}
	}
	if len(waiting) == 0 {
		return c.queue.Remove(tx, &stored)
	}
	stored.Recipients = waiting
	if again.IsZero() {
		return c.queue.Postpone(tx, &stored, stored.NextAttempt)
	}
	stored.Tried(now, summary)
	return c.queue.Postpone(tx, &stored, again)
}

// submitReport queues a report for the sender of e, from the postmaster's
// null sender. In a store without accounts there is nobody to tell.
func (c *Courier) submitReport(tx *mailstore.Tx, e *outbox.Entry, report []byte) error {
	acct, err := c.dir.postmasterAccount(&tx.Reader)
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	env := outbox.Envelope{Ref: e.Ref, Account: acct.ID, Recipients: []string{e.From}}
	_, err = c.queue.SubmitTx(tx, env, report)
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
