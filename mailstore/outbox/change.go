package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/wake"
)

// change is a transaction's view of the counts and of one domain, which are written together.
type change struct {
	sp     mailstore.Space
	counts counts
	domain string
	head   head
	spoilt error // why the head was made anew, if it was
}

// change lets fn change what is known of a domain, within tx.
func (q *Queue) change(tx *mailstore.Tx, domain string, fn func(ch *change) error) error {
	ch := change{sp: tx.Space(space), domain: domain}
	var err error
	if ch.counts, err = stored(ch.sp.SpaceReader); spoilt(err) {
		ch.counts, err = q.mendCounts(ch.sp, err)
	}
	if err == nil && !ch.counts.whole {
		err = errOld
	}
	if err == nil {
		err = ch.apply(fn)
	}
	if ch.spoilt != nil && err == nil {
		q.log.Warn("what the queue knows of a domain is damaged and is made anew from its entries", "domain", domain, "err", ch.spoilt)
	}
	return err
}

// apply lets fn change ch, whose counts are as stored, and stores it.
func (ch *change) apply(fn func(ch *change) error) (err error) {
	if ch.head, err = storedHead(ch.sp.SpaceReader, ch.domain); spoilt(err) {
		ch.spoilt = err
		if ch.head, err = headAnew(ch.sp.SpaceReader, ch.domain); err == nil {
			ch.mark()
		}
	}
	if err != nil {
		return err
	}
	if err := fn(ch); err != nil {
		return err
	}
	if ch.head.unsealed > ch.head.all || ch.counts.unsealed > ch.counts.all {
		return fmt.Errorf("more of %s are gone than there were: %w", ch.domain, errCounts)
	}
	if ch.head.all == 0 {
		err = ch.sp.Delete(headKey(ch.domain))
	} else {
		err = ch.sp.Put(headKey(ch.domain), ch.head.encode())
	}
	return errors.Join(err, ch.sp.Put(countsKey, ch.counts.encode()))
}

// count adds n (1 or -1) entries like e.
func (ch *change) count(e *Entry, n int) {
	add := uint64(n) // wraps for -1
	ch.head.all += add
	ch.counts.all += add
	if e.Token == nil {
		ch.head.unsealed += add
		ch.counts.unsealed += add
	}
	if e.Attempts > 0 {
		ch.head.deferred += add
		ch.counts.deferred += add
	}
}

// put stores an entry that was not stored, or was taken.
func (ch *change) put(e *Entry) error {
	return errors.Join(ch.index(e), ch.sp.Put(entryKey(e.ID), e.encode()))
}

// index gives an entry its place among those that are sealed, or that are not.
func (ch *change) index(e *Entry) error {
	defer ch.count(e, 1)
	if e.Token == nil {
		if ch.counts.unsealed == 0 || e.ID < ch.counts.first {
			ch.counts.first = e.ID
		}
		return ch.sp.Put(unsealedKey(e.ID), nil)
	}
	h := &ch.head
	e.round = h.round
	p := placeAt(e.round, e.NextAttempt)
	if h.sealed() == 0 {
		h.low = p
		ch.mark()
	}
	if p.before(h.low) {
		h.low = p
	}
	if p.before(h.early) {
		h.early = p
	}
	return ch.sp.Put(sealedKey(e.Domain, p, e.ID), nil)
}

// take takes an entry, which is as stored, out of its place.
func (ch *change) take(e *Entry) error {
	ch.count(e, -1)
	if e.Token != nil {
		return ch.sp.Delete(sealedKey(e.Domain, placeAt(e.round, e.NextAttempt), e.ID))
	}
	if ch.counts.first == e.ID {
		ch.counts.first++
	}
	return ch.sp.Delete(unsealedKey(e.ID))
}

// mark begins to note which places are given.
func (ch *change) mark() {
	ch.counts.stamp++
	ch.head.mark, ch.head.early = ch.counts.stamp, nowhere
}

// replace stores e, which is stored, as edit makes it. The domain stays.
func (q *Queue) replace(tx *mailstore.Tx, id uint64, edit func(e *Entry) error) error {
	sp := tx.Space(space)
	e, err := getEntry(sp.SpaceReader, id)
	if err != nil {
		return err
	}
	q.plan.touch(e.Domain)
	return q.change(tx, e.Domain, func(ch *change) error {
		if err := ch.take(&e); err != nil {
			return err
		}
		if err := edit(&e); err != nil {
			return err
		}
		return ch.put(&e)
	})
}

// Seal gives an entry its token, the folded header field with its CRLF, within
// tx; the entry is due at once. ErrGone when the entry was dropped meanwhile.
// The courier notices after tx has been committed.
func (q *Queue) Seal(tx *mailstore.Tx, id uint64, token []byte) error {
	err := q.replace(tx, id, func(e *Entry) error {
		e.Token = bytes.Clone(token)
		e.NextAttempt = q.now().Truncate(time.Millisecond)
		return nil
	})
	if err == nil {
		wake.Up(q.sender) // the courier lets this transaction finish before it looks
	}
	return err
}

// Unseal takes the token of an entry back within tx, so that it waits for another
// one. The entry is held, and no attempt is under way for it. ErrGone when it was
// dropped meanwhile.
func (q *Queue) Unseal(tx *mailstore.Tx, id uint64) error {
	err := q.replace(tx, id, func(e *Entry) error {
		e.Token = nil
		return nil
	})
	if err == nil {
		wake.Up(q.sealer)
	}
	return err
}

// Postpone stores a sealed entry with a new time for its next attempt, which is now if that was
// asked for while this one was under way. e is as stored, but for what attempts change.
func (q *Queue) Postpone(tx *mailstore.Tx, e *Entry, at time.Time) error {
	if q.way.hurried(e.ID) {
		at = q.now()
	}
	err := q.replace(tx, e.ID, func(stored *Entry) error {
		e.NextAttempt = at.Truncate(time.Millisecond)
		*stored = *e
		return nil
	})
	if err != nil || e.Attempts == 0 {
		return err
	}
	return labelWaiting(tx, e.sent(), true)
}

// Remove takes an entry out of the queue. ErrGone when it is not there.
func (q *Queue) Remove(tx *mailstore.Tx, e *Entry) error {
	sp := tx.Space(space)
	stored, err := getEntry(sp.SpaceReader, e.ID)
	if err != nil {
		return err
	}
	outcomes := tx.Space(outcomeSpace)
	err = q.change(tx, stored.Domain, func(ch *change) error {
		return errors.Join(
			ch.take(&stored),
			sp.Delete(listKey(stored.Domain, stored.ID)),
			sp.Delete(entryKey(stored.ID)),
			outcomes.Delete(ofEntry('w', stored.sent(), stored.ID)),
			tx.ReleaseBlobOf(stored.sent(), stored.Blob, holdName(stored.ID)),
		)
	})
	if err == nil {
		err = q.forgetHeld(tx, stored.ID)
	}
	err = errors.Join(err, q.ForgetUnclear(tx, stored.ID))
	return errors.Join(err, unlabel(tx, &stored))
}

// Keep stores an entry that has other recipients than before, and is as stored in
// all else.
func (q *Queue) Keep(tx *mailstore.Tx, e *Entry) error {
	return tx.Space(space).Put(entryKey(e.ID), e.encode())
}

// holdName keeps the message of an entry while it is queued.
func holdName(id uint64) string { return fmt.Sprintf("queue/%d", id) }
