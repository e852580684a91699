package smtpgw

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-smtp"

	"cairn/consensus/record"
	"cairn/mailstore"
)

// Mail between accounts of this node waits for nobody. Where nothing can be recorded it
// is delivered without a token after a moment, and its finding says why. What goes to
// others, to accounts of the organisation's other nodes too, waits: they would have to
// take it for mail that nobody recorded.

// lookAgain is how soon to look again while there is mail that may have to be delivered
// without a token.
const lookAgain = time.Second

// deliverUnrecorded delivers what has waited long enough, and returns when to look again.
func (c *Courier) deliverUnrecorded(ctx context.Context) time.Duration {
	if c.cfg.Unrecorded == nil {
		return recheck
	}
	waiting, err := c.queue.Unsealed(0, 1)
	if err != nil || len(waiting) == 0 {
		return recheck
	}
	why, err := c.cfg.Unrecorded()
	if err != nil || why == "" {
		return recheck
	}
	for after := uint64(0); ctx.Err() == nil; {
		list, err := c.queue.Unsealed(after, 64)
		if err != nil || len(list) == 0 {
			break
		}
		for _, e := range list {
			after = e.ID
			age := c.now().Sub(e.Created) // below zero where the clock was set back
			if !c.dir.isLocal(e.Domain) || age >= 0 && age < c.sending.Unrecorded {
				continue
			}
			if err := c.deliverAsItIs(ctx, &e, why); err != nil && ctx.Err() == nil {
				c.trouble(fmt.Sprintf("deliver queue entry %d, which cannot be recorded now", e.ID), err)
			}
		}
	}
	return lookAgain
}

// deliverAsItIs delivers an entry without a token to the recipients that have accounts
// here, in one transaction with what becomes of the entry. What is refused waits on.
func (c *Courier) deliverAsItIs(ctx context.Context, e *Entry, why string) error {
	raw, err := c.queue.Raw(*e)
	if err != nil {
		return err
	}
	if _, recorded, _ := record.FindToken(raw); recorded {
		return nil // that record is not for these recipients
	}
	here, rest, err := c.whoIsHere(e)
	if err != nil || len(here) == 0 {
		return err
	}
	a := c.localArrival(raw, e.From, here)
	a.Unrecorded = why
	var refusal *smtp.SMTPError
	put, err := c.delivery.ready(ctx, a, e.Ref)
	if errors.As(err, &refusal) {
		return nil
	}
	if err != nil {
		return err
	}
	err = c.update(ctx, func(tx *mailstore.Tx) error {
		stored, err := getEntry(tx.Space(queueSpace).SpaceReader, e.ID)
		if err == nil && stored.Token != nil {
			return ErrGone // sealed meanwhile
		}
		if err == nil {
			err = put(tx)
		}
		if err != nil {
			return err
		}
		if len(rest) == 0 {
			return c.queue.remove(tx, &stored)
		}
		stored.Recipients = rest
		return tx.Space(queueSpace).Put(entryKey(e.ID), stored.encode())
	})
	if errors.Is(err, ErrGone) || errors.As(err, &refusal) {
		return nil
	}
	if err == nil {
		c.log.Info("courier: delivered here without a record", "ref", e.Ref, "id", e.ID, "why", why)
	}
	return err
}

// whoIsHere picks the recipients of an entry that have accounts here.
func (c *Courier) whoIsHere(e *Entry) (here, rest []string, err error) {
	err = c.queue.store.View(func(r *mailstore.Reader) error {
		here, rest = nil, nil
		for _, rcpt := range e.Recipients {
			m, err := parseMailbox(rcpt, true)
			if err == nil {
				err = c.dir.checkLocal(r, m)
			}
			var refusal *smtp.SMTPError
			switch {
			case err == nil:
				here = append(here, rcpt)
			case errors.As(err, &refusal):
				rest = append(rest, rcpt)
			default:
				return err
			}
		}
		return nil
	})
	return here, rest, err
}
