package mailstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// The journal numbers each change of a message, and is compacted: it keeps what still counts, that
// a message came and with the last change its labels, or as a tombstone that it was removed. A
// change that a later one supersedes loses its labels at once and keeps its place, so that a change
// that is lost is missed. [Store.Trim] takes away such places and tombstones once all who follow
// are past them.
//
// An empty place, which stands for a change that is lost and of which nothing is known, is the
// tombstone of no message.

func changeAt(key []byte) ModSeq { return ModSeq(binary.BigEndian.Uint64(key[1:])) }

// change returns one entry of the journal, a superseded one too.
func (r *Reader) change(seq ModSeq) (Change, error) {
	b, err := r.src.get(journalKey(seq))
	if err != nil {
		return Change{}, err
	}
	return decodeChange(seq, b)
}

// changes calls fn for each entry of the journal from a number on, superseded ones too, until it
// returns false. Of one that is damaged bad says why, and only its number is known.
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

// ChangesSince returns up to so many changes after the one numbered since that still count, in
// order: of what happened to a message between two looks its arrival and its last labels, or that
// it is gone, whether the caller has heard of it or not. An empty result means that the caller has
// seen all. A since ahead of the journal yields ErrUnknownModSeq; a change that is damaged or not
// there is a [DamagedError] when it is the next.
//
// Of the changes up to [Reader.Trimmed] those that do not count any more are gone, see [Missed].
func (r *Reader) ChangesSince(since ModSeq, most int) ([]Change, error) {
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
	if most <= 0 || since == last {
		return nil, nil
	}
	var list []Change
	var failed error
	next := since + 1
	err = r.changes(next, func(c Change, bad error) bool {
		if at := min(c.ModSeq, trimmed+1); at > next {
			next = at
		}
		switch {
		case c.ModSeq != next:
			failed = r.src.damaged(journalKey(next), "it is not there")
		case bad != nil:
			failed = bad
		default:
			if c.Kind == changeArrived {
				c.Kind = ChangeAdded
			}
			if c.Kind != changeSuperseded {
				list = append(list, c)
			}
			next++
		}
		return failed == nil && len(list) < most && next <= last
	})
	if err == nil && failed == nil && len(list) < most && next <= last {
		failed = r.src.damaged(journalKey(next), "it is not there")
	}
	if len(list) > 0 && damaged(failed) { // it is told to whoever comes for what is behind these
		failed = nil
	}
	return list, errors.Join(err, failed)
}

// Trimmed returns the number up to which changes may be missing, since they do not count any more;
// 0 if there are none. Where that is damaged it is told from journal and labels, of which each call
// reads all.
func (r *Reader) Trimmed() (ModSeq, error) {
	mark, err := r.trimMark()
	return mark.to, err
}

// Missed reports whether a follower that has seen the changes up to cursor lacks some that are not
// in the journal any more, now that Trimmed is trimmed: it has seen some of what is left of those
// up to there, but not all, and Trimmed was another when it began. It has to begin anew then.
func Missed(cursor, began, trimmed ModSeq) bool {
	return 0 < cursor && cursor < trimmed && began != trimmed
}

// trimMark tells how the journal was trimmed: changes up to one may be missing, and of those up to
// another, which is not past that, the ones that do not count are.
type trimMark struct{ to, swept ModSeq }

func (r *Reader) trimMark() (trimMark, error) {
	b, err := r.src.get(metaTrimmed)
	switch {
	case errors.Is(err, ErrNotFound):
		return trimMark{}, nil
	case err == nil && len(b) == 16:
		return trimMark{ModSeq(binary.BigEndian.Uint64(b)), ModSeq(binary.BigEndian.Uint64(b[8:]))}, nil
	case err == nil || damaged(err):
		to, err := r.trimmedByRows()
		return trimMark{to: to}, err
	}
	return trimMark{}, err
}

func (tx *Tx) putTrimMark(m trimMark) error {
	b := binary.BigEndian.AppendUint64(nil, uint64(m.to))
	return tx.put(metaTrimmed, binary.BigEndian.AppendUint64(b, uint64(m.swept)))
}

// trimmedByRows tells from the journal up to where it was trimmed: to its last gap in which no
// change is that a label row names.
func (r *Reader) trimmedByRows() (trimmed ModSeq, err error) {
	if trimmed, err = r.lastGap(^ModSeq(0), func(ModSeq) bool { return false }); err != nil || trimmed == 0 {
		return trimmed, err
	}
	var failed error
	err = r.src.walk([]byte{tableLabels}, nil, func(key, value []byte, bad *DamagedError) bool {
		row, err := decodeLabelRow(value)
		if bad != nil || err != nil || len(key) != 13 {
			return true
		}
		for _, seq := range row.numbers() {
			if seq == 0 || seq > trimmed {
				continue
			}
			var there bool
			if there, failed = r.src.has(journalKey(seq)); failed == nil && !there {
				there, failed = r.src.has(append([]byte{tableMessage}, key[1:]...))
				if failed == nil && there { // else it owns nothing
					trimmed = seq - 1
				}
			}
		}
		return failed == nil
	})
	return trimmed, firstOf(err, failed)
}

// lastGap returns the number of the last change up to most that is not there, though a later one
// is, and is not taken; 0 if there is none. It reads all of the journal up to that.
func (r *Reader) lastGap(most ModSeq, taken func(ModSeq) bool) (last ModSeq, err error) {
	next := ModSeq(1)
	err = r.changes(0, func(c Change, _ error) bool {
		for seq := min(c.ModSeq-1, most); seq >= next; seq-- {
			if !taken(seq) {
				last = seq
				break
			}
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
	b, err := tx.src.get(metaTrimmed)
	if err != nil && !errors.Is(err, ErrNotFound) && !damaged(err) {
		return err
	}
	if len(b) == 16 && uint64(seq) <= binary.BigEndian.Uint64(b[8:]) { // else its place is kept, which does no harm
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

// trimAtOnce is how many changes are looked at in one transaction of Trim, or put back or cleared
// in one of a check.
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
	mark, err := tx.trimMark()
	if err != nil {
		return false, err
	}
	if b, err := tx.src.get(metaTrimmed); damaged(err) || err == nil && len(b) != 16 { // or each look would read all of the journal for it
		return true, tx.putTrimMark(mark)
	}
	if seen <= mark.swept {
		return false, nil
	}
	var drop []ModSeq
	looked := 0
	at := mark.swept
	err = tx.changes(at+1, func(c Change, bad error) bool {
		if more = looked == trimAtOnce; more || c.ModSeq > seen {
			return false
		}
		looked++
		at = c.ModSeq
		if bad == nil && (c.Kind == changeSuperseded || c.Kind == ChangeRemoved) {
			drop = append(drop, c.ModSeq)
		}
		return true
	})
	if err != nil {
		return false, err
	}
	if !more {
		at = seen
	}
	for _, seq := range drop {
		if err := tx.delete(journalKey(seq)); err != nil {
			return false, err
		}
	}
	return more, tx.putTrimMark(trimMark{max(mark.to, at), at})
}
