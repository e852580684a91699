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

// arrival is the change by which the message of a row counts as come. The labels that it came with
// are not known any more: they are those that it has.
func (row labelRow) arrival(ref Ref) Change {
	return Change{ModSeq: row.added, Kind: ChangeAdded, Account: ref.Account, Message: ref.Message, Labels: row.labels}
}

// lastLabels is the last change of the labels of the message of a row, which may be its arrival.
func (row labelRow) lastLabels(ref Ref) Change {
	if row.changed == row.added {
		return row.arrival(ref)
	}
	return Change{ModSeq: row.changed, Kind: ChangeLabels, Account: ref.Account, Message: ref.Message, Labels: row.labels}
}

// names reports whether a change is one of those that the row names.
func (row labelRow) names(c Change) bool {
	if c.Kind == ChangeAdded && c.ModSeq == row.added {
		return row.changed != row.added || slices.Equal(c.Labels, row.labels)
	}
	return c.Kind == ChangeLabels && c.ModSeq == row.changed && slices.Equal(c.Labels, row.labels)
}

// labelRow is Labels with the changes that tell of them. stored tells that it is not made anew from
// the journal.
func (r *Reader) labelRow(ref Ref) (row labelRow, stored bool, err error) {
	key := messageKey(tableLabels, ref.Account, ref.Message)
	row, err = storedRow(r.src, ref)
	if errors.Is(err, ErrNotFound) {
		err = r.missing(err, key, func() (bool, error) { return r.src.has(messageKey(tableMessage, ref.Account, ref.Message)) })
	}
	if damaged(err) {
		var certain bool
		if row, certain, err = r.labelRowOf(ref); err == nil && !certain {
			err = damagedAt(r.src.where(), key, "the journal may lack what they were last")
		}
		return row, false, err
	}
	if err != nil {
		return labelRow{}, false, fmt.Errorf("labels of message %d of account %d: %w", ref.Message, ref.Account, err)
	}
	return row, true, nil
}

// storedRow is a label row as it is stored.
func storedRow(src source, ref Ref) (labelRow, error) {
	b, err := src.get(messageKey(tableLabels, ref.Account, ref.Message))
	if err != nil {
		return labelRow{}, err
	}
	return decodeLabelRow(b)
}

// labelRowOf returns the label row of a message by the journal, of which it reads all. certain
// tells that no later change of the message is lost: one of those that are lost may be of it,
// unless the row of another message names it.
func (r *Reader) labelRowOf(ref Ref) (row labelRow, certain bool, err error) {
	trimmed, err := r.Trimmed()
	if err != nil {
		return row, false, err
	}
	end, err := r.ModSeq()
	if err != nil {
		return row, false, err
	}
	lost := make(map[ModSeq]bool)
	next := trimmed + 1
	missing := func(to ModSeq) {
		for ; next < to && len(lost) <= mendAtOnce; next++ {
			lost[next] = true
		}
		next = max(next, to+1)
	}
	known := false
	err = r.changes(0, func(c Change, bad error) bool {
		missing(c.ModSeq)
		switch {
		case bad != nil:
			lost[c.ModSeq] = true
		case c.Ref() == ref:
			row.labels, row.changed = c.Labels, c.ModSeq
			if c.Kind == ChangeAdded {
				row.added = c.ModSeq
			}
			known = c.Kind == ChangeAdded || c.Kind == ChangeLabels
			clear(lost)
		}
		return true
	})
	missing(end + 1)
	if err == nil && known && len(lost) > 0 {
		err = r.src.walk([]byte{tableLabels}, nil, func(_, value []byte, bad *DamagedError) bool {
			if other, err := decodeLabelRow(value); bad == nil && err == nil {
				delete(lost, other.added)
				delete(lost, other.changed)
			}
			return len(lost) > 0
		})
	}
	if err == nil && !known {
		err = damagedAt(r.src.where(), messageKey(tableLabels, ref.Account, ref.Message), "the journal does not tell what they were")
	}
	return row, len(lost) == 0, err
}

// putRow stores the label row of a message.
func (tx *Tx) putRow(ref Ref, row labelRow) error {
	return tx.put(messageKey(tableLabels, ref.Account, ref.Message), row.encode())
}
