package mailstore

import (
	"errors"
	"fmt"
	"slices"
)

// What the journal and the label rows say of mail is told twice, so that each mends the other; of
// labels told differently the later ones count (laterOf). What is found here, and what makes it
// good (mend_journal.go):
//
//	a change is not there, or damaged           the row that names it, or lacks one, tells it: mendChange
//	more than mendAtOnce are                    what rows name is put back, and they count as trimmed: restoreNamed, giveUp
//	a change that a row names is not there      restoreChange
//	a row does not know its message's arrival   restoreArrival
//	a row is damaged or not there               mendLabels
//	a row is older than a change                renewLabels
//	a change does not count any more            it is superseded
//	the journal goes on past its noted end      mendModSeq
//	it ends with a change that does not count   mendEnd

// gap is a number of changes, one after another, that are not in the journal.
type gap struct{ from, to ModSeq }

// endHolds holds the number of the last change to the journal. It comes before all that is mended
// with a change of its own.
func (c *check) endHolds() error {
	end, err := c.r.number(metaModSeq)
	if err != nil {
		return nil // which is reported with the values
	}
	_, err = c.r.lastGiven(metaModSeq, func(n uint64) []byte { return journalKey(ModSeq(n)) })
	if !damaged(err) {
		return err
	}
	last, err := c.r.lastChange()
	if err != nil {
		return err
	}
	return c.found(Fault{
		Table: TableJournal, Text: fmt.Sprintf("the journal goes on to change %d, past the last one noted, which is %d", last, end),
		Cure: "a check with repair goes on from there",
	}, func(tx *Tx) error { return tx.mendModSeq() })
}

// journalHolds looks for gaps in the journal and for what is damaged, and holds it to the label
// rows. What is lost is mended before what is there is judged, which tells whose it was.
func (c *check) journalHolds() error {
	slices.Sort(c.numbers) // for isNamed
	end, err := c.r.number(metaModSeq)
	if damaged(err) {
		end, err = 0, nil
	}
	if err != nil {
		return err
	}
	trimmed, err := c.r.Trimmed()
	if err != nil {
		return err
	}
	next := trimmed + 1
	var gaps []gap
	var lost []DamagedError
	var doubtful []Change
	inTrimmed := 0
	err = c.r.changes(0, func(change Change, bad error) bool {
		if change.ModSeq > next {
			gaps = append(gaps, gap{next, change.ModSeq - 1})
		}
		next = max(next, change.ModSeq+1)
		switch {
		case bad != nil:
			lost = append(lost, c.damagedChange(change.ModSeq, bad))
		case change.Kind == changeSuperseded || change.Kind == ChangeRemoved:
		default:
			if change.ModSeq <= trimmed {
				inTrimmed++
			}
			if row, err := storedRow(c.base, change.Ref()); err != nil || !row.refersTo(change) || c.stray[change.Ref()] {
				doubtful = append(doubtful, change)
			}
		}
		return c.ctx.Err() == nil
	})
	if err = firstOf(err, c.ctx.Err()); err != nil {
		return err // what is not reached is not lost
	}
	if ModSeq(end) >= next {
		gaps = append(gaps, gap{next, ModSeq(end)})
	}
	if err := c.lostChanges(gaps, lost); err != nil {
		return err
	}
	whole := inTrimmed == c.named(trimmed, ModSeq(end)) // each that is there is one that its row names, and no row names another
	if whole && len(doubtful) == 0 && countLost(gaps, len(lost)) == 0 {
		return c.endCounts()
	}
	for _, change := range slices.Backward(doubtful) { // the last one of a message tells most
		now := c.s.snapshot() // after what was mended before
		err := c.changeCounts(now, change)
		now.close()
		if err != nil {
			return err
		}
	}
	if err := c.rowsInJournal(); err != nil {
		return err
	}
	return c.endCounts()
}

// endCounts holds that the last change of the journal is one that counts. A mend may have
// superseded it.
func (c *check) endCounts() error {
	now := c.s.snapshot()
	defer now.close()
	r := &Reader{src: now}
	end, err := r.ModSeq()
	if err != nil || end == 0 {
		return c.ctx.Err() // which was reported
	}
	last, err := r.change(end)
	if err != nil || last.Kind != changeSuperseded {
		return c.ctx.Err()
	}
	return c.found(Fault{
		Table: TableJournal, Account: last.Account, Message: last.Message, Cure: cureAnew,
		Text: fmt.Sprintf("change %d, the last one of the journal, does not count any more", end),
	}, func(tx *Tx) error { return tx.mendEnd() })
}

func (c *check) damagedChange(seq ModSeq, bad error) DamagedError {
	if damage, ok := errors.AsType[*DamagedError](bad); ok && damage.Table == TableJournal {
		return *damage
	}
	return *damagedAt(c.s.dir, journalKey(seq), "it cannot be taken apart")
}

// named is how many changes label rows name up to where the journal was trimmed; -1 if one does not
// name those of its message, or lacks them, or names one behind the end of the journal.
func (c *check) named(trimmed, end ModSeq) (n int) {
	for _, seq := range c.numbers {
		switch {
		case seq == 0 || seq > end:
			return -1
		case seq <= trimmed:
			n++
		}
	}
	return n
}

// mendAtOnce is how many changes that are lost are put in place: each costs a walk through the
// label rows, and through the journal.
const mendAtOnce = 100

// lostChanges reports what is not in the journal and what cannot be read in it, in order, or where
// that is much, all of it as one.
func (c *check) lostChanges(gaps []gap, bad []DamagedError) error {
	if lost := countLost(gaps, len(bad)); lost > mendAtOnce {
		return c.muchLost(lost, gaps, bad)
	}
	for len(gaps) > 0 || len(bad) > 0 {
		if len(gaps) == 0 || len(bad) > 0 && bad[0].change() < gaps[0].from {
			seq := bad[0].change()
			if err := c.damaged(&bad[0], c.mendGap(gap{seq, seq}), "", ""); err != nil {
				return err
			}
			bad = bad[1:]
			continue
		}
		text := fmt.Sprintf("the changes %d to %d of the journal are not there", gaps[0].from, gaps[0].to)
		if err := c.found(Fault{Table: TableJournal, Text: text, Cure: cureAnew}, c.mendGap(gaps[0])); err != nil {
			return err
		}
		gaps = gaps[1:]
	}
	return nil
}

func countLost(gaps []gap, damaged int) uint64 {
	lost := uint64(damaged)
	for _, g := range gaps {
		lost += uint64(g.to - g.from + 1)
	}
	return lost
}

// muchLost is lostChanges where much is. With repair what is damaged goes first, as what is
// trimmed.
func (c *check) muchLost(lost uint64, gaps []gap, bad []DamagedError) error {
	var all gap
	if len(gaps) > 0 {
		all = gap{gaps[0].from, gaps[len(gaps)-1].to}
	}
	for _, damage := range bad {
		seq := damage.change()
		if all.from == 0 || seq < all.from {
			all.from = seq
		}
		all.to = max(all.to, seq)
	}
	text := fmt.Sprintf("%d changes from %d to %d of the journal are not there or cannot be read", lost, all.from, all.to)
	return c.foundMuch(Fault{Table: TableJournal, Text: text, Cure: cureAnew}, func() error {
		if err := c.clear(bad); err != nil {
			return err
		}
		if err := c.restoreNamed(all); err != nil {
			return err
		}
		return c.s.Update(c.ctx, c.giveUp(all))
	})
}

// clear takes damaged changes out of the journal.
func (c *check) clear(bad []DamagedError) error {
	for some := range slices.Chunk(bad, trimAtOnce) {
		err := c.s.Update(c.ctx, func(tx *Tx) (err error) {
			for _, damage := range some {
				if _, bad := tx.change(damage.change()); bad != nil { // else it was written meanwhile
					err = errors.Join(err, tx.delete(journalKey(damage.change())))
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// restoreNamed puts the changes in a gap back that label rows name. It comes before the gap counts
// as trimmed, so that nobody passes over them.
func (c *check) restoreNamed(g gap) error {
	type named struct {
		ref Ref
		seq ModSeq
	}
	var list []named
	err := c.base.walk([]byte{tableLabels}, nil, func(key, value []byte, bad *DamagedError) bool {
		row, err := decodeLabelRow(value)
		if bad != nil || err != nil || len(key) != 13 {
			return true
		}
		for _, seq := range row.numbers() {
			if g.from <= seq && seq <= g.to {
				list = append(list, named{RefOf(key), seq})
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	for done := 0; len(list) > 0; list = list[done:] {
		err := c.s.Update(c.ctx, func(tx *Tx) (err error) {
			done = 0
			for _, n := range list[:min(len(list), trimAtOnce)] {
				if done > 0 && tx.own.bytes > restoreGroup {
					break
				}
				if there, hasErr := tx.src.has(journalKey(n.seq)); there || hasErr != nil {
					err = errors.Join(err, hasErr)
				} else {
					err = errors.Join(err, c.restoreChange(tx, n.ref, n.seq))
				}
				done++
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// changeCounts looks whether a change is one that the journal keeps: a damaged block may bring back
// what was superseded, or an older row.
func (c *check) changeCounts(now *snapshot, change Change) error {
	ref := change.Ref()
	r := &Reader{src: now}
	if !r.tells(change) {
		return nil // it was mended with another one
	}
	if there, err := now.has(messageKey(tableMessage, ref.Account, ref.Message)); err != nil {
		return err
	} else if !there {
		return c.removedCounts(r, change)
	}
	row, err := storedRow(now, ref)
	fault := Fault{Table: TableJournal, Account: ref.Account, Message: ref.Message, Cure: cureAnew}
	switch {
	case err != nil || row.added == 0 || row.refersTo(change):
		return nil // what is wrong with the row was reported, or will be
	case change.ModSeq > row.changed:
		fault.Text = fmt.Sprintf("the labels of message %d of account %d are older than change %d of the journal", ref.Message, ref.Account, change.ModSeq)
		return c.found(fault, func(tx *Tx) error { return c.renewLabels(tx, ref) })
	case change.ModSeq == row.changed || change.ModSeq == row.added:
		fault.Text = fmt.Sprintf("change %d of the journal has other labels than message %d of account %d", change.ModSeq, ref.Message, ref.Account)
		return c.found(fault, func(tx *Tx) error { return c.mendTold(tx, change) })
	default:
		fault.Text = fmt.Sprintf("change %d of the journal has labels of message %d of account %d, though a later one counts", change.ModSeq, ref.Message, ref.Account)
	}
	return c.found(fault, func(tx *Tx) error { return tx.supersedeTold(change) })
}

// removedCounts is changeCounts for a message that is not there.
func (c *check) removedCounts(r *Reader, change Change) error {
	ref := change.Ref()
	if _, err := storedRow(r.src, ref); !errors.Is(err, ErrNotFound) { // its labels are there, which was reported
		if removed, err := r.wasRemoved(ref); err != nil || !removed {
			return err
		}
	}
	return c.found(Fault{
		Table: TableJournal, Account: ref.Account, Message: ref.Message, Cure: cureAnew,
		Text: fmt.Sprintf("change %d of the journal has labels of message %d of account %d, which was removed", change.ModSeq, ref.Message, ref.Account),
	}, func(tx *Tx) error { return tx.supersedeTold(change) })
}

// rowsInJournal looks for the changes that label rows name: where the journal was trimmed it has
// gaps, and a row that was brought up from format 2 does not know its arrival if that was damaged
// then. It looks at the store as it is after what was mended before.
func (c *check) rowsInJournal() error {
	now := c.s.snapshot()
	defer now.close()
	r := &Reader{src: now}
	trimmed, err := r.Trimmed()
	if err != nil {
		return err
	}
	end, err := r.ModSeq()
	if err != nil {
		return err
	}
	var failed error
	err = now.walk([]byte{tableLabels}, nil, func(key, value []byte, bad *DamagedError) bool {
		row, err := decodeLabelRow(value)
		if bad != nil || err != nil || len(key) != 13 {
			return true
		}
		failed = c.rowInJournal(now, gap{trimmed + 1, end}, RefOf(key), row)
		return failed == nil
	})
	return firstOf(err, failed)
}

// rowInJournal is rowsInJournal for one row; where the journal has a change for each number one
// that is not there was reported.
func (c *check) rowInJournal(now *snapshot, dense gap, ref Ref, row labelRow) error {
	if there, err := now.has(messageKey(tableMessage, ref.Account, ref.Message)); !there || err != nil {
		return err // which was reported
	}
	fault := Fault{Table: TableJournal, Account: ref.Account, Message: ref.Message, Cure: cureAnew}
	if row.added == 0 {
		fault.Text = fmt.Sprintf("the labels of message %d of account %d do not say by which change it came", ref.Message, ref.Account)
		return c.found(fault, func(tx *Tx) error { return c.restoreArrival(tx, ref) })
	}
	for _, seq := range row.numbers() {
		told, err := (&Reader{src: now}).change(seq)
		switch {
		case errors.Is(err, ErrNotFound) && dense.from <= seq && seq <= dense.to, damaged(err):
			continue // which was reported
		case err != nil && !errors.Is(err, ErrNotFound):
			return err
		case err == nil && row.refersTo(told):
			continue
		}
		fault.Text = fmt.Sprintf("change %d of the journal, of message %d of account %d, is not there", seq, ref.Message, ref.Account)
		if err := c.found(fault, func(tx *Tx) error {
			c.settled[ref] = row.changed
			if err := tx.reach(seq); err != nil {
				return err
			}
			return c.restoreChange(tx, ref, seq)
		}); err != nil {
			return err
		}
	}
	return nil
}
