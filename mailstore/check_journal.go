package mailstore

import (
	"encoding/binary"
	"errors"
	"slices"
)

// told is what the journal says of one message.
type told struct {
	added, removed bool
	first, last    ModSeq
	labels         []string
}

// mendChange puts a change in the place of one that is lost, so that whoever follows the journal
// comes to what is stored: the one that the journal lacks, or if it lacks none, one that says again
// what is so.
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

func (r *Reader) lackingChange(seq ModSeq) (c Change, err error) {
	journal := make(map[Ref]*told)
	err = r.src.walk([]byte{tableJournal}, nil, func(key, value []byte, bad *DamagedError) bool {
		c, err := decodeChange(ModSeq(binary.BigEndian.Uint64(key[1:])), value)
		if bad != nil || err != nil {
			return true
		}
		ref := c.Ref()
		t := journal[ref]
		if t == nil {
			t = &told{first: c.ModSeq}
			journal[ref] = t
		}
		t.added, t.removed = t.added || c.Kind == ChangeAdded, t.removed || c.Kind == ChangeRemoved
		t.last, t.labels = c.ModSeq, c.Labels
		return true
	})
	if err != nil {
		return c, err
	}
	stored := make(map[Ref]bool)
	var again Change
	var failed error
	err = r.src.walk([]byte{tableMessage}, nil, func(key, _ []byte, _ *DamagedError) bool {
		ref := RefOf(key)
		stored[ref] = true
		var labels []string
		if labels, failed = r.storedLabels(ref); failed != nil {
			return false
		}
		now := Change{ModSeq: seq, Kind: ChangeLabels, Account: ref.Account, Message: ref.Message, Labels: labels}
		t := journal[ref]
		switch {
		case t == nil || !t.added && t.first > seq:
			c = now
			c.Kind = ChangeAdded
			return false
		case t.added && t.last < seq && !slices.Equal(t.labels, labels) && c.Kind == 0:
			c = now
		}
		if t != nil && t.added && t.first < seq {
			again = now
		}
		return true
	})
	if err = firstOf(err, failed); err != nil || c.Kind == ChangeAdded {
		return c, err
	}
	for ref, t := range journal {
		if !stored[ref] && !t.removed && t.last < seq && c.Kind == 0 {
			c = Change{ModSeq: seq, Kind: ChangeRemoved, Account: ref.Account, Message: ref.Message}
		}
		if again.Kind == 0 && t.removed && t.last < seq {
			again = Change{ModSeq: seq, Kind: ChangeRemoved, Account: ref.Account, Message: ref.Message}
		}
	}
	if c.Kind == 0 {
		c = again
	}
	if c.Kind == 0 {
		return c, errors.New("what is stored does not tell what it was")
	}
	return c, nil
}

// storedLabels are labels as they are stored: those of the journal would follow from what is to be
// mended.
func (r *Reader) storedLabels(ref Ref) ([]string, error) {
	b, err := r.src.get(messageKey(tableLabels, ref.Account, ref.Message))
	if err != nil {
		return nil, err
	}
	return decodeLabels(b)
}

// mendAtOnce is how many changes that are not there are put in place: each costs a walk through the
// journal.
const mendAtOnce = 100

func mendGap(from, to ModSeq) func(tx *Tx) error {
	if to-from >= mendAtOnce {
		return nil
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
