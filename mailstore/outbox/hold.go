package outbox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/wake"
)

// What somebody holds stays in the queue until it is released or dropped: it is not carried, and is
// not returned however old it gets. That is durable, and known in memory once the queue was brought
// up (see Upgrade).

func handKey(id uint64) []byte { return binary.BigEndian.AppendUint64([]byte("h"), id) }

func heldKey(id uint64) []byte { return binary.BigEndian.AppendUint64([]byte("y"), id) }

// HoldByHand holds entries back, and tells how many that were not held. An attempt that is under
// way goes on. ErrGone when the one that is named is not there.
func (q *Queue) HoldByHand(ctx context.Context, w Which) (held int, err error) {
	n, err := q.byHand(ctx, w, func(tx *mailstore.Tx, id uint64) error {
		sp := tx.Space(outcomeSpace)
		if known, err := sp.Has(handKey(id)); err != nil || known {
			return errors.Join(err, errSame)
		}
		return sp.PutNumber(handKey(id), uint64(max(q.now().UnixMilli(), 0)))
	}, true)
	if err != nil {
		return n, fmt.Errorf("hold mail in the queue: %w", err)
	}
	return n, nil
}

// ReleaseByHand has entries carried that are held by hand, or until their records are in blocks,
// and tells how many.
func (q *Queue) ReleaseByHand(ctx context.Context, w Which) (released int, err error) {
	times := make(map[uint64]time.Duration)
	n, err := q.byHand(ctx, w, func(tx *mailstore.Tx, id uint64) error {
		sp := tx.Space(outcomeSpace)
		since, known, err := sp.Number(handKey(id))
		waits := q.AwaitsBlock(id)
		if err == nil && !known && !waits {
			return errSame
		}
		if err != nil && !spoilt(err) {
			return err
		}
		held := q.heldUntil(id)
		if ms := q.now().UnixMilli() - int64(since); err == nil && known && ms > 0 {
			held += time.Duration(ms) * time.Millisecond
		}
		times[id] = held
		return errors.Join(sp.Delete(handKey(id)), sp.Delete(untilKey(id)), sp.PutNumber(heldKey(id), uint64(held.Milliseconds())))
	}, false)
	q.way.noteHeld(times)
	if err == nil {
		q.way.noteLetGo(times)
	}
	if err != nil {
		return n, fmt.Errorf("release mail in the queue: %w", err)
	}
	q.plan.lookAgain()
	wake.Up(q.sender)
	return n, nil
}

// errSame says that an entry is as it is to be.
var errSame = errors.New("nothing changes")

// byHand changes entries, in steps, and then what is known of them in memory.
func (q *Queue) byHand(ctx context.Context, w Which, change func(tx *mailstore.Tx, id uint64) error, held bool) (changed int, err error) {
	err = q.steps(w, func(ids []uint64) error {
		n := 0
		err := q.store.Update(ctx, func(tx *mailstore.Tx) error {
			n = 0
			for _, id := range ids {
				if there, err := tx.Space(space).Has(entryKey(id)); err != nil {
					return err
				} else if !there {
					continue // it has left meanwhile
				}
				switch err := change(tx, id); {
				case errors.Is(err, errSame):
				case err != nil:
					return err
				default:
					n++
				}
			}
			return nil
		})
		if err == nil {
			q.way.setByHand(ids, held)
			changed += n
		}
		return err
	})
	return changed, err
}

// loadByHand reads which entries are held by hand.
func (q *Queue) loadByHand() error {
	var ids []uint64
	err := q.store.View(func(r *mailstore.Reader) error {
		ids = nil
		return r.Space(outcomeSpace).Keys([]byte("h"), nil, func(key []byte) bool {
			ids = append(ids, idOf(key))
			return true
		})
	})
	q.way.setByHand(ids, true)
	times := make(map[uint64]time.Duration)
	err = errors.Join(err, q.store.View(func(r *mailstore.Reader) error {
		return r.Space(outcomeSpace).Scan([]byte("y"), nil, func(key, value []byte) bool {
			if len(value) == 8 {
				times[idOf(key)] = time.Duration(binary.BigEndian.Uint64(value)) * time.Millisecond
			}
			return true
		})
	}))
	q.way.noteHeld(times)
	return err
}

// noteHeld adds for how long entries were held that were released.
func (u *underway) noteHeld(times map[uint64]time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.Copy(u.wasHeld, times)
}

// HeldFor is for how long an entry was held that is no more, by somebody or until its record was in
// a block: the time that it may wait is longer by that.
func (q *Queue) HeldFor(id uint64) time.Duration {
	q.way.mu.Lock()
	defer q.way.mu.Unlock()
	held := q.way.wasHeld[id]
	if a := q.way.blocks[id]; a != nil && a.in {
		held += a.held(time.Time{})
	}
	return held
}

// heldUntil is HeldFor of an entry that is let go now, without what somebody holds it for.
func (q *Queue) heldUntil(id uint64) time.Duration {
	q.way.mu.Lock()
	defer q.way.mu.Unlock()
	held := q.way.wasHeld[id]
	if a := q.way.blocks[id]; a != nil {
		held += a.held(q.now())
	}
	return held
}

// noteLetGo notes that released entries do not wait for their blocks any more.
func (u *underway) noteLetGo(times map[uint64]time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id := range times {
		delete(u.blocks, id)
	}
}

// forgetHeld drops in the transaction that removes an entry who held it.
func (q *Queue) forgetHeld(tx *mailstore.Tx, id uint64) (err error) {
	sp := tx.Space(outcomeSpace)
	if q.HeldByHand(id) {
		err = sp.Delete(handKey(id))
	}
	if q.HeldFor(id) > 0 {
		err = errors.Join(err, sp.Delete(heldKey(id)))
	}
	if q.awaitedAtAll(id) {
		err = errors.Join(err, sp.Delete(untilKey(id)))
	}
	return err
}

// LenHeldByHand returns how many entries somebody holds.
func (q *Queue) LenHeldByHand() (n int, err error) {
	err = q.store.View(func(r *mailstore.Reader) error {
		n = 0
		return r.Space(outcomeSpace).Keys([]byte("h"), nil, func([]byte) bool {
			n++
			return true
		})
	})
	return n, err
}

func (u *underway) setByHand(ids []uint64, held bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, id := range ids {
		if held {
			u.byHand[id] = true
		} else {
			delete(u.byHand, id)
		}
	}
}

// HeldByHand reports whether somebody holds an entry.
func (q *Queue) HeldByHand(id uint64) bool {
	q.way.mu.Lock()
	defer q.way.mu.Unlock()
	return q.way.byHand[id]
}

// Seize reports whether no attempt is under way for an entry; none is begun then until End.
func (q *Queue) Seize(domain string, id uint64) bool {
	q.way.mu.Lock()
	defer q.way.mu.Unlock()
	if q.way.carried[id] != nil {
		return false
	}
	q.way.carried[id] = &trip{domain: domain}
	return true
}

// labelWaiting gives a sender's copy the label, or takes it away; nothing where the copy is gone or
// damaged.
func labelWaiting(tx *mailstore.Tx, ref mailstore.Ref, waiting bool) error {
	var add, remove []string
	if waiting {
		add = []string{mailstore.LabelWaiting}
	} else {
		remove = []string{mailstore.LabelWaiting}
	}
	err := tx.SetLabels(ref.Account, ref.Message, add, remove)
	if errors.Is(err, mailstore.ErrNotFound) || errors.Is(err, mailstore.ErrDamaged) {
		return nil
	}
	return err
}

// unlabel takes the label away from a message of which nothing is queued any more, and forgets
// whether its sender was told that it waits.
func unlabel(tx *mailstore.Tx, e *Entry) error {
	left, err := waits(tx.Space(outcomeSpace).SpaceReader, e.sent())
	if err != nil || left {
		return err
	}
	sp := tx.Space(outcomeSpace)
	told, err := sp.Has(ofMail('n', e.sent()))
	if err == nil && told {
		err = sp.Delete(ofMail('n', e.sent()))
	}
	return errors.Join(err, labelWaiting(tx, e.sent(), false))
}
