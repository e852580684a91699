package mailstore

import (
	"errors"
	"slices"
)

// mendGap puts changes in the place of those that are lost.
func (c *check) mendGap(g gap) func(tx *Tx) error {
	return func(tx *Tx) error {
		for seq := g.from; seq <= g.to; seq++ {
			if err := c.mendChange(tx, seq); err != nil {
				return err
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

// reach lets changes go on past one that a label row names, if the end of the journal is lost.
func (tx *Tx) reach(seq ModSeq) error {
	if seq <= tx.modseq {
		return nil
	}
	tx.modseq = seq
	return tx.putNumber(metaModSeq, uint64(seq))
}

// mendChange puts a change in the place of one that is lost, so that whoever follows the journal
// comes to what is stored: the one that the journal lacks, or if it lacks none, an empty place.
func (c *check) mendChange(tx *Tx, seq ModSeq) error {
	if _, err := tx.change(seq); err == nil {
		return nil
	}
	owner, err := tx.ownerOfLost(seq)
	if err != nil {
		return err
	}
	if owner.ref != (Ref{}) {
		return c.mendOwned(tx, owner, seq)
	}
	gone, err := tx.removalNotTold(seq)
	if err != nil {
		return err
	}
	mark, err := tx.trimMark()
	if err == nil && mark.to > 0 { // it may have told of another one, of which nothing else tells as its places were trimmed
		err = tx.raiseTrimmed(seq)
	}
	if err != nil {
		return err
	}
	if gone == (Ref{}) {
		c.unowned = max(c.unowned, seq)
	}
	return tx.putChange(Change{ModSeq: seq, Kind: ChangeRemoved, Account: gone.Account, Message: gone.Message})
}

// mendOwned is mendChange for one of a message that is there.
func (c *check) mendOwned(tx *Tx, owner owner, seq ModSeq) error {
	row, told, err := tx.laterOf(owner.ref, owner.row)
	if err != nil {
		return err
	}
	if !told && (owner.former || owner.unsure) {
		c.doubt(owner.ref, labelsFormer)
	}
	if !told && owner.former { // who follows may have seen later ones
		return tx.relabel(owner.ref, row, row.labels)
	}
	if err := c.settle(tx, owner.ref, row); err != nil || slices.Contains(row.numbers(), seq) {
		return err
	}
	return tx.supersede(owner.ref, seq)
}

// settle is settleRow of a row that may have other labels than the one before: they are counted
// when all is mended.
func (c *check) settle(tx *Tx, ref Ref, row labelRow) error {
	c.recounts[ref.Account] = true
	c.settled[ref] = row.changed
	return tx.settleRow(ref, row)
}

// owner is the message to which a change that is lost belongs, with a row that names it.
type owner struct {
	ref    Ref // zero: there is none
	row    labelRow
	former bool // the row is an older one
	unsure bool // it may be
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
		named := slices.Contains(row.numbers(), seq)
		if !named && (found.ref != (Ref{}) || row.added != 0 && row.changed > seq) {
			return true
		}
		does, hasErr := r.src.has(messageKey(tableMessage, at.ref.Account, at.ref.Message))
		if failed = hasErr; does && !named {
			does, failed = r.lacks(&at, seq)
		}
		if does && failed == nil {
			found = at
		}
		return !(named && does) && failed == nil
	})
	return found, firstOf(err, failed)
}

// lacks reports whether a change that is lost can be one of a message that is there, and notes it
// in its row then.
func (r *Reader) lacks(at *owner, seq ModSeq) (bool, error) {
	if at.row.added != 0 { // of nearly all, and the journal is not read for each
		if does, _ := r.contradicts(at.ref, at.row); !does {
			return false, nil
		}
	}
	later, told, err := r.laterOf(at.ref, at.row)
	switch {
	case err != nil || told && later.added != 0 || later.changed > seq && later.added != 0:
		return false, err
	case later.added == 0:
		at.row, at.unsure = later, later.changed == 0
		at.row.added, at.row.changed = seq, max(seq, later.changed)
		return later.changed == 0 || seq < later.changed, nil
	}
	does, former := r.contradicts(at.ref, later)
	at.row, at.former = later, former
	at.row.changed = seq
	return does, nil
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

// laterOf returns of a label row and what the journal tells of its message the later one, with all
// that either knows of the numbers; told, that it is the journal's.
func (r *Reader) laterOf(ref Ref, row labelRow) (later labelRow, told bool, err error) {
	said, err := r.labelRowOf(ref)
	switch {
	case err != nil && !damaged(err):
		return row, false, err
	case err == nil && said.changed > row.changed:
		if said.added == 0 && row.added < said.changed {
			said.added = row.added
		}
		return said, true, nil
	case row.added == 0:
		row.added, row.changed = said.added, max(row.changed, said.added)
	}
	return row, false, nil
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

// restoreChange puts a change in its place that the label row of its message still names. If that
// place has one of another message by now, its message has to be told of elsewhere.
func (c *check) restoreChange(tx *Tx, ref Ref, seq ModSeq) error {
	row, err := heldRow(tx.src, ref)
	if errors.Is(err, ErrNotFound) { // it was removed
		return nil
	}
	if err != nil || !slices.Contains(row.numbers(), seq) {
		return err
	}
	if there, err := tx.change(seq); err == nil && there.Ref() != ref {
		other, err := heldRow(tx.src, there.Ref())
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if err == nil && other.refersTo(there) {
			row.added, row.changed = 0, 0
			return c.mendArrival(tx, ref, row)
		}
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
	return c.restoreChange(tx, ref, told.ModSeq)
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

// restoreArrival lets the journal tell that a message came, of which no change does that its row
// knows: where it tells so, or where it was trimmed, or where it tells its last labels, of which
// who has followed to there has heard; else with a change of its own.
func (c *check) restoreArrival(tx *Tx, ref Ref) error {
	row, err := heldRow(tx.src, ref)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil || row.added != 0 {
		return err
	}
	return c.mendArrival(tx, ref, row)
}

// mendArrival is restoreArrival for a row that does not know by which change its message came.
func (c *check) mendArrival(tx *Tx, ref Ref, row labelRow) error {
	row, _, err := tx.laterOf(ref, row)
	if err != nil {
		return err
	}
	if row.added != 0 {
		return c.settle(tx, ref, row)
	}
	trimmed, err := tx.Trimmed()
	if err == nil {
		row.added, err = tx.lastGap(trimmed, c.isNamed)
	}
	if err != nil {
		return err
	}
	if row.added == 0 || row.changed != 0 && row.changed < row.added {
		row.added = row.changed
	}
	if row.added == 0 {
		row.added = tx.modseq + 1
		c.settled[ref] = row.added
		return errors.Join(tx.supersedeAllBut(ref), tx.putRow(ref, labelRow{row.labels, row.added, row.added}),
			tx.journal(Change{Kind: ChangeAdded, Account: ref.Account, Message: ref.Message, Labels: row.labels}))
	}
	row.changed = max(row.changed, row.added)
	return c.settle(tx, ref, row)
}

// isNamed reports whether a label row names a change.
func (c *check) isNamed(seq ModSeq) bool {
	_, named := slices.BinarySearch(c.numbers, seq)
	return named
}

// renewLabels writes the labels of a message anew that are older than what the journal has.
func (c *check) renewLabels(tx *Tx, ref Ref) error {
	old, err := heldRow(tx.src, ref)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	row, told, err := tx.laterOf(ref, old)
	if err != nil || !told {
		return err
	}
	return c.settle(tx, ref, row)
}

// mendEnd lets the journal end with a change that counts, or who follows would never come to its
// end.
func (tx *Tx) mendEnd() error {
	last, err := tx.change(tx.modseq)
	if err != nil || last.Kind != changeSuperseded {
		return err
	}
	ref := last.Ref()
	row, err := heldRow(tx.src, ref)
	switch {
	case errors.Is(err, ErrNotFound):
		return tx.journal(Change{Kind: ChangeRemoved, Account: ref.Account, Message: ref.Message})
	case err != nil:
		return err
	}
	return tx.relabel(ref, row, row.labels)
}
