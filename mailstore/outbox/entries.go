package outbox

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"cairn/mailstore"
)

// List returns up to max entries after the one with the given id, by ascending
// id.
func (q *Queue) List(after uint64, max int) ([]Entry, error) {
	var out []Entry
	err := q.store.View(func(r *mailstore.Reader) error {
		var bad error
		err := r.Space(queueSpace).Scan([]byte("e"), entryKey(after+1), func(key, value []byte) bool {
			if len(out) == max {
				return false
			}
			e, err := decodeEntry(binary.BigEndian.Uint64(key[1:]), value)
			out, bad = append(out, e), err
			return bad == nil
		})
		return errors.Join(err, bad)
	})
	return out, err
}

// Get returns one entry, or ErrGone.
func (q *Queue) Get(id uint64) (e Entry, err error) {
	err = q.store.View(func(r *mailstore.Reader) error {
		e, err = getEntry(r.Space(queueSpace), id)
		return err
	})
	return e, err
}

// Len returns how many entries are queued.
func (q *Queue) Len() (int, error) { return q.count("e") }

// LenUnsealed returns how many of the entries wait for their token.
func (q *Queue) LenUnsealed() (int, error) { return q.count("u") }

func (q *Queue) count(table string) (int, error) {
	n := 0
	err := q.store.View(func(r *mailstore.Reader) error {
		n = 0
		return r.Space(queueSpace).Scan([]byte(table), nil, func(_, _ []byte) bool {
			n++
			return true
		})
	})
	return n, err
}

// LenDeferred returns how many of the entries were tried without success and
// wait for another attempt.
func (q *Queue) LenDeferred() (n int, err error) {
	err = q.store.View(func(r *mailstore.Reader) error {
		var bad error
		err := r.Space(queueSpace).Scan([]byte("e"), nil, func(key, value []byte) bool {
			var e Entry
			if e, bad = decodeEntry(binary.BigEndian.Uint64(key[1:]), value); e.Attempts > 0 {
				n++
			}
			return bad == nil
		})
		return errors.Join(err, bad)
	})
	return n, err
}

// Retry makes a sealed entry due at once; one that waits for its token goes on
// waiting. ErrGone when there is no such entry.
func (q *Queue) Retry(ctx context.Context, id uint64) error {
	err := q.store.Update(ctx, func(tx *mailstore.Tx) error {
		e, err := getEntry(tx.Space(queueSpace).SpaceReader, id)
		if err != nil || e.Token == nil {
			return err
		}
		return q.Postpone(tx, &e, q.now())
	})
	if err != nil {
		return fmt.Errorf("retry queue entry %d: %w", id, err)
	}
	signal(q.sender)
	return nil
}

// retryStep is how many entries RetryDomain and RetryAll move in one transaction.
const retryStep = 256

// RetryDomain makes all sealed entries of a domain due at once, for when its
// node has come back.
func (q *Queue) RetryDomain(ctx context.Context, domain string) error {
	if _, err := q.retry(ctx, func(d string) bool { return d == domain }); err != nil {
		return fmt.Errorf("retry the mail for %s: %w", domain, err)
	}
	return nil
}

// RetryAll makes all sealed entries due at once, as when the clock was set back: nobody
// knows by which clock they were put off. It tells how many were not due yet.
func (q *Queue) RetryAll(ctx context.Context) (int, error) {
	n, err := q.retry(ctx, func(string) bool { return true })
	if err != nil {
		return n, fmt.Errorf("retry all queue entries: %w", err)
	}
	return n, nil
}

func (q *Queue) retry(ctx context.Context, wanted func(domain string) bool) (moved int, err error) {
	for from := []byte("d"); from != nil; {
		start := from
		var ids []uint64
		err := q.store.Update(ctx, func(tx *mailstore.Tx) error {
			sp, now := tx.Space(queueSpace), q.now()
			from, ids = nil, nil
			err := sp.Scan([]byte("d"), start, func(key, value []byte) bool {
				if at := int64(binary.BigEndian.Uint64(key[1:9])); at <= now.UnixMilli() || !wanted(string(value)) {
					return true
				}
				if len(ids) == retryStep {
					from = bytes.Clone(key)
					return false
				}
				ids = append(ids, binary.BigEndian.Uint64(key[9:]))
				return true
			})
			if err != nil {
				return err
			}
			for _, id := range ids {
				e, err := getEntry(sp.SpaceReader, id)
				if err == nil {
					err = q.Postpone(tx, &e, now)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return moved, err
		}
		moved += len(ids)
	}
	signal(q.sender)
	return moved, nil
}

// Drop removes an entry without a report to anyone. ErrGone when there is no
// such entry.
func (q *Queue) Drop(ctx context.Context, id uint64) error {
	err := q.store.Update(ctx, func(tx *mailstore.Tx) error {
		e, err := getEntry(tx.Space(queueSpace).SpaceReader, id)
		if err != nil {
			return err
		}
		return q.Remove(tx, &e)
	})
	if err != nil {
		return fmt.Errorf("drop queue entry %d: %w", id, err)
	}
	return nil
}

// Due is an entry whose time has come.
type Due struct {
	ID     uint64
	Domain string
}

// DueBy calls fn for each sealed entry whose next attempt is not after now,
// the longest waiting first, until fn returns false; and for those that a clock
// which was ahead has put off longer than any attempt is. next is when the first
// of the others is due; zero when there is none.
func (q *Queue) DueBy(now time.Time, longest time.Duration, fn func(Due) bool) (next time.Time, err error) {
	call := func(key, value []byte) bool {
		return fn(Due{ID: binary.BigEndian.Uint64(key[9:]), Domain: string(value)})
	}
	err = q.store.View(func(r *mailstore.Reader) error {
		sp, more := r.Space(queueSpace), true
		err := sp.Scan([]byte("d"), nil, func(key, value []byte) bool {
			at := time.UnixMilli(int64(binary.BigEndian.Uint64(key[1:9])))
			if at.After(now) {
				next = at
				return false
			}
			more = call(key, value)
			return more
		})
		if err != nil || !more {
			return err
		}
		latest := uint64(max(now.Add(longest).UnixMilli(), 0))
		return sp.Scan([]byte("d"), binary.BigEndian.AppendUint64([]byte("d"), latest), call)
	})
	return next, err
}

// Load returns one entry and its message, or ErrGone.
func (q *Queue) Load(id uint64) (e Entry, raw []byte, err error) {
	err = q.store.View(func(r *mailstore.Reader) error {
		if e, err = getEntry(r.Space(queueSpace), id); err != nil {
			return err
		}
		raw, err = r.Raw(e.Blob)
		return err
	})
	return e, raw, err
}

// Postpone stores a sealed entry with a new time for its next attempt. e is as
// stored, but for what attempts change.
func (q *Queue) Postpone(tx *mailstore.Tx, e *Entry, at time.Time) error {
	sp := tx.Space(queueSpace)
	if err := sp.Delete(dueKey(e.NextAttempt, e.ID)); err != nil {
		return err
	}
	e.NextAttempt = at.Truncate(time.Millisecond)
	return putSealed(sp, e)
}

// Remove takes an entry out of the queue.
func (q *Queue) Remove(tx *mailstore.Tx, e *Entry) error {
	sp := tx.Space(queueSpace)
	index := unsealedKey(e.ID)
	if e.Token != nil {
		index = dueKey(e.NextAttempt, e.ID)
	}
	return errors.Join(
		sp.Delete(index),
		sp.Delete(entryKey(e.ID)),
		tx.ReleaseBlob(e.Blob, holdName(e.ID)),
	)
}

// Keep stores an entry that has other recipients than before, and is as stored in
// all else.
func (q *Queue) Keep(tx *mailstore.Tx, e *Entry) error {
	return tx.Space(queueSpace).Put(entryKey(e.ID), e.encode())
}

func putSealed(sp mailstore.Space, e *Entry) error {
	if err := sp.Put(entryKey(e.ID), e.encode()); err != nil {
		return err
	}
	return sp.Put(dueKey(e.NextAttempt, e.ID), []byte(e.Domain))
}

// GetTx is Get within a transaction.
func (q *Queue) GetTx(tx *mailstore.Tx, id uint64) (Entry, error) {
	return getEntry(tx.Space(queueSpace).SpaceReader, id)
}

func getEntry(sp mailstore.SpaceReader, id uint64) (Entry, error) {
	b, err := sp.Get(entryKey(id))
	if errors.Is(err, mailstore.ErrNotFound) {
		return Entry{}, ErrGone
	}
	if err != nil {
		return Entry{}, err
	}
	return decodeEntry(id, b)
}

// holdName keeps the message of an entry while it is queued.
func holdName(id uint64) string { return fmt.Sprintf("queue/%d", id) }
