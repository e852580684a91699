package outbox

import (
	"context"
	"errors"
	"fmt"

	"cairn/mailstore"
)

// upgradeStep is how many entries one transaction brings up.
const upgradeStep = 128

// Upgrade brings a queue of an earlier format up, before anything else is done with it. It reports
// how many entries it brought up now: what was interrupted goes on where it was. Entries that are
// damaged stay as they are.
func (q *Queue) Upgrade(ctx context.Context) (entries int, err error) {
	for {
		n, done, err := q.upgradeSome(ctx)
		entries += n
		if err != nil {
			return entries, fmt.Errorf("bring the queue up to format %d: %w", format, err)
		}
		if done {
			break
		}
	}
	for done := false; !done; {
		err := q.store.Update(ctx, func(tx *mailstore.Tx) (err error) {
			done, err = q.upgradeOutcomes(tx)
			return err
		})
		if err != nil {
			return entries, fmt.Errorf("bring up what the queue has noted of sent mail: %w", err)
		}
	}
	return entries, errors.Join(q.loadByHand(), q.loadUntil(), q.loadUnclear(), q.loadRun())
}

func (q *Queue) upgradeSome(ctx context.Context) (n int, done bool, err error) {
	var ids []uint64
	var why error // the counts cannot be read
	err = q.store.View(func(r *mailstore.Reader) error {
		sp := r.Space(space)
		c, err := stored(sp)
		if spoilt(err) {
			why = err
			return nil
		}
		if done = c.whole; err != nil || done {
			return err
		}
		return sp.Keys([]byte("e"), entryKey(c.done+1), func(key []byte) bool {
			ids = append(ids, idOf(key))
			return len(ids) < upgradeStep
		})
	})
	if why != nil {
		return 0, false, q.store.Update(ctx, func(tx *mailstore.Tx) error {
			_, err := q.mendCounts(tx.Space(space), why)
			return err
		})
	}
	if err != nil || done {
		return 0, done, err
	}
	var bad map[uint64]error
	err = q.store.Update(ctx, func(tx *mailstore.Tx) (err error) {
		n, bad, err = bringUp(tx, ids)
		return err
	})
	if err != nil {
		return 0, false, err
	}
	for id, err := range bad {
		q.log.Warn("an entry of the queue is damaged and was not brought up", "entry", id, "err", err)
	}
	return n, len(ids) == 0, nil
}

// bringUp brings up the next entries; none when all were. It returns how many it brought up, and
// why it stepped over those in bad.
func bringUp(tx *mailstore.Tx, ids []uint64) (n int, bad map[uint64]error, err error) {
	sp := tx.Space(space)
	c, err := stored(sp.SpaceReader)
	if err != nil {
		return 0, nil, err
	}
	bad = make(map[uint64]error)
	for _, id := range ids {
		e, err := getEntry(sp.SpaceReader, id)
		if spoilt(err) {
			bad[id], c.done = err, id
			continue
		}
		known := false
		if err == nil {
			known, err = sp.Has(listKey(e.Domain, id))
		}
		if err != nil {
			return 0, nil, fmt.Errorf("queue entry %d: %w", id, err)
		}
		if known { // it was brought up before: the counts, with how far Upgrade was, were lost and made anew
			c.done = id
			continue
		}
		ch := change{sp: sp, counts: c, domain: e.Domain}
		ch.counts.done = id
		err = ch.apply(func(ch *change) error {
			var old error
			if e.Token != nil {
				old = sp.Delete(oldDueKey(e.NextAttempt, id))
			}
			return errors.Join(old, sp.Put(listKey(e.Domain, id), nil), ch.index(&e))
		})
		if err != nil {
			return 0, nil, err
		}
		c = ch.counts
		n++
	}
	if len(ids) == 0 {
		c.done, c.whole = 0, true
	}
	return n, bad, sp.Put(countsKey, c.encode())
}
