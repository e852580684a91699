package mailstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// The journal numbers each change of a message, and is compacted: it keeps what still counts, by
// which a message came, the last change of its labels, or as a tombstone that it was removed. A
// change that a later one makes void loses its labels at once and keeps its place, so that a change
// that is lost is missed. [Store.Trim] takes away such places and tombstones once all who follow
// are past them.
//
// An empty place, which stands for a change that is lost and of which nothing is known, is the
// tombstone of no message.

func changeAt(key []byte) ModSeq { return ModSeq(binary.BigEndian.Uint64(key[1:])) }

// changes calls fn for each entry of the journal from a number on, void ones too, until it returns
// false. Of one that is damaged bad says why, and only its number is known.
func (r *Reader) changes(from ModSeq, fn func(c Change, bad error) bool) error {
	return r.src.walk([]byte{tableJournal}, journalKey(from), func(key, value []byte, damage *DamagedError) bool {
		if len(key) != 9 {
			return true
		}
		c, bad := decodeChange(changeAt(key), value)
		if damage != nil {
			bad = damage
		}
		return fn(c, bad)
	})
}

// ChangesSince returns up to max changes after the one numbered since that still count, in order:
// of what happened to a message between two looks its arrival and its last labels, or that it is
// gone, whether the caller has heard of it or not. An empty result means that the caller has seen
// all. A since ahead of the journal yields ErrUnknownModSeq; a change that is damaged or not there
// is a [DamagedError] when it is the next.
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
	err = r.changes(next, func(c Change, bad error) bool {
		if c.ModSeq > next && c.ModSeq <= trimmed+1 {
			next = c.ModSeq
		}
		switch {
		case c.ModSeq != next:
			failed = damagedAt(r.src.where(), journalKey(next), "it is not there")
		case bad != nil:
			failed = bad
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
		return r.lastGap(^ModSeq(0))
	}
	return ModSeq(n), err
}

// lastGap returns the number of the last change up to most that is not there, though a later one
// is; 0 if there is none. It reads all of the journal up to that.
func (r *Reader) lastGap(most ModSeq) (last ModSeq, err error) {
	next := ModSeq(1)
	err = r.changes(0, func(c Change, _ error) bool {
		if c.ModSeq > next {
			last = min(c.ModSeq-1, most)
		}
		next = c.ModSeq + 1
		return next <= most
	})
	return last, err
}

// lastChange returns the number of the last change of the journal.
func (r *Reader) lastChange() (last ModSeq, err error) {
	err = r.changes(0, func(c Change, _ error) bool {
		last = c.ModSeq
		return true
	})
	return last, err
}

// journal appends a change.
func (tx *Tx) journal(c Change) error {
	c.ModSeq = tx.modseq + 1
	if err := tx.putChange(c); err != nil {
		return err
	}
	if err := tx.putNumber(metaModSeq, uint64(c.ModSeq)); err != nil {
		return err
	}
	tx.modseq = c.ModSeq
	return nil
}

func (tx *Tx) putChange(c Change) error { return tx.put(journalKey(c.ModSeq), encodeChange(c)) }

// supersede takes what a change of a message said out of the journal; seq may be 0, of one that is
// not known.
func (tx *Tx) supersede(ref Ref, seq ModSeq) error {
	if seq == 0 {
		return nil
	}
	trimmed, err := tx.number(metaTrimmed)
	if err != nil && !damaged(err) { // then the place is kept: no harm, and Trimmed would read all
		return err
	}
	if uint64(seq) <= trimmed {
		return tx.delete(journalKey(seq))
	}
	return tx.putChange(Change{ModSeq: seq, Kind: changeSuperseded, Account: ref.Account, Message: ref.Message})
}

// supersedeAllBut takes out of the journal what it says of a message whose row does not tell that,
// but for some changes. It reads all of it.
func (tx *Tx) supersedeAllBut(ref Ref, kept ...ModSeq) error {
	var said []ModSeq
	err := tx.changes(0, func(c Change, bad error) bool {
		if bad == nil && c.Ref() == ref && c.Kind != changeSuperseded && !slices.Contains(kept, c.ModSeq) {
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
// and tombstones. The last change stays. All who follow the journal must have seen these changes.
func (s *Store) Trim(ctx context.Context, seen ModSeq) error {
	for more := true; more; {
		err := s.Update(ctx, func(tx *Tx) (err error) {
			more, err = tx.trim(min(seen, max(tx.modseq, 1)-1))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// trim is Trim in one transaction; more tells that it has not come to its end.
func (tx *Tx) trim(seen ModSeq) (more bool, err error) {
	trimmed, err := tx.Trimmed()
	if err != nil {
		return false, err
	}
	if _, unknown := tx.number(metaTrimmed); seen <= trimmed {
		if damaged(unknown) { // or each look would read all of the journal for it
			err = tx.putNumber(metaTrimmed, uint64(trimmed))
		}
		return false, err
	}
	var drop []ModSeq
	looked := 0
	err = tx.changes(trimmed+1, func(c Change, bad error) bool {
		if more = looked == trimAtOnce; more || c.ModSeq > seen {
			return false
		}
		looked++
		trimmed = c.ModSeq
		if bad == nil && (c.Kind == changeSuperseded || c.Kind == ChangeRemoved) {
			drop = append(drop, c.ModSeq)
		}
		return true
	})
	if err != nil {
		return false, err
	}
	if !more {
		trimmed = seen
	}
	for _, seq := range drop {
		if err := tx.delete(journalKey(seq)); err != nil {
			return false, err
		}
	}
	return more, tx.putNumber(metaTrimmed, uint64(trimmed))
}
