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

// noteSent notes whose copies have records in the micro-batch at place.
func noteSent(tx *mailstore.Tx, place Place, sent []Ref) error {
	if len(sent) == 0 {
		return nil
	}
	sp := tx.Space(space)
	if err := sp.Put(sentKey(place.number(), place.Micro), appendRefs(nil, sent)); err != nil {
		return err
	}
	for _, ref := range sent {
		if err := sp.Put(ofKey(ref, place.number()), nil); err != nil {
			return err
		}
	}
	// Only the first one's other records can have been sealed before.
	return label(tx, sent[0])
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
	for _, ref := range part.refs {
		if err := label(tx, ref); err != nil {
			return err
		}
	}
	if part.more {
		return sp.Put(dueKey(n), binary.BigEndian.AppendUint16(nil, part.next))
	}
	return sp.Delete(dueKey(n))
}

// label gives a sender's copy the label if all batches that it has records in
// stand in blocks, and takes it back if not.
func label(tx *mailstore.Tx, ref Ref) error {
	sp := tx.Space(space)
	var batches []number
	err := sp.Scan(ofPrefix(ref), nil, func(key, _ []byte) bool {
		batches = append(batches, numberOf(key[len(ofPrefix(ref)):]))
		return true
	})
	if err != nil || len(batches) == 0 {
		return err
	}
	add, remove := []string{LabelRecorded}, []string(nil)
	for _, n := range batches {
		in, err := sp.Has(inKey(n))
		if err != nil {
			return err
		}
		if !in {
			add, remove = nil, []string{LabelRecorded}
			break
		}
	}
	err = tx.SetLabels(ref.Account, ref.Message, add, remove)
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil // the sender has removed it
	}
	return err
}

// part is some of the senders' copies of one batch: as many as one
// transaction can label.
type part struct {
	refs []Ref
	next uint16 // micro-batch that follows
	more bool   // whether there may be one
}

// sentPart reads the senders' copies of batch n from a micro-batch on.
func sentPart(sp mailstore.SpaceReader, n number, from uint16) (p part, err error) {
	p.next = from
	var bad error
	err = sp.Scan(sentOf(n), sentKey(n, from), func(key, value []byte) bool {
		var refs []Ref
		refs, bad = decodeRefs(value)
		p.refs = append(p.refs, refs...)
		p.next = binary.BigEndian.Uint16(key[len(key)-2:]) + 1
		p.more = len(p.refs) >= consensus.MaxMicroRecords
		return bad == nil && !p.more
	})
	return p, errors.Join(err, bad)
}
