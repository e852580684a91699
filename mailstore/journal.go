package mailstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// The journal numbers each change of a message. What it keeps of them is what still counts: by
// which a message came, the last change of its labels, or that it was removed. A change that a
// later one makes void loses its labels at once and keeps its place, so that a change that is lost
// is missed. [Store.Trim] takes away such places, and those of removed messages, once all who
// follow are past them.

func changeAt(key []byte) ModSeq { return ModSeq(binary.BigEndian.Uint64(key[1:])) }

// ChangesSince returns up to max changes after the one numbered since that still count, in order.
// An empty result means that the caller has seen all. A since ahead of the journal yields
// ErrUnknownModSeq; a change that is damaged or not there is a [DamagedError] when it is the next.
//
// What is left of the changes up to [Reader.Trimmed] leads from nothing to what they made. So who
// follows outside of the store has to begin anew if it has seen some of them, but not all, and
// Trimmed is another than when it began.
func (r *Reader) ChangesSince(since ModSeq, max int) ([]Change, error) {
	last, err := r.ModSeq()
	if err != nil {
		return nil, err
	}
	if since > last {
		return nil, fmt.Errorf("changes since %d, journal ends at %d: %w", since, last, ErrUnknownModSeq)
	}
	trimmed, err := r.Trimmed()
	if err != nil {
		return nil, err
	}
	if max <= 0 || since == last {
		return nil, nil
	}
	var list []Change
	var failed error
	next := since + 1
	err = r.src.walk([]byte{tableJournal}, journalKey(next), func(key, value []byte, bad *DamagedError) bool {
		seq := changeAt(key)
		if seq > next && seq <= trimmed+1 {
			next = seq
		}
		c, err := decodeChange(seq, value)
		switch {
		case seq != next:
			failed = damagedAt(r.src.where(), journalKey(next), "it is not there")
		case bad != nil:
			failed = bad
		case err != nil:
			failed = err
		default:
			if c.Kind != changeSuperseded {
				list = append(list, c)
			}
			next++
		}
		return failed == nil && len(list) < max && next <= last
	})
	if err == nil && failed == nil && len(list) < max && next <= last {
		failed = damagedAt(r.src.where(), journalKey(next), "it is not there")
	}
	if len(list) > 0 && damaged(failed) { // it is told to whoever comes for what is behind these
		failed = nil
	}
	return list, errors.Join(err, failed)
}

// Trimmed returns the number up to which the journal was trimmed, 0 if it never was. Where that is
// damaged it is told from the journal.
func (r *Reader) Trimmed() (ModSeq, error) {
	n, err := r.number(metaTrimmed)
	if damaged(err) {
		return r.lastGap()
	}
	return ModSeq(n), err
}

// lastGap returns the number of the last change that is not there, but for those at the end. It
// reads all of the journal.
func (r *Reader) lastGap() (last ModSeq, err error) {
	next := ModSeq(1)
	err = r.src.walk([]byte{tableJournal}, nil, func(key, _ []byte, _ *DamagedError) bool {
		if seq := changeAt(key); seq != next {
			last = seq - 1
		}
		next = changeAt(key) + 1
		return true
	})
	return last, err
}

// journal appends a change.
func (tx *Tx) journal(c Change) error {
	c.ModSeq = tx.modseq + 1
	if err := tx.put(journalKey(c.ModSeq), encodeChange(c)); err != nil {
		return err
	}
	if err := tx.putNumber(metaModSeq, uint64(c.ModSeq)); err != nil {
		return err
	}
	tx.modseq = c.ModSeq
	return nil
}

// supersede takes what a change of a message said out of the journal; seq may be 0, of one that is
// not known.
func (tx *Tx) supersede(ref Ref, seq ModSeq) error {
	if seq == 0 {
		return nil
	}
	trimmed, err := tx.number(metaTrimmed)
	if err != nil && !damaged(err) {
		return err
	}
	if uint64(seq) <= trimmed {
		return tx.delete(journalKey(seq))
	}
	return tx.put(journalKey(seq), encodeChange(Change{Kind: changeSuperseded, Account: ref.Account, Message: ref.Message}))
}

// supersedeAll takes out of the journal what it says of a message: by its label row, or where that
// does not tell, by a walk through all of it.
func (tx *Tx) supersedeAll(ref Ref, row labelRow) error {
	if row.added != 0 {
		err := tx.supersede(ref, row.added)
		if row.changed != row.added {
			err = errors.Join(err, tx.supersede(ref, row.changed))
		}
		return err
	}
	var said []ModSeq
	err := tx.src.walk([]byte{tableJournal}, nil, func(key, value []byte, bad *DamagedError) bool {
		if c, err := decodeChange(changeAt(key), value); bad == nil && err == nil && c.Ref() == ref && c.Kind != changeSuperseded {
			said = append(said, c.ModSeq)
		}
		return true
	})
	for _, seq := range said {
		err = errors.Join(err, tx.supersede(ref, seq))
	}
	return err
}

// trimAtOnce is how many changes are looked at in one transaction of Trim.
const trimAtOnce = 512

// Trim takes out of the journal, up to the change numbered seen, the places of superseded changes
// and those of removed messages. The last change stays. All who follow the journal must have seen
// these changes.
func (s *Store) Trim(ctx context.Context, seen ModSeq) error {
	for {
		more := false
		err := s.Update(ctx, func(tx *Tx) (err error) {
			more, err = tx.trim(min(seen, max(tx.modseq, 1)-1))
			return err
		})
		if err != nil || !more {
			return err
		}
	}
}

// trim is Trim in one transaction; more tells that it has not come to its end.
func (tx *Tx) trim(seen ModSeq) (more bool, err error) {
	trimmed, err := tx.Trimmed()
	if err != nil || seen <= trimmed {
		return false, err
	}
	var drop [][]byte
	looked := 0
	err = tx.src.walk([]byte{tableJournal}, journalKey(trimmed+1), func(key, value []byte, bad *DamagedError) bool {
		seq := changeAt(key)
		if more = looked == trimAtOnce; more || seq > seen {
			return false
		}
		looked++
		trimmed = seq
		if c, err := decodeChange(seq, value); bad == nil && err == nil && (c.Kind == changeSuperseded || c.Kind == ChangeRemoved) {
			drop = append(drop, journalKey(seq))
		}
		return true
	})
	if err != nil {
		return false, err
	}
	if !more {
		trimmed = seen
	}
	for _, key := range drop {
		if err := tx.delete(key); err != nil {
			return false, err
		}
	}
	return more, tx.putNumber(metaTrimmed, uint64(trimmed))
}
