package outbox

import (
	"errors"

	"cairn/mailstore"
)

// IsDamaged reports whether an error is that something of the queue is damaged.
func IsDamaged(err error) bool { return spoilt(err) }

// spoilt reports whether what was to be read is not what was stored.
func spoilt(err error) bool {
	return errors.Is(err, mailstore.ErrDamaged) || errors.Is(err, errCounts) || errors.Is(err, errEntry) || errors.Is(err, errOutcome)
}

// holds reports whether a table has a key that is not below from.
func holds(sp mailstore.SpaceReader, table byte, from []byte) (found bool, err error) {
	err = sp.Keys([]byte{table}, from, func([]byte) bool {
		found = true
		return false
	})
	return found, err
}

// headAnew tells the head of a domain from the keys of its entries. Nobody knows whether a retry
// has ended the last of their rounds: all that are sealed are due.
func headAnew(sp mailstore.SpaceReader, domain string) (h head, err error) {
	var ids []uint64
	listed := sp.Keys(ofDomain('l', domain), nil, func(key []byte) bool {
		ids = append(ids, idOf(key))
		return true
	})
	sealed := uint64(0)
	placed := sp.Keys(ofDomain('s', domain), nil, func(key []byte) bool {
		p, _ := sealedAt(key)
		if sealed == 0 {
			h.low = p
		}
		h.round = p.round + 1 // the last one is the highest
		sealed++
		return true
	})
	if err := errors.Join(listed, placed); err != nil {
		return head{}, err
	}
	h.early = nowhere
	h.all = max(uint64(len(ids)), sealed)
	h.unsealed = h.all - sealed
	for _, id := range ids {
		e, err := getEntry(sp, id)
		switch {
		case spoilt(err) || errors.Is(err, ErrGone):
		case err != nil:
			return head{}, err
		case e.Attempts > 0:
			h.deferred++
		}
	}
	return h, nil
}

// skippedStamps is how many stamps are left out where the last one is not known: heads that are
// gone may have had them.
const skippedStamps = 1 << 20

// countsAnew tells the counts from all entries. The queue is whole if each entry that can be read
// has been brought up.
func countsAnew(sp mailstore.SpaceReader) (counts, error) {
	c := counts{stamp: skippedStamps, whole: true}
	listed := make(map[uint64]struct{})
	sealed := uint64(0)
	err := errors.Join(
		sp.Keys([]byte("l"), nil, func(key []byte) bool {
			listed[idOf(key)] = struct{}{}
			return true
		}),
		sp.Keys([]byte("s"), nil, func([]byte) bool {
			sealed++
			return true
		}),
		sp.Keys([]byte("u"), nil, func(key []byte) bool {
			c.first = idOf(key)
			return false
		}),
		readable(sp.Scan([]byte("e"), nil, func(key, value []byte) bool {
			e, err := decodeEntry(idOf(key), value)
			if err != nil {
				return true
			}
			if _, known := listed[e.ID]; !known {
				c.whole = false
			} else if e.Attempts > 0 {
				c.deferred++
			}
			return true
		})),
		readable(sp.Scan([]byte("h"), nil, func(_, value []byte) bool {
			if h, err := decodeHead(value); err == nil {
				c.stamp = max(c.stamp, h.mark+skippedStamps)
			}
			return true
		})),
	)
	c.all = max(uint64(len(listed)), sealed)
	c.unsealed = c.all - sealed
	return c, err
}

// readable is the error of a scan that goes by what can be read.
func readable(err error) error {
	if spoilt(err) {
		return nil
	}
	return err
}

// mendCounts makes counts anew that cannot be read for the reason why, and stores them.
func (q *Queue) mendCounts(sp mailstore.Space, why error) (counts, error) {
	c, err := countsAnew(sp.SpaceReader)
	if err == nil {
		err = sp.Put(countsKey, c.encode())
	}
	if err == nil {
		q.log.Warn("the counts of the queue are damaged and are made anew from its entries", "entries", c.all, "err", why)
	}
	return c, err
}
