package recorder

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"cairn/consensus"
	"cairn/mailstore"
)

// LabelRecorded is borne by a sender's copy once all its records are in blocks.
const LabelRecorded = "recorded"

// sentCopy is a sender's copy, and how many records of it are sealed at once.
type sentCopy struct {
	mailstore.Ref
	records int
}

// noteSent notes whose copies have records in the micro-batch at place.
func noteSent(tx *mailstore.Tx, place Place, sent []sentCopy) error {
	if len(sent) == 0 {
		return nil
	}
	sp := tx.Space(space)
	var refs []byte
	for _, c := range sent {
		refs = c.Ref.Append(refs)
		if err := noteRecords(sp, c, place.number()); err != nil {
			return err
		}
	}
	if err := sp.Put(sentKey(place.number(), place.Micro), refs); err != nil {
		return err
	}
	// Only the first one's other records can have been sealed before, unless they
	// are made anew; then the label is not borne while one of them is missing.
	l, err := labellingOf(sp.SpaceReader, sent[0].Ref)
	if err != nil {
		return err
	}
	return l.apply(tx, sent[0].Ref)
}

// noteRecords notes the records of a copy in batch n. Where there are epochs they are
// counted, and are no longer to be made anew.
func noteRecords(sp mailstore.Space, c sentCopy, n number) error {
	if n.epoch == 0 {
		return sp.Put(ofKey(c.Ref, n), nil)
	}
	return errors.Join(addRecords(sp, ofKey(c.Ref, n), c.records), addRecords(sp, ofKey(c.Ref, anew), -c.records))
}

// addRecords adds to the count under key, which goes when it is no longer positive.
func addRecords(sp mailstore.Space, key []byte, more int) error {
	count, err := sp.Get(key)
	missing := errors.Is(err, mailstore.ErrNotFound)
	switch {
	case missing && more < 0:
		return nil
	case err != nil && !missing:
		return err
	case !missing:
		more += int(binary.BigEndian.Uint16(count))
	}
	if more <= 0 {
		return sp.Delete(key)
	}
	return sp.Put(key, binary.BigEndian.AppendUint16(nil, uint16(more)))
}

// relabel brings the labels of all batches up to date that entered or left
// the chain.
func (r *Recorder) relabel(ctx context.Context) error {
	for ctx.Err() == nil {
		var n number
		found := false
		err := r.store.View(func(rd *mailstore.Reader) error {
			return rd.Space(space).Scan([]byte(duePrefix), nil, func(key, _ []byte) bool {
				n, found = numberOf(key[len(duePrefix):]), true
				return false
			})
		})
		if err != nil || !found {
			return err
		}
		err = r.store.Update(ctx, func(tx *mailstore.Tx) error { return relabelPart(tx, n) })
		if err != nil {
			return fmt.Errorf("label the mail of batch %d: %w", n.seq, err)
		}
	}
	return ctx.Err()
}

// relabelPart does the next part of what is due for a batch.
func relabelPart(tx *mailstore.Tx, n number) error {
	sp := tx.Space(space)
	from, err := sp.Get(dueKey(n))
	if err != nil {
		return err
	}
	part, err := sentPart(sp.SpaceReader, n, binary.BigEndian.Uint16(from))
	if err != nil {
		return err
	}
	// All are looked up before the first is labelled: a scan sorts what was written since the last.
	labels := make([]labelling, len(part.refs))
	for i, ref := range part.refs {
		if labels[i], err = labellingOf(sp.SpaceReader, ref); err != nil {
			return err
		}
	}
	for i, ref := range part.refs {
		if err := labels[i].apply(tx, ref); err != nil {
			return err
		}
	}
	if part.more {
		return sp.Put(dueKey(n), binary.BigEndian.AppendUint16(nil, part.next))
	}
	return sp.Delete(dueKey(n))
}

// labelling is whether a sender's copy has the label.
type labelling uint8

const (
	unknown labelling = iota // it has no record here
	recorded
	unrecorded
)

// labellingOf: a sender's copy has the label if all batches that it has records in stand in blocks.
func labellingOf(sp mailstore.SpaceReader, ref mailstore.Ref) (labelling, error) {
	var batches []number
	err := sp.Scan(ofPrefix(ref), nil, func(key, _ []byte) bool {
		batches = append(batches, numberOf(key[len(ofPrefix(ref)):]))
		return true
	})
	if err != nil || len(batches) == 0 {
		return unknown, err
	}
	for _, n := range batches {
		if in, err := sp.Has(inKey(n)); err != nil || !in {
			return unrecorded, err
		}
	}
	return recorded, nil
}

// apply gives a sender's copy the label, or takes it back.
func (l labelling) apply(tx *mailstore.Tx, ref mailstore.Ref) error {
	var add, remove []string
	switch l {
	case unknown:
		return nil
	case recorded:
		add = []string{LabelRecorded}
	case unrecorded:
		remove = []string{LabelRecorded}
	}
	err := tx.SetLabels(ref.Account, ref.Message, add, remove)
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil // the sender has removed it
	}
	return err
}

// part is some of the senders' copies of one batch: as many as one
// transaction can label.
type part struct {
	refs []mailstore.Ref
	next uint16 // micro-batch that follows
	more bool   // whether there may be one
}

// sentPart reads the senders' copies of batch n from a micro-batch on.
func sentPart(sp mailstore.SpaceReader, n number, from uint16) (p part, err error) {
	p.next = from
	var bad error
	err = sp.Scan(sentOf(n), sentKey(n, from), func(key, value []byte) bool {
		var refs []mailstore.Ref
		refs, bad = decodeRefs(value)
		p.refs = append(p.refs, refs...)
		p.next = binary.BigEndian.Uint16(key[len(key)-2:]) + 1
		p.more = len(p.refs) >= consensus.MaxMicroRecords
		return bad == nil && !p.more
	})
	return p, errors.Join(err, bad)
}
