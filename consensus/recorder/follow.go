package recorder

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"cairn/consensus/chain"
	"cairn/mailstore"
)

// followStep is how many blocks one transaction takes in. A block has up to
// half a megabyte.
const followStep = 32

// follow brings the labels of sent mail up to the chain's tip. The cursor
// moves in the transaction that notes which of our batches stand in blocks;
// labels follow from that in transactions of bounded size.
func (r *Recorder) follow(ctx context.Context) error {
	for {
		reverted, applied, err := r.chain.UpdatesSince(r.cursor, followStep)
		if errors.Is(err, chain.ErrUnknownIndex) {
			if err := r.startOver(ctx); err != nil {
				return fmt.Errorf("start over on a new chain: %w", err)
			}
			continue
		}
		if err != nil {
			return err
		}
		if len(reverted)+len(applied) == 0 {
			return r.relabel(ctx)
		}
		next := r.cursor
		if n := len(applied); n > 0 {
			next = applied[n-1].Index
		} else {
			next = reverted[len(reverted)-1].Parent
		}
		err = r.store.Update(ctx, func(tx *mailstore.Tx) error {
			sp := tx.Space(space)
			for _, u := range reverted {
				if err := r.own(u, func(seq uint64) error { return leave(sp, seq) }); err != nil {
					return err
				}
			}
			for _, u := range applied {
				if err := r.own(u, func(seq uint64) error { return enter(sp, seq, u.Index.Height) }); err != nil {
					return err
				}
			}
			return putJSON(sp, []byte(keyCursor), next)
		})
		if err != nil {
			return err
		}
		r.cursor = next
		for _, u := range reverted {
			// What the chain has lost it is offered again at once.
			_ = r.own(u, func(seq uint64) error { delete(r.sentAt, seq); return nil })
		}
	}
}

// own calls fn with the numbers of our batches in a block.
func (r *Recorder) own(u chain.Update, fn func(seq uint64) error) error {
	for i := range u.Block.Batches {
		if b := &u.Block.Batches[i]; b.Recorder == r.pub {
			if err := fn(b.Seq); err != nil {
				return err
			}
		}
	}
	return nil
}

// enter notes that a batch stands in a block, leave that it does not.
func enter(sp mailstore.Space, seq, height uint64) error {
	return errors.Join(
		sp.Put(inKey(seq), binary.BigEndian.AppendUint64(nil, height)),
		sp.Put(dueKey(seq), binary.BigEndian.AppendUint16(nil, 0)),
	)
}

func leave(sp mailstore.Space, seq uint64) error {
	return errors.Join(
		sp.Delete(inKey(seq)),
		sp.Put(dueKey(seq), binary.BigEndian.AppendUint16(nil, 0)),
	)
}

// startOver forgets which batches stand in blocks: the chain was fetched anew.
// What it holds is entered again.
func (r *Recorder) startOver(ctx context.Context) error {
	const step = 1024
	for done := false; !done; {
		err := r.store.Update(ctx, func(tx *mailstore.Tx) error {
			sp := tx.Space(space)
			var seqs []uint64
			err := sp.Scan([]byte("in/"), nil, func(key, _ []byte) bool {
				seqs = append(seqs, seqOf(key))
				return len(seqs) < step
			})
			if err != nil {
				return err
			}
			for _, seq := range seqs {
				if err := leave(sp, seq); err != nil {
					return err
				}
			}
			if done = len(seqs) < step; done {
				return sp.Delete([]byte(keyCursor))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	r.cursor = chain.Index{}
	return nil
}

// prune forgets our batches that no reorganisation will ask for again.
func (r *Recorder) prune(ctx context.Context) error {
	for r.cursor.Height >= keepBlocks {
		seq, found, err := r.oldest(r.cursor.Height - keepBlocks)
		if err != nil || !found {
			return err
		}
		for more := true; more; {
			err := r.store.Update(ctx, func(tx *mailstore.Tx) (err error) {
				more, err = forget(tx.Space(space), seq)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// oldest returns our lowest batch if it stands at height or below.
func (r *Recorder) oldest(height uint64) (seq uint64, found bool, err error) {
	err = r.store.View(func(rd *mailstore.Reader) error {
		return rd.Space(space).Scan([]byte("in/"), nil, func(key, value []byte) bool {
			seq, found = seqOf(key), binary.BigEndian.Uint64(value) <= height
			return false
		})
	})
	return seq, found, err
}

// forget drops some of what is kept about a batch, the batch itself last, and
// reports whether there is more.
func forget(sp mailstore.Space, seq uint64) (more bool, err error) {
	part, err := sentPart(sp.SpaceReader, seq, 0)
	if err != nil {
		return false, err
	}
	for _, ref := range part.refs {
		if err := sp.Delete(ofKey(ref, seq)); err != nil {
			return false, err
		}
	}
	for micro := range part.next {
		if err := sp.Delete(sentKey(seq, micro)); err != nil {
			return false, err
		}
	}
	if part.more {
		return true, nil
	}
	return false, errors.Join(sp.Delete(batchKey(seq)), sp.Delete(inKey(seq)))
}
