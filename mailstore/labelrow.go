package mailstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// labelRow is the label set of a message, with the changes of the journal that tell of it.
type labelRow struct {
	labels  []string // sorted
	added   ModSeq   // by which the message came; 0 if that is not known
	changed ModSeq   // the last one; added if there was none since
}

// rowVersion is the version of a label row; one of valueVersion has the labels alone.
const rowVersion = 2

func (row labelRow) encode() []byte {
	b := binary.AppendUvarint([]byte{rowVersion}, uint64(row.added))
	return appendTexts(binary.AppendUvarint(b, uint64(row.changed)), row.labels)
}

func decodeLabelRow(b []byte) (row labelRow, err error) {
	d, version := newDecoderUpTo(rowVersion, b, "label set")
	if version == rowVersion {
		row.added, row.changed = ModSeq(d.uint()), ModSeq(d.uint())
	}
	row.labels = d.texts()
	return row, d.done()
}

// numbers are those of the changes that the row names.
func (row labelRow) numbers() []ModSeq {
	if row.changed == row.added {
		return []ModSeq{row.added}
	}
	return []ModSeq{row.added, row.changed}
}

// change is the one of these with that number, as the journal keeps it: labels are with the last.
func (row labelRow) change(ref Ref, seq ModSeq) Change {
	c := Change{ModSeq: seq, Kind: ChangeLabels, Account: ref.Account, Message: ref.Message, Labels: row.labels}
	switch {
	case row.changed == row.added:
		c.Kind = ChangeAdded
	case seq == row.added:
		c.Kind, c.Labels = changeArrived, nil
	}
	return c
}

// refersTo reports whether a change is one of those that the row names, and says what it does.
func (row labelRow) refersTo(c Change) bool {
	if !slices.Contains(row.numbers(), c.ModSeq) {
		return false
	}
	want := row.change(c.Ref(), c.ModSeq)
	return c.Kind == want.Kind && slices.Equal(c.Labels, want.Labels)
}

// labelRow is Labels with the changes that tell of them. stored tells that it is not made anew from
// the journal.
func (r *Reader) labelRow(ref Ref) (row labelRow, stored bool, err error) {
	key := messageKey(tableLabels, ref.Account, ref.Message)
	row, err = storedRow(r.src, ref)
	if errors.Is(err, ErrNotFound) {
		err = r.missing(err, key, func() (bool, error) { return r.src.has(messageKey(tableMessage, ref.Account, ref.Message)) })
	}
	if err == nil {
		return row, true, nil
	}
	if !damaged(err) {
		return labelRow{}, false, fmt.Errorf("labels of message %d of account %d: %w", ref.Message, ref.Account, err)
	}
	row, err = r.labelRowOf(ref)
	return row, false, err
}

// storedRow is a label row as it is stored.
func storedRow(src source, ref Ref) (labelRow, error) {
	b, err := src.get(messageKey(tableLabels, ref.Account, ref.Message))
	if err != nil {
		return labelRow{}, err
	}
	return decodeLabelRow(b)
}

// heldRow is storedRow of a message that is there: a row without one owns nothing.
func heldRow(src source, ref Ref) (labelRow, error) {
	there, err := src.has(messageKey(tableMessage, ref.Account, ref.Message))
	if err == nil && !there {
		err = ErrNotFound
	}
	if err != nil {
		return labelRow{}, err
	}
	return storedRow(src, ref)
}

// labelRowOf returns the label row of a message by the journal, of which it reads all: a change
// that has labels is the last one, or else it would be superseded. Where none has, the row beside
// the error says what else is known.
func (r *Reader) labelRowOf(ref Ref) (row labelRow, err error) {
	told := false
	err = r.changes(0, func(c Change, bad error) bool {
		if bad != nil || c.Ref() != ref || c.Kind == changeSuperseded {
			return true
		}
		row.labels, row.changed = c.Labels, c.ModSeq
		if c.Kind == ChangeAdded || c.Kind == changeArrived {
			row.added = c.ModSeq
		}
		told = c.Kind == ChangeAdded || c.Kind == ChangeLabels
		return true
	})
	if err == nil && !told {
		err = r.src.damaged(messageKey(tableLabels, ref.Account, ref.Message), "the journal does not tell what they were")
	}
	return row, err
}

// putRow stores the label row of a message.
func (tx *Tx) putRow(ref Ref, row labelRow) error {
	return tx.put(messageKey(tableLabels, ref.Account, ref.Message), row.encode())
}

// relabel gives a message another label set, and the journal that change in the place of the one
// before.
func (tx *Tx) relabel(ref Ref, old labelRow, set []string) error {
	row := labelRow{labels: set, added: old.added, changed: tx.modseq + 1}
	var err error
	switch {
	case old.changed != old.added:
		err = tx.supersede(ref, old.changed)
	case old.added != 0:
		err = tx.putChange(row.change(ref, old.added))
	}
	return errors.Join(err, tx.putRow(ref, row), tx.journal(row.change(ref, row.changed)))
}
