package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cairn/mailstore"
)

// List returns up to most entries after the one with the given id, by ascending
// id.
func (q *Queue) List(after uint64, most int) (out []Entry, err error) {
	err = q.store.View(func(r *mailstore.Reader) error {
		sp := r.Space(space)
		out, err = listed(sp, after, most, func(*Entry) bool { return true })
		return errors.Join(err, shown(sp, out, q.now()))
	})
	return out, err
}

// ListOf is List of the entries to one domain.
func (q *Queue) ListOf(domain string, after uint64, most int) (out []Entry, err error) {
	err = q.store.View(func(r *mailstore.Reader) error {
		sp := r.Space(space)
		out, err = listedOf(sp, domain, after, most)
		return errors.Join(err, shown(sp, out, q.now()))
	})
	return out, err
}

// Sealed returns up to most entries that have a token, by ascending id, starting
// after the entry with the given id.
func (q *Queue) Sealed(after uint64, most int) (out []Entry, err error) {
	err = q.store.View(func(r *mailstore.Reader) error {
		out, err = listed(r.Space(space), after, most, func(e *Entry) bool { return e.Token != nil })
		return err
	})
	return out, err
}

func listed(sp mailstore.SpaceReader, after uint64, most int, wanted func(e *Entry) bool) (out []Entry, err error) {
	if _, err := load(sp); err != nil || most <= 0 {
		return nil, err
	}
	var bad error
	err = sp.Scan([]byte("e"), entryKey(after+1), func(key, value []byte) bool {
		var e Entry
		if e, bad = decodeEntry(idOf(key), value); bad == nil && wanted(&e) {
			out = append(out, e)
		}
		return bad == nil && len(out) < most
	})
	return out, errors.Join(err, bad)
}

func listedOf(sp mailstore.SpaceReader, domain string, after uint64, most int) (out []Entry, err error) {
	if _, err := load(sp); err != nil || most <= 0 {
		return nil, err
	}
	var ids []uint64
	err = sp.Scan(ofDomain('l', domain), listKey(domain, after+1), func(key, _ []byte) bool {
		ids = append(ids, idOf(key))
		return len(ids) < most
	})
	for _, id := range ids {
		e, getErr := getEntry(sp, id)
		if err = errors.Join(err, getErr); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, err
}

// shown gives entries the times of their next attempts, where a retry of their domain has made that
// earlier.
func shown(sp mailstore.SpaceReader, entries []Entry, now time.Time) error {
	heads := make(map[string]head)
	for i := range entries {
		e := &entries[i]
		h, known := heads[e.Domain]
		if !known {
			var err error
			if h, err = headOf(sp, e.Domain); err != nil {
				return err
			}
			heads[e.Domain] = h
		}
		if e.Token == nil || e.round == h.round {
			continue
		}
		if retried := time.UnixMilli(int64(h.retried)); h.retried > 0 && retried.Before(e.NextAttempt) {
			e.NextAttempt = retried
		}
		if now.Before(e.NextAttempt) {
			e.NextAttempt = now
		}
	}
	return nil
}

// Get returns one entry, or ErrGone.
func (q *Queue) Get(id uint64) (Entry, error) {
	one := make([]Entry, 1)
	err := q.store.View(func(r *mailstore.Reader) (err error) {
		sp := r.Space(space)
		if one[0], err = getEntry(sp, id); err == nil {
			err = shown(sp, one, q.now())
		}
		return err
	})
	return one[0], err
}

// GetTx returns one entry within a transaction, or ErrGone.
func (q *Queue) GetTx(tx *mailstore.Tx, id uint64) (Entry, error) {
	return getEntry(tx.Space(space).SpaceReader, id)
}

// Load returns one entry and its message, or ErrGone.
func (q *Queue) Load(id uint64) (e Entry, raw []byte, err error) {
	err = q.store.View(func(r *mailstore.Reader) error {
		if e, err = getEntry(r.Space(space), id); err != nil {
			return err
		}
		raw, err = r.Raw(e.Blob)
		return err
	})
	return e, raw, err
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

// Len returns how many entries are queued.
func (q *Queue) Len() (int, error) {
	c, err := q.lengths()
	return int(c.all), err
}

// LenUnsealed returns how many of the entries wait for their token.
func (q *Queue) LenUnsealed() (int, error) {
	c, err := q.lengths()
	return int(c.unsealed), err
}

// LenDeferred returns how many of the entries were tried without success and
// wait for another attempt.
func (q *Queue) LenDeferred() (int, error) {
	c, err := q.lengths()
	return int(c.deferred), err
}

func (q *Queue) lengths() (c counts, err error) {
	err = q.store.View(func(r *mailstore.Reader) error {
		c, err = load(r.Space(space))
		return err
	})
	return c, err
}

// LenOf returns how many entries of a domain are queued.
func (q *Queue) LenOf(domain string) (int, error) {
	var h head
	err := q.store.View(func(r *mailstore.Reader) (err error) {
		h, err = headOf(r.Space(space), domain)
		return err
	})
	return int(h.all), err
}

// Drop removes an entry without a report to anyone. ErrGone when there is no
// such entry.
func (q *Queue) Drop(ctx context.Context, id uint64) error {
	err := q.store.Update(ctx, func(tx *mailstore.Tx) error { return q.Remove(tx, &Entry{ID: id}) })
	if err != nil {
		return fmt.Errorf("drop queue entry %d: %w", id, err)
	}
	return nil
}
