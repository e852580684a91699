package recorder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"cairn/consensus/chain"
	"cairn/mailstore"
)

// LabelRecorded is borne by a sender's copy once its records are in a block.
const LabelRecorded = "recorded"

// followStep is how many blocks one transaction takes in.
const followStep = 256

// follow brings the labels of sent mail up to the chain's tip. The cursor
// moves in the transaction that holds the results.
func (r *Recorder) follow(ctx context.Context) error {
	for ctx.Err() == nil {
		reverted, applied, err := r.chain.UpdatesSince(r.cursor, followStep)
		if errors.Is(err, chain.ErrUnknownIndex) {
			// The chain was fetched anew. What it holds is applied again.
			r.cursor = chain.Index{}
			continue
		}
		if err != nil || len(reverted)+len(applied) == 0 {
			return err
		}
		next := r.cursor
		err = r.store.Update(ctx, func(tx *mailstore.Tx) error {
			next = r.cursor
			for _, u := range reverted {
				if err := r.mark(tx, u, false); err != nil {
					return err
				}
				next = u.Parent
			}
			for _, u := range applied {
				if err := r.mark(tx, u, true); err != nil {
					return err
				}
				if err := prune(tx, u.Index.Height); err != nil {
					return err
				}
				next = u.Index
			}
			return putJSON(tx.Space(space), []byte(keyCursor), next)
		})
		if err != nil {
			return err
		}
		r.cursor = next
	}
	return nil
}

// mark labels the senders' copies of what a block of ours holds, or takes the
// label back.
func (r *Recorder) mark(tx *mailstore.Tx, u chain.Update, included bool) error {
	add, remove := []string{LabelRecorded}, []string(nil)
	if !included {
		add, remove = remove, add
	}
	for i := range u.Block.Batches {
		b := &u.Block.Batches[i]
		if b.Recorder != r.pub {
			continue
		}
		key := includedKey(u.Index.Height, b.Seq)
		var err error
		if included {
			err = tx.Space(space).Put(key, nil)
		} else {
			err = tx.Space(space).Delete(key)
			delete(r.sentAt, b.Seq)
		}
		if err != nil {
			return err
		}
		refs, err := sentOf(tx, b.Seq)
		if err != nil {
			return err
		}
		for _, ref := range refs {
			err := tx.SetLabels(ref.Account, ref.Message, add, remove)
			if err != nil && !errors.Is(err, mailstore.ErrNotFound) {
				return err
			}
		}
	}
	return nil
}

// sentOf lists the senders' copies of the batch numbered seq.
func sentOf(tx *mailstore.Tx, seq uint64) ([]Ref, error) {
	var refs []Ref
	var bad error
	err := tx.Space(space).Scan(sentPrefix(seq), nil, func(_, value []byte) bool {
		var some []Ref
		bad = json.Unmarshal(value, &some)
		refs = append(refs, some...)
		return bad == nil
	})
	return refs, errors.Join(err, bad)
}

// prune forgets our batches that no reorganisation will ask for again.
func prune(tx *mailstore.Tx, height uint64) error {
	if height < keepBlocks {
		return nil
	}
	bound := includedKey(height-keepBlocks, ^uint64(0))
	sp := tx.Space(space)
	var gone [][]byte
	var seqs []uint64
	err := sp.Scan([]byte("included/"), nil, func(key, _ []byte) bool {
		if bytes.Compare(key, bound) > 0 {
			return false
		}
		gone = append(gone, bytes.Clone(key))
		seqs = append(seqs, seqOfIncluded(key))
		return true
	})
	if err != nil {
		return err
	}
	for _, seq := range seqs {
		gone = append(gone, batchKey(seq))
		err := sp.Scan(sentPrefix(seq), nil, func(key, _ []byte) bool {
			gone = append(gone, bytes.Clone(key))
			return true
		})
		if err != nil {
			return err
		}
	}
	for _, key := range gone {
		if err := sp.Delete(key); err != nil {
			return err
		}
	}
	return nil
}
