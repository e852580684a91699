package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"cairn/mailstore"
)

// List returns up to most entries after the one with the given id, by ascending
// id. With an error that IsDamaged there are those beside the damaged ones.
func (q *Queue) List(after uint64, most int) (out []Entry, err error) {
	return q.list([]byte("e"), entryKey(after+1), most)
}

// ListOf is List of the entries to one domain.
func (q *Queue) ListOf(domain string, after uint64, most int) (out []Entry, err error) {
	return q.list(ofDomain('l', domain), listKey(domain, after+1), most)
}

func (q *Queue) list(table, from []byte, most int) (out []Entry, err error) {
	err = q.store.View(func(r *mailstore.Reader) error {
		sp := r.Space(space)
		if _, err := load(sp); err != nil {
			return err
		}
		seen, err := read(sp, table, from, most, anyEntry)
		out = seen.entries
		return cmp.Or(err, shown(sp, out, q.now()), seen.damage())
	})
	return out, err
}

// Sealed returns up to most entries that have a token, by ascending id, starting
// after the entry with the given id. Those that are damaged hold up no others; each
// is told to the log once.
func (q *Queue) Sealed(after uint64, most int) (out []Entry, err error) {
	var seen reading
	err = q.store.View(func(r *mailstore.Reader) error {
		sp := r.Space(space)
		if _, err := load(sp); err != nil {
			return err
		}
		seen, err = read(sp, []byte("e"), entryKey(after+1), most, func(e *Entry) bool { return e.Token != nil })
		return err
	})
	q.tell(seen.damaged)
	return seen.entries, err
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
