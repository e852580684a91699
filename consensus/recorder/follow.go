package recorder

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

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
				if err := r.own(u, func(n number) error { return leave(sp, n) }); err != nil {
					return err
				}
			}
			for _, u := range applied {
				if err := r.own(u, func(n number) error { return enter(sp, n, u.Index.Height) }); err != nil {
					return err
				}
			}
			return sp.PutJSON([]byte(keyCursor), next)
		})
		if err != nil {
			return err
		}
		r.cursor = next
		for _, u := range reverted {
			// What the chain has lost it is offered again at once.
			_ = r.own(u, func(n number) error { delete(r.sentAt, n); return nil })
		}
	}
}

// own calls fn with the numbers of our batches in a block.
func (r *Recorder) own(u chain.Update, fn func(n number) error) error {
	for i := range u.Block.Batches {
		if b := &u.Block.Batches[i]; r.ours(b.Recorder) {
			if err := fn(number{b.Epoch, b.Seq}); err != nil {
				return err
			}
		}
	}
	return nil
}

// enter notes that a batch stands in a block, leave that it does not.
func enter(sp mailstore.Space, n number, height uint64) error {
	return errors.Join(
		sp.Put(inKey(n), binary.BigEndian.AppendUint64(nil, height)),
		sp.Put(dueKey(n), binary.BigEndian.AppendUint16(nil, 0)),
	)
}

func leave(sp mailstore.Space, n number) error {
	return errors.Join(
		sp.Delete(inKey(n)),
		sp.Put(dueKey(n), binary.BigEndian.AppendUint16(nil, 0)),
	)
}

// startOver forgets which batches stand in blocks: the chain was fetched anew.
// What it holds is entered again.
func (r *Recorder) startOver(ctx context.Context) error {
	const step = 1024
	for done := false; !done; {
		err := r.store.Update(ctx, func(tx *mailstore.Tx) error {
			sp := tx.Space(space)
			var in []number
			err := sp.Scan([]byte(inPrefix), nil, func(key, _ []byte) bool {
				in = append(in, numberOf(key[len(inPrefix):]))
				return len(in) < step
			})
			if err != nil {
				return err
			}
			for _, n := range in {
				if err := leave(sp, n); err != nil {
					return err
				}
			}
			if done = len(in) < step; done {
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
	if r.holder != nil && r.lookedIn != r.cursor.ID {
		return nil // what waits for a block of them was not told yet
	}
	for r.cursor.Height >= keepBlocks {
		n, found, err := r.oldest(r.cursor.Height - keepBlocks)
		if err != nil || !found {
			return err
		}
		for more := true; more; {
			err := r.store.Update(ctx, func(tx *mailstore.Tx) (err error) {
				more, err = forget(tx.Space(space), n)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// oldest returns the lowest batch of one of our epochs if it stands at height or
// below.
func (r *Recorder) oldest(height uint64) (n number, found bool, err error) {
	err = r.store.View(func(rd *mailstore.Reader) error {
		for from, more := []byte(nil), true; more && !found; from = inKey(number{n.epoch + 1, 0}) {
			more = false
			err := rd.Space(space).Scan([]byte(inPrefix), from, func(key, value []byte) bool {
				n, found = numberOf(key[len(inPrefix):]), binary.BigEndian.Uint64(value) <= height
				more = n.epoch != 0 && n.epoch != math.MaxUint64
				return false
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return n, found, err
}

// forget drops some of what is kept about a batch, the batch itself last, and
// reports whether there is more.
func forget(sp mailstore.Space, n number) (more bool, err error) {
	part, err := sentPart(sp.SpaceReader, n, 0)
	if err != nil {
		return false, err
	}
	for _, ref := range part.refs {
		if err := sp.Delete(ofKey(ref, n)); err != nil {
			return false, err
		}
	}
	for micro := range part.next {
		if err := sp.Delete(sentKey(n, micro)); err != nil {
			return false, err
		}
	}
	if part.more {
		return true, nil
	}
	return false, errors.Join(sp.Delete(batchKey(n)), sp.Delete(inKey(n)))
}
