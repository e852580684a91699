package courier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/logration"
	"cairn/mailstore/outbox"
	"cairn/mailstore/wake"
	"cairn/smtpgw/asked"
	"cairn/smtpgw/client"
	"cairn/smtpgw/maillog"
	"cairn/smtpgw/reply"
	"cairn/smtpgw/suppressed"
)

// Who sent a mail is told of all who do not get it in one report, as far as they are known within
// some minutes of the first. What the report will say is noted in the transaction that takes them
// off the queue, and the report is queued in the one that takes the note off: none is lost and none
// is sent twice.

// over notes what became of recipients of an entry who wait no more, and that its sender is to be
// told of those who do not get it.
// handedOn: who accepted it tells of that.
func (c *Courier) over(tx *mailstore.Tx, e *outbox.Entry, known []outbox.Outcome, handedOn bool) error {
	if err := c.queue.Note(tx, e, known); err != nil {
		return err
	}
	tell := asked.ToTell(e, known, handedOn)
	if len(tell) == 0 || e.From == "" { // never a report about a report: RFC 5321, section 6.1
		return nil
	}
	return c.queue.Return(tx, e, tell, c.cfg.Sending.Gather)
}

// done takes an entry off the queue. If it is the last one of its message, the sender is told of
// all who do not get it: told is whether a report was queued.
func (c *Courier) done(tx *mailstore.Tx, e *outbox.Entry) (told bool, err error) {
	if err := c.queue.Remove(tx, e); err != nil {
		return false, err
	}
	r, failed, err := c.queue.Finished(tx, mailstore.Ref{Account: e.Account, Message: e.Message})
	if err != nil || r == nil {
		return false, err
	}
	return true, c.report(tx, r, failed)
}

// report queues the report on a message to its sender.
func (c *Courier) report(tx *mailstore.Tx, r *outbox.Return, failed []outbox.Outcome) error {
	if r.Raw == nil {
		c.log.Error("courier: a message is damaged, the report about it goes without its header", "mail", r.Mail)
	}
	report, err := bounce(returned(r), r.Raw, fatesOf(failed), c.cfg.Hostname, c.dir.Home(), c.now())
	if err != nil {
		c.log.Error("courier: write a report", "mail", r.Mail, "err", err)
		return nil
	}
	return c.submitReport(tx, r.Mail, r.From, report, r.RequireTLS)
}

// submitReport queues a report to the sender of a message, from the postmaster's null sender. In a
// store without accounts there is nobody to tell. What was sent with REQUIRETLS is reported on
// with it (RFC 8689, section 5).
func (c *Courier) submitReport(tx *mailstore.Tx, mail, to string, report []byte, requireTLS bool) error {
	acct, err := c.dir.PostmasterAccount(&tx.Reader)
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = c.queue.SubmitTx(tx, outbox.Envelope{Ref: mail, Account: acct.ID, Recipients: []string{to}, RequireTLS: requireTLS}, report)
	return err
}

// returned is what a report says of its message.
func returned(r *outbox.Return) *outbox.Entry {
	return &outbox.Entry{
		Ref: r.Mail, From: r.From, Created: r.Created, Account: r.Ref.Account, Message: r.Ref.Message,
		DSN: outbox.DSN{EnvID: r.EnvID, Full: r.Full},
	}
}

// fatesOf are outcomes as a report says them.
func fatesOf(outcomes []outbox.Outcome) []fate {
	out := make([]fate, len(outcomes))
	for i, o := range outcomes {
		out[i] = fate{rcpt: o.Recipient, reply: reply.Parse(o.Reply), by: o.By, action: "failed", original: o.Original}
		if o.State == outbox.Accepted {
			out[i].action = "relayed"
			if o.By == byThisNode || o.By == client.ByAnotherNode || o.By == client.ByMailServer {
				out[i].action = "delivered"
			}
		}
	}
	return out
}

// outcomes are the same of several recipients.
func outcomes(rcpts []string, state string, now time.Time, by, reply string) []outbox.Outcome {
	out := make([]outbox.Outcome, len(rcpts))
	for i, rcpt := range rcpts {
		out[i] = outbox.Outcome{Recipient: rcpt, State: state, Time: now, By: by, Reply: reply}
	}
	return out
}

// watchReturns queues the reports that are due.
func (c *Courier) watchReturns(ctx context.Context) {
	var trouble logration.Trouble
	for ctx.Err() == nil {
		wait, err := c.returnDue(ctx)
		if err != nil {
			wait = time.Second
			if ctx.Err() == nil && trouble.News(err, time.Now()) {
				c.trouble("write reports to senders, trying again", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-c.returns:
		case <-time.After(wait):
		}
	}
}

// returnDue queues the reports that are due now, and tells how long none will be.
func (c *Courier) returnDue(ctx context.Context) (wait time.Duration, err error) {
	for ctx.Err() == nil {
		ref, due, known, err := c.queue.NextReturn()
		if err != nil || !known {
			return recheck, err
		}
		// One that is due later than any is was noted by a clock which was ahead.
		wait := due.Sub(c.now())
		if wait > 0 && wait <= 2*c.cfg.Sending.Gather {
			return min(wait, recheck), nil
		}
		err = c.update(ctx, func(tx *mailstore.Tx) error {
			r, failed, err := c.queue.TakeReturn(tx, ref)
			if err != nil {
				return err
			}
			if r == nil {
				return c.queue.DropDue(tx, ref, due)
			}
			return c.report(tx, r, failed)
		})
		if err != nil {
			return 0, fmt.Errorf("report on message %d of account %d: %w", ref.Message, ref.Account, err)
		}
		c.queue.WakeSealer()
	}
	return recheck, ctx.Err()
}

// ErrUnderWay says that an entry cannot be dropped now.
var ErrUnderWay = errors.New("an attempt to deliver it is under way")

// Drop takes an entry off the queue by hand, and has its sender told unless silent, or he asked not
// to be. reported is whether he will be. outbox.ErrGone when it is not there; ErrUnderWay while
// nobody knows what becomes of it.
func (c *Courier) Drop(ctx context.Context, id uint64, silent bool) (e outbox.Entry, reported bool, err error) {
	e, err = c.queue.Get(id)
	if err != nil {
		return e, false, err
	}
	if !c.queue.Seize(e.Domain, id) {
		return e, false, ErrUnderWay
	}
	defer c.queue.End(id)
	told := false
	err = c.update(ctx, func(tx *mailstore.Tx) error {
		if e, err = c.queue.GetTx(tx, id); err != nil {
			return err
		}
		dropped := outcomes(e.Recipients, outbox.Dropped, c.now(), byThisNode, reply.With(550, "5.7.0 taken out of the queue by the administrator, and not delivered").String())
		reported = !silent && e.From != "" && len(asked.ToTell(&e, dropped, false)) > 0
		if silent {
			err = c.queue.Note(tx, &e, dropped)
		} else {
			err = c.over(tx, &e, dropped, false)
		}
		if err != nil {
			return err
		}
		told, err = c.done(tx, &e)
		return err
	})
	if err != nil {
		return e, false, err
	}
	if told {
		c.queue.WakeSealer()
	}
	wake.Up(c.returns)
	c.log.Info("mail dropped by hand", "mail", e.Ref, "entry", e.ID, "domain", e.Domain, "from", e.From, "to", maillog.To(e.Recipients), "reported", reported)
	return e, reported, nil
}

// sweepStep is how many notes of what became of sent mail are looked at together.
const sweepStep = 1024

// sweepOutcomes drops some of what is noted of messages that are gone, and which addresses are
// suppressed no more, and returns where to go on.
func (c *Courier) sweepOutcomes(ctx context.Context, after []byte) (last []byte) {
	err := c.update(ctx, func(tx *mailstore.Tx) (err error) {
		if err := suppressed.Sweep(tx, c.now()); err != nil {
			return err
		}
		last, err = c.queue.SweepOutcomes(tx, after, sweepStep)
		return err
	})
	if err != nil && ctx.Err() == nil {
		c.trouble("drop what became of mail that is removed", err)
	}
	return last
}
