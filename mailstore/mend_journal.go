package mailstore

import (
	"errors"
	"slices"
)

// mendGap puts changes in the place of those that are lost.
func (c *check) mendGap(g gap) func(tx *Tx) error {
	return func(tx *Tx) error {
		for seq := g.from; seq <= g.to; seq++ {
			former, err := tx.mendChange(seq)
			if err != nil {
				return err
			}
			if former != (Ref{}) {
				c.doubt(former, labelsFormer)
			}
		}
		return nil
	}
}

// giveUp lets the journal count as trimmed up to the end of a gap, where there has to be a change:
// who follows outside of the store begins anew, and who follows inside passes over what is lost.
func (c *check) giveUp(g gap) func(tx *Tx) error {
	return func(tx *Tx) error {
		return errors.Join(c.mendGap(gap{g.to, g.to})(tx), tx.raiseTrimmed(g.to-1))
	}
}

// raiseTrimmed lets the journal count as trimmed up to a change, so that who follows outside of the
// store begins anew. What is superseded there is taken away when the journal is trimmed next.
func (tx *Tx) raiseTrimmed(seq ModSeq) error {
	mark, err := tx.trimMark()
	if err != nil || seq <= mark.to {
		return err
	}
	mark.to = seq
	return tx.putTrimMark(mark)
}

// mendModSeq lets changes go on past those that the journal has.
func (tx *Tx) mendModSeq() error {
	last, err := tx.lastChange()
	if err != nil {
		return err
	}
	tx.modseq = max(tx.modseq, last)
	return tx.putNumber(metaModSeq, uint64(tx.modseq))
}

// mendChange puts a change in the place of one that is lost, so that whoever follows the journal
// comes to what is stored: the one that the journal lacks, or if it lacks none, an empty place.
// former is the message whose labels it tells though they may not be the last.
func (tx *Tx) mendChange(seq ModSeq) (former Ref, err error) {
	if _, err := tx.change(seq); err == nil {
		return former, nil
	}
	owner, err := tx.ownerOfLost(seq)
	if err != nil {
		return former, err
	}
	if owner.former { // who follows may have seen later ones
		return owner.ref, tx.relabel(owner.ref, owner.row, owner.row.labels)
	}
	if owner.ref != (Ref{}) {
		return former, tx.settleRow(owner.ref, owner.row)
	}
	gone, err := tx.removalNotTold(seq)
	if err != nil {
		return former, err
	}
	mark, err := tx.trimMark()
	if err == nil && mark.to > 0 { // it may have told of another one, of which nothing else tells as its places were trimmed
		err = tx.raiseTrimmed(seq)
	}
	if err != nil {
		return former, err
	}
	return former, tx.putChange(Change{ModSeq: seq, Kind: ChangeRemoved, Account: gone.Account, Message: gone.Message})
}

// owner is the message to which a change that is lost belongs, with a row that names it.
type owner struct {
	ref    Ref // zero: there is none
	row    labelRow
	former bool // the row is an older one
}

// ownerOfLost finds the message whose row names a change that is lost, or to which it can have
// belonged: one of which no change tells that it came, or its labels.
func (r *Reader) ownerOfLost(seq ModSeq) (found owner, err error) {
	var failed error
	err = r.src.walk([]byte{tableLabels}, nil, func(key, value []byte, bad *DamagedError) bool {
		row, err := decodeLabelRow(value)
		if bad != nil || err != nil || len(key) != 13 {
			return true // nobody knows its labels, with this change or without
		}
		at := owner{ref: RefOf(key), row: row}
		named := row.added == seq || row.changed == seq
		if !named && found.ref != (Ref{}) {
			return true
		}
		does := named
		switch {
		case named:
		case row.added == 0 && (row.changed == 0 || seq < row.changed):
			at.row.added, at.row.changed, does = seq, max(seq, row.changed), true
		case row.changed < seq:
			does, at.former = r.contradicts(at.ref, row)
			at.row.changed = seq
		}
		if does {
			does, failed = r.src.has(messageKey(tableMessage, at.ref.Account, at.ref.Message))
		}
		if does {
			found = at
		}
		return !(named && does) && failed == nil
	})
	return found, firstOf(err, failed)
}

// contradicts reports whether the change that a row names as its last one tells of something else;
// former, that it was superseded, so that the row is an older one.
func (r *Reader) contradicts(ref Ref, row labelRow) (does, former bool) {
	c, err := r.change(row.changed)
	if err != nil || c.Ref() != ref || row.refersTo(c) {
		return false, false
	}
	return true, c.Kind == changeSuperseded || c.Kind == changeArrived
}

// removalNotTold finds the first message that is removed though the journal does not say so, and
// could have said it with a change that is lost; zero if there is none.
func (r *Reader) removalNotTold(seq ModSeq) (gone Ref, err error) {
	last := make(map[Ref]ModSeq) // of what is told, superseded or not, up to the lost change
	err = r.changes(0, func(c Change, bad error) bool {
		switch {
		case bad != nil:
		case c.Kind == ChangeRemoved || c.ModSeq > seq: // it was there later
			delete(last, c.Ref())
		default:
			last[c.Ref()] = c.ModSeq
		}
		return true
	})
	for ref, at := range last {
		if err != nil || gone != (Ref{}) && at > last[gone] {
			continue
		}
		var stored bool
		for _, table := range []byte{tableMessage, tableLabels} { // with labels it may be lost, and not removed
			if err == nil && !stored {
				stored, err = r.src.has(messageKey(table, ref.Account, ref.Message))
			}
		}
		if err == nil && !stored {
			gone = ref
		}
	}
	return gone, err
}

// settleRow stores a label row, and lets the journal say of its message what the row says.
func (tx *Tx) settleRow(ref Ref, row labelRow) error {
	err := errors.Join(tx.putRow(ref, row), tx.supersedeAllBut(ref, row.numbers()...))
	for _, seq := range row.numbers() {
		if seq != 0 {
			err = errors.Join(err, tx.putChange(row.change(ref, seq)))
		}
	}
	return err
}

// restoreChange puts a change in its place that the label row of its message still names.
func (tx *Tx) restoreChange(ref Ref, seq ModSeq) error {
	row, err := heldRow(tx.src, ref)
	if errors.Is(err, ErrNotFound) { // it was removed
		return nil
	}
	if err != nil || seq != row.added && seq != row.changed {
		return err
	}
	return tx.putChange(row.change(ref, seq))
}

// tells reports whether the journal still has a change as it was read before.
func (r *Reader) tells(c Change) bool {
	b, err := r.src.get(journalKey(c.ModSeq))
	return err == nil && slices.Equal(b, encodeChange(c))
}

// mendTold is for a change that says something else than the label row that names it. If that has
// the labels with which the message came, though others followed, these are lost.
func (c *check) mendTold(tx *Tx, told Change) error {
	ref := told.Ref()
	row, err := heldRow(tx.src, ref)
	if errors.Is(err, ErrNotFound) || err == nil && !tx.tells(told) { // it was mended or removed meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	if told.Kind == changeArrived && row.changed == row.added && row.added == told.ModSeq {
		c.doubt(ref, labelsFormer)
		return tx.relabel(ref, row, row.labels)
	}
	return tx.restoreChange(ref, told.ModSeq)
}

// supersedeTold supersedes a change that is not one of those that the label row of its message
// names.
func (tx *Tx) supersedeTold(told Change) error {
	if !tx.tells(told) {
		return nil
	}
	row, err := heldRow(tx.src, told.Ref())
	if err == nil && slices.Contains(row.numbers(), told.ModSeq) {
		return nil
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return tx.supersede(told.Ref(), told.ModSeq)
}

// restoreArrival lets the journal tell that a message came, of which no change does: where it was
// trimmed, or else where it tells its last labels. Who has followed to there has heard of the
// message.
func (tx *Tx) restoreArrival(ref Ref) error {
	row, err := heldRow(tx.src, ref)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil || row.added != 0 {
		return err
	}
	trimmed, err := tx.Trimmed()
	if err == nil {
		row.added, err = tx.lastGap(trimmed)
	}
	if err != nil {
		return err
	}
	if row.added == 0 || row.changed != 0 && row.changed < row.added {
		row.added = row.changed
	}
	if row.added == 0 {
		return errors.New("the journal has no place for it")
	}
	row.changed = max(row.changed, row.added)
	return tx.settleRow(ref, row)
}

// renewLabels writes the labels of a message anew that are older than what the journal has.
func (tx *Tx) renewLabels(ref Ref) error {
	old, err := heldRow(tx.src, ref)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	row, err := tx.labelRowOf(ref)
	if err != nil || row.changed <= old.changed {
		return err
	}
	return errors.Join(tx.settleRow(ref, row), tx.count(ref.Account, old.labels, row.labels))
}
