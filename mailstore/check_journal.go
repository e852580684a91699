package mailstore

import (
	"errors"
	"fmt"
	"slices"
)

// gap is a number of changes, one after another, that are not in the journal.
type gap struct{ from, to ModSeq }

// journalHolds looks for gaps in the journal, and holds it to the label rows and to the number of
// the last change.
func (c *check) journalHolds() error {
	end, err := c.r.number(metaModSeq)
	endKnown := err == nil
	trimmed, err := c.r.Trimmed()
	if err != nil {
		return err
	}
	next := trimmed + 1
	var gaps []gap
	var failed error
	err = c.r.changes(0, func(change Change, bad error) bool {
		if change.ModSeq > next {
			gaps = append(gaps, gap{next, change.ModSeq - 1})
		}
		next = max(next, change.ModSeq+1)
		if bad == nil {
			failed = c.stillCounts(change)
		} else {
			failed = c.damagedChange(change.ModSeq, bad)
		}
		return failed == nil
	})
	if err == nil && failed == nil && endKnown && ModSeq(end) >= next {
		gaps = append(gaps, gap{next, ModSeq(end)})
	}
	if err = firstOf(err, failed); err == nil {
		err = c.gapsOf(gaps)
	}
	if err == nil && endKnown && ModSeq(end) < next-1 {
		err = c.found(Fault{
			Table: TableJournal, Text: fmt.Sprintf("the journal goes on to change %d, behind the last one noted, which is %d", next-1, end),
			Cure: "a check with repair goes on behind it",
		}, func(tx *Tx) error { return tx.mendModSeq() })
	}
	if err == nil {
		err = c.rowsInJournal()
	}
	return err
}

// damagedChange reports a change that cannot be read.
func (c *check) damagedChange(seq ModSeq, bad error) error {
	damage, ok := errors.AsType[*DamagedError](bad)
	if !ok {
		damage = damagedAt(c.s.dir, journalKey(seq), bad.Error())
	}
	return c.damaged(damage, func(tx *Tx) error { return tx.mendChange(seq) }, "")
}

// mendModSeq lets changes go on behind those that the journal has.
func (tx *Tx) mendModSeq() error {
	last, err := tx.lastChange()
	if err != nil {
		return err
	}
	tx.modseq = max(tx.modseq, last)
	return tx.putNumber(metaModSeq, uint64(tx.modseq))
}

// mendAtOnce is how many changes that are not there are put in place: each costs a walk through the
// journal.
const mendAtOnce = 100

// gapsOf reports what is not in the journal: each gap, or where many changes are lost, all of them
// as one.
func (c *check) gapsOf(gaps []gap) error {
	lost := ModSeq(0)
	for _, g := range gaps {
		lost += g.to - g.from + 1
	}
	if lost > mendAtOnce {
		all := gap{gaps[0].from, gaps[len(gaps)-1].to}
		return c.lost(fmt.Sprintf("%d changes from %d to %d of the journal are not there", lost, all.from, all.to), all.giveUp)
	}
	for _, g := range gaps {
		if err := c.lost(fmt.Sprintf("the changes %d to %d of the journal are not there", g.from, g.to), g.mend); err != nil {
			return err
		}
	}
	return nil
}

func (c *check) lost(text string, mend func(tx *Tx) error) error {
	return c.found(Fault{Table: TableJournal, Text: text, Cure: (&DamagedError{Table: TableJournal}).Cure()}, mend)
}

// mend puts changes in the place of those that are not there.
func (g gap) mend(tx *Tx) error {
	for seq := g.from; seq <= g.to; seq++ {
		if err := tx.mendChange(seq); err != nil {
			return err
		}
	}
	return nil
}

// giveUp lets the journal count as trimmed up to the end of a gap, where it puts one change: who
// follows outside of the store begins anew, and what label rows name is put back.
func (g gap) giveUp(tx *Tx) error { return errors.Join(tx.mendChange(g.to), tx.raiseTrimmed(g.to-1)) }

// stillCounts looks whether a change is one that the journal keeps: a damaged block may bring back
// what was superseded.
func (c *check) stillCounts(change Change) error {
	if change.Kind == changeSuperseded || change.Kind == ChangeRemoved {
		return nil
	}
	row, err := storedRow(c.base, change.Ref())
	if err == nil && (row.added == 0 || row.names(change)) || damaged(err) {
		return nil
	}
	if err != nil {
		if there, err := c.base.has(messageKey(tableMessage, change.Account, change.Message)); there || err != nil {
			return err // the labels are missing, which was reported
		}
	}
	fault := Fault{Table: TableJournal, Account: change.Account, Message: change.Message}
	switch {
	case err != nil:
		fault.Text = fmt.Sprintf("change %d of the journal has labels of message %d of account %d, which was removed", change.ModSeq, change.Message, change.Account)
		fault.Cure = "a check with repair takes them out"
	case change.ModSeq > row.changed:
		fault.Text = fmt.Sprintf("the labels of message %d of account %d are older than change %d of the journal", change.Message, change.Account, change.ModSeq)
		fault.Cure = cureAnew
		return c.found(fault, func(tx *Tx) error { return tx.renewLabels(change.Ref()) })
	case change.ModSeq == row.changed:
		fault.Text = fmt.Sprintf("change %d of the journal has other labels than message %d of account %d", change.ModSeq, change.Message, change.Account)
		fault.Cure = cureAnew
		return c.found(fault, func(tx *Tx) error { return tx.tellAgain(row.lastLabels(change.Ref())) })
	default:
		fault.Text = fmt.Sprintf("change %d of the journal has labels of message %d of account %d, though a later one counts", change.ModSeq, change.Message, change.Account)
		fault.Cure = "a check with repair takes them out"
	}
	return c.found(fault, func(tx *Tx) error {
		row, err := storedRow(tx.src, change.Ref())
		if err != nil && !errors.Is(err, ErrNotFound) || row.names(change) {
			return err
		}
		return tx.supersede(change.Ref(), change.ModSeq)
	})
}

// renewLabels writes the labels of a message anew that are older than what the journal has.
func (tx *Tx) renewLabels(ref Ref) error {
	old, err := storedRow(tx.src, ref)
	if err != nil {
		return err
	}
	row, _, err := tx.labelRowOf(ref)
	if err != nil || row.changed <= old.changed {
		return err
	}
	return errors.Join(tx.putRow(ref, row), tx.supersedeAllBut(ref, row.added, row.changed), tx.count(ref.Account, old.labels, row.labels))
}

// rowsInJournal looks for the changes that label rows name: where the journal was trimmed it has
// gaps, and of one that was damaged before this format the row may not know. It looks at the store
// as it is after what was mended before.
func (c *check) rowsInJournal() error {
	now := c.s.snapshot()
	defer now.close()
	trimmed, err := (&Reader{src: now}).Trimmed()
	if err != nil {
		return err
	}
	var failed error
	err = now.walk([]byte{tableLabels}, nil, func(key, value []byte, bad *DamagedError) bool {
		row, err := decodeLabelRow(value)
		if bad != nil || err != nil || len(key) != 13 {
			return true
		}
		failed = c.rowInJournal(now, trimmed, RefOf(key), row)
		return failed == nil
	})
	return firstOf(err, failed)
}

// rowInJournal is rowsInJournal for one row; behind where the journal was trimmed a change that is
// not there is a gap.
func (c *check) rowInJournal(now *snapshot, trimmed ModSeq, ref Ref, row labelRow) error {
	fault := Fault{Table: TableJournal, Account: ref.Account, Message: ref.Message, Cure: (&DamagedError{Table: TableJournal}).Cure()}
	if row.added == 0 {
		if there, err := now.has(messageKey(tableMessage, ref.Account, ref.Message)); !there || err != nil {
			return err // which was reported
		}
		fault.Text = fmt.Sprintf("no change of the journal tells that message %d of account %d came", ref.Message, ref.Account)
		return c.found(fault, func(tx *Tx) error { return tx.tellArrival(ref) })
	}
	changes := []Change{row.arrival(ref), row.lastLabels(ref)}
	if row.changed == row.added {
		changes = changes[:1]
	}
	for _, change := range changes {
		if change.ModSeq > trimmed {
			continue
		}
		there, err := now.has(journalKey(change.ModSeq))
		if err != nil {
			return err
		}
		if there {
			continue
		}
		fault.Text = fmt.Sprintf("change %d of the journal, of message %d of account %d, is not there", change.ModSeq, ref.Message, ref.Account)
		if err := c.found(fault, func(tx *Tx) error { return tx.tellAgain(change) }); err != nil {
			return err
		}
	}
	return nil
}

// tellAgain puts a change in its place that the label row of its message still names.
func (tx *Tx) tellAgain(change Change) error {
	row, err := storedRow(tx.src, change.Ref())
	if err != nil || !row.names(change) {
		return err
	}
	return tx.putChange(change)
}

// tellArrival lets the journal tell that a message came, of which no change does: where it was
// trimmed, or else where it tells its last labels. Who has followed to there has heard of the
// message.
func (tx *Tx) tellArrival(ref Ref) error {
	row, err := storedRow(tx.src, ref)
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
	return errors.Join(tx.putRow(ref, row), tx.putChange(row.arrival(ref)))
}

// mendChange puts a change in the place of one that is lost, so that whoever follows the journal
// comes to what is stored: the one that the journal lacks, or if it lacks none, an empty place.
func (tx *Tx) mendChange(seq ModSeq) error {
	if b, err := tx.src.get(journalKey(seq)); err == nil {
		if _, err := decodeChange(seq, b); err == nil {
			return nil
		}
	}
	if ref, row, err := tx.rowLacking(seq); err != nil || ref != (Ref{}) {
		if err != nil {
			return err
		}
		change := row.lastLabels(ref)
		if seq == row.added {
			change = row.arrival(ref)
		}
		return errors.Join(tx.putRow(ref, row), tx.putChange(change), tx.supersedeAllBut(ref, row.added, row.changed))
	}
	gone, err := tx.goneUntold(seq)
	if err != nil {
		return err
	}
	if gone == (Ref{}) { // or it told of one that nothing else tells of
		trimmed, err := tx.Trimmed()
		if err == nil && trimmed > 0 {
			err = tx.raiseTrimmed(seq)
		}
		if err != nil {
			return err
		}
	}
	return tx.putChange(Change{ModSeq: seq, Kind: ChangeRemoved, Account: gone.Account, Message: gone.Message})
}

// raiseTrimmed lets the journal count as trimmed up to a change, so that who follows outside of the
// store begins anew.
func (tx *Tx) raiseTrimmed(seq ModSeq) error {
	trimmed, err := tx.Trimmed()
	if err != nil || seq <= trimmed {
		return err
	}
	return tx.putNumber(metaTrimmed, uint64(seq))
}

// rowLacking finds the message whose row names a change that is lost, or to which it can have
// belonged, with that named: one of which no change tells that it came, or its labels; ref is zero
// if there is none.
func (r *Reader) rowLacking(seq ModSeq) (ref Ref, row labelRow, err error) {
	named := false
	err = r.src.walk([]byte{tableLabels}, nil, func(key, value []byte, bad *DamagedError) bool {
		at, err := decodeLabelRow(value)
		switch {
		case bad != nil || err != nil: // nobody knows its labels, with this change or without
		case at.added == seq || at.changed == seq:
			ref, row, named = RefOf(key), at, true
		case ref != (Ref{}):
		case at.added == 0 && (at.changed == 0 || seq < at.changed):
			at.added, at.changed = seq, max(seq, at.changed)
			ref, row = RefOf(key), at
		case at.changed < seq && r.contradicts(RefOf(key), at):
			at.changed = seq
			ref, row = RefOf(key), at
		}
		return !named
	})
	return ref, row, err
}

// contradicts reports whether the change that a row names as its last one tells of other labels.
func (r *Reader) contradicts(ref Ref, row labelRow) bool {
	b, err := r.src.get(journalKey(row.changed))
	if err != nil {
		return false
	}
	c, err := decodeChange(row.changed, b)
	return err == nil && c.Ref() == ref && !slices.Equal(c.Labels, row.labels)
}

// goneUntold finds the first message that is removed though the journal does not say so, and could
// have said it with a change that is lost; zero if there is none.
func (r *Reader) goneUntold(seq ModSeq) (gone Ref, err error) {
	last := make(map[Ref]ModSeq) // of what is told, void or not, up to the lost change
	err = r.changes(0, func(c Change, bad error) bool {
		switch {
		case bad != nil:
		case c.Kind == ChangeRemoved:
			delete(last, c.Ref())
		case c.ModSeq < seq:
			last[c.Ref()] = c.ModSeq
		default:
			delete(last, c.Ref()) // it was there later
		}
		return true
	})
	for ref, at := range last {
		if err != nil || gone != (Ref{}) && at > last[gone] {
			continue
		}
		var stored bool
		if stored, err = r.src.has(messageKey(tableMessage, ref.Account, ref.Message)); !stored {
			gone = ref
		}
	}
	return gone, err
}
