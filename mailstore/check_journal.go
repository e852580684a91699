package mailstore

import (
	"fmt"
	"slices"
)

// journalHolds looks for gaps in the journal, and holds it to the label sets and to the number of
// the last change.
func (c *check) journalHolds() error {
	end, err := c.r.number(metaModSeq)
	endKnown := err == nil
	trimmed, err := c.r.Trimmed()
	if err != nil {
		return err
	}
	next, gaps := trimmed+1, 0
	var failed error
	gap := func(from, to ModSeq) {
		if gaps++; gaps > maxLost {
			return
		}
		if c.repair && to-from >= mendAtOnce {
			trimmed = to // see mendGap
		}
		failed = c.found(Fault{
			Table: TableJournal, Text: fmt.Sprintf("the changes %d to %d of the journal are not there", from, to),
			Cure: (&DamagedError{Table: TableJournal}).Cure(),
		}, mendGap(from, to))
	}
	err = c.base.walk([]byte{tableJournal}, nil, func(key, value []byte, bad *DamagedError) bool {
		if len(key) != 9 {
			return true
		}
		seq := changeAt(key)
		if seq > next {
			gap(next, seq-1)
		}
		next = max(next, seq+1)
		if change, err := decodeChange(seq, value); failed == nil && bad == nil && err == nil {
			failed = c.changeHolds(change)
		}
		return failed == nil
	})
	if err != nil || failed != nil {
		return firstOf(err, failed)
	}
	switch {
	case endKnown && ModSeq(end) >= next:
		gap(next, ModSeq(end))
		return failed
	case endKnown && ModSeq(end) < next-1:
		return c.found(Fault{
			Table: TableJournal, Text: fmt.Sprintf("the journal goes on to change %d, behind the last one noted, which is %d", next-1, end),
			Cure: "see that the disk is well and restore a backup",
		}, nil)
	}
	return c.toldOf(trimmed)
}

// changeHolds looks whether what a change says still counts: a damaged block may bring back what
// was superseded.
func (c *check) changeHolds(change Change) error {
	if change.Kind == changeSuperseded || change.Kind == ChangeRemoved {
		return nil
	}
	row, err := storedRow(c.base, change.Ref())
	if err == nil && (row.added == 0 || row.tells(change)) || damaged(err) {
		return nil
	}
	if err != nil {
		if there, err := c.base.has(messageKey(tableMessage, change.Account, change.Message)); there || err != nil {
			return err // the labels are missing, which was reported
		}
	}
	return c.found(Fault{
		Table: TableJournal, Account: change.Account, Message: change.Message,
		Text: fmt.Sprintf("change %d of the journal has labels of message %d of account %d, though a later one counts", change.ModSeq, change.Message, change.Account),
		Cure: "a check with repair takes them out",
	}, func(tx *Tx) error {
		if row, err := storedRow(tx.src, change.Ref()); err == nil && row.tells(change) {
			return nil
		}
		return tx.supersede(change.Ref(), change.ModSeq)
	})
}

// tells reports whether a change is one of those that the journal keeps of a message.
func (row labelRow) tells(c Change) bool {
	return c.ModSeq == row.added && c.Kind == ChangeAdded || c.ModSeq == row.changed && c.Kind == ChangeLabels && slices.Equal(c.Labels, row.labels)
}

// toldOf looks for the changes that label sets name, where the journal was trimmed: there it has
// gaps.
func (c *check) toldOf(trimmed ModSeq) error {
	var failed error
	err := c.base.walk([]byte{tableLabels}, nil, func(key, value []byte, bad *DamagedError) bool {
		row, err := decodeLabelRow(value)
		if bad != nil || err != nil || len(key) != 13 {
			return true
		}
		ref := RefOf(key)
		for _, seq := range slices.Compact([]ModSeq{row.added, row.changed}) {
			if seq == 0 || seq > trimmed || failed != nil {
				continue
			}
			there, err := c.base.has(journalKey(seq))
			if failed = err; err == nil && !there {
				failed = c.found(Fault{
					Table: TableJournal, Account: ref.Account, Message: ref.Message,
					Text: fmt.Sprintf("change %d of the journal, of message %d of account %d, is not there", seq, ref.Message, ref.Account),
					Cure: (&DamagedError{Table: TableJournal}).Cure(),
				}, func(tx *Tx) error { return tx.tellAgain(ref, seq) })
			}
		}
		return failed == nil
	})
	return firstOf(err, failed)
}

// tellAgain puts a change in its place that the label set of a message names.
func (tx *Tx) tellAgain(ref Ref, seq ModSeq) error {
	row, err := storedRow(tx.src, ref)
	c, told := row.change(ref, seq)
	if err != nil || !told {
		return err
	}
	return tx.put(journalKey(seq), encodeChange(c))
}

// change is the one of that number, if it is one of those that the journal keeps of the message.
// The labels that it came with are those that it has.
func (row labelRow) change(ref Ref, seq ModSeq) (c Change, told bool) {
	c = Change{ModSeq: seq, Kind: ChangeLabels, Account: ref.Account, Message: ref.Message, Labels: row.labels}
	if seq == row.added {
		c.Kind = ChangeAdded
	}
	return c, seq == row.added || seq == row.changed
}

// mendChange puts a change in the place of one that is lost, so that whoever follows the journal
// comes to what is stored: the one that the journal lacks, or if it lacks none, an empty place.
func (tx *Tx) mendChange(seq ModSeq) error {
	key := journalKey(seq)
	if b, err := tx.src.get(key); err == nil {
		if _, err := decodeChange(seq, b); err == nil {
			return nil
		}
	}
	c, err := tx.lackingChange(seq)
	if err != nil {
		return err
	}
	return tx.put(key, encodeChange(c))
}

// lackingChange finds the message whose change is lost: by the label sets, and of one that is
// removed by what the journal still says of it.
func (r *Reader) lackingChange(seq ModSeq) (Change, error) {
	c := Change{ModSeq: seq, Kind: changeSuperseded}
	var failed error
	err := r.src.walk([]byte{tableLabels}, nil, func(key, value []byte, bad *DamagedError) bool {
		row, err := decodeLabelRow(value)
		switch {
		case bad != nil: // its labels would follow from what is to be mended
			failed = bad
		case err != nil:
			failed = err
		default:
			if lacking, is := row.change(RefOf(key), seq); is {
				c = lacking
			}
		}
		return c.Kind == changeSuperseded
	})
	if c.Kind != changeSuperseded {
		return c, err
	}
	if err = firstOf(err, failed); err != nil {
		return c, err
	}
	gone := make(map[Ref]bool) // removed, and the journal does not say so
	err = r.src.walk([]byte{tableJournal}, nil, func(key, value []byte, bad *DamagedError) bool {
		if told, err := decodeChange(changeAt(key), value); bad != nil || err != nil {
			return true
		} else if told.Kind == ChangeRemoved {
			delete(gone, told.Ref())
		} else if told.Account != 0 {
			gone[told.Ref()] = true
		}
		return true
	})
	for ref := range gone {
		stored, hasErr := r.src.has(messageKey(tableMessage, ref.Account, ref.Message))
		if err = firstOf(err, hasErr); err == nil && !stored {
			c.Kind, c.Account, c.Message = ChangeRemoved, ref.Account, ref.Message
			break
		}
	}
	return c, err
}

// storedRow is a label row as it is stored.
func storedRow(src source, ref Ref) (labelRow, error) {
	b, err := src.get(messageKey(tableLabels, ref.Account, ref.Message))
	if err != nil {
		return labelRow{}, err
	}
	return decodeLabelRow(b)
}

// mendAtOnce is how many changes that are not there are put in place: each costs a walk through the
// journal.
const mendAtOnce = 100

// mendGap puts changes in the place of those that are not there. Of many, the journal counts as
// trimmed up to the last one: who follows outside of the store begins anew, and what label sets
// name is put back.
func mendGap(from, to ModSeq) func(tx *Tx) error {
	if to-from >= mendAtOnce {
		return func(tx *Tx) error { return tx.putNumber(metaTrimmed, uint64(to)) }
	}
	return func(tx *Tx) error {
		for seq := from; seq <= to; seq++ {
			if err := tx.mendChange(seq); err != nil {
				return err
			}
		}
		return nil
	}
}
