package courier

import (
	"context"
	"math/rand/v2"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
)

// damagedResult is noted with an entry whose text cannot be read as it was stored. It is no outcome
// of an attempt, so the entry never expires by it: it waits until the text is put back from
// a backup, or until somebody drops it.
const damagedResult = "held: its stored text is damaged; it goes out when a backup has put it back, with the node stopped: " + mailstore.MendText + "; or drop it and send it anew"

// holdDamaged puts an entry off whose text is damaged. Nothing of it is sent, and nobody is told
// that it failed.
func (c *Courier) holdDamaged(ctx context.Context, e *outbox.Entry, cause error) {
	c.log.Error("courier: the text of a queue entry is damaged, it is held", "mail", e.Ref, "entry", e.ID, "domain", e.Domain, "err", cause)
	err := c.update(ctx, func(tx *mailstore.Tx) error {
		stored, err := c.queue.GetTx(tx, e.ID)
		if err != nil || stored.Token == nil {
			return err
		}
		now := c.now()
		again := now.Add(backoff(c.cfg.Sending, stored.TriedFor(now), rand.Float64()))
		stored.Tried(now, damagedResult)
		return c.queue.Postpone(tx, &stored, again)
	})
	if err != nil && ctx.Err() == nil {
		c.trouble("put off a queue entry whose text is damaged", err)
	}
}
