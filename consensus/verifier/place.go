package verifier

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/mailstore"
)

// placement is where a batch stands on the chain, as far as the verifier has
// followed it: the block, and the micro-roots that count at its number.
type placement struct {
	block  chain.Index
	micros []consensus.MicroRoot
}

func placeKey(series consensus.Series, seq uint64) []byte {
	return appendNumber([]byte(prefixPlace), series, seq)
}

// appendNumber names a batch in a key: recorder key, epoch u64, seq u64. Epoch 0, which all batches
// of a network have or none, is left out: so keys of the two forms never meet in one store, and a
// prefix of one cannot be taken for one of the other.
func appendNumber(b []byte, series consensus.Series, seq uint64) []byte {
	b = append(b, series.Recorder[:]...)
	if series.Epoch != 0 {
		b = binary.BigEndian.AppendUint64(b, series.Epoch)
	}
	return binary.BigEndian.AppendUint64(b, seq)
}

// numberOf reads what appendNumber has appended, all of b.
func numberOf(b []byte) (series consensus.Series, seq uint64) {
	n := copy(series.Recorder[:], b)
	if b = b[n:]; len(b) > 8 {
		series.Epoch, b = binary.BigEndian.Uint64(b), b[8:]
	}
	return series, binary.BigEndian.Uint64(b)
}

// encode gives height u64, block id, then the micro-roots.
func (p *placement) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, p.block.Height)
	b = append(b, p.block.ID[:]...)
	for _, m := range p.micros {
		b = m.Append(b)
	}
	return b
}

func decodePlacement(b []byte) (*placement, error) {
	const head = 8 + len(consensus.Hash{})
	if len(b) < head || (len(b)-head)%consensus.MicroSize != 0 {
		return nil, fmt.Errorf("%w: where a batch stands on the chain has %d bytes: see that the disk is well and restore a backup",
			mailstore.ErrDamaged, len(b))
	}
	p := new(placement)
	p.block.Height = binary.BigEndian.Uint64(b)
	copy(p.block.ID[:], b[8:])
	for b = b[head:]; len(b) > 0; b = b[consensus.MicroSize:] {
		var m consensus.MicroRoot
		n := copy(m.Root[:], b)
		m.Count = binary.BigEndian.Uint16(b[n:])
		p.micros = append(p.micros, m)
	}
	return p, nil
}

// placeOf returns where the batch of a series numbered seq stands; nil if
// nowhere.
func placeOf(sp mailstore.SpaceReader, series consensus.Series, seq uint64) (*placement, error) {
	b, err := sp.Get(placeKey(series, seq))
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodePlacement(b)
}

// mendPlaces reads from the chain where those batches stand of which that is damaged here, as far
// as that was followed, and makes their mail due.
func (v *Verifier) mendPlaces(ctx context.Context) error {
	lost, err := v.damagedPlaces(ctx)
	if err != nil {
		return err
	}
	places := make(map[string]*placement, len(lost)) // nil: in no block
	for _, key := range lost {
		places[string(key)] = nil
	}
	if len(lost) > 0 {
		v.log.Error("verifier: where batches stand on the chain was damaged, and is read from there anew", "batches", len(lost))
		if err := v.findPlaces(ctx, places); err != nil {
			return fmt.Errorf("read where batches stand: %w", err)
		}
	}
	for step := range slices.Chunk(lost, followStep) {
		err := v.store.Update(ctx, func(tx *mailstore.Tx) error {
			sp := tx.Space(space)
			for _, key := range step {
				err := sp.Delete(key)
				if p := places[string(key)]; p != nil {
					err = sp.Put(key, p.encode())
				}
				series, seq := numberOf(key[len(prefixPlace):])
				if err = errors.Join(err, putDueIfAny(sp, batchPrefix(series, seq), 0)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("note where batches stand: %w", err)
		}
	}
	v.placesDamaged.Store(false)
	return nil
}

// findPlaces looks for batches, by their keys, in the blocks up to the cursor.
func (v *Verifier) findPlaces(ctx context.Context, places map[string]*placement) error {
	cursor, err := v.Cursor()
	if err != nil {
		return err
	}
	for since := (chain.Index{}); ; {
		reverted, applied, err := v.chain.UpdatesSince(since, followStep)
		if err = cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
		if len(reverted) > 0 { // the chain left what was read
			return errAhead
		}
		for _, u := range applied {
			if since = u.Index; u.Index.Height > cursor.Height {
				break
			}
			for i := range u.Block.Batches {
				b := &u.Block.Batches[i]
				key := string(placeKey(b.Series(), b.Seq))
				if _, wanted := places[key]; wanted {
					places[key] = &placement{block: u.Index, micros: b.Micros}
				}
			}
		}
		if len(applied) == 0 || since.Height >= cursor.Height {
			break
		}
	}
	// What was read is of the branch that was followed, if that is the best one still.
	reverted, _, err := v.chain.UpdatesSince(cursor, 1)
	if err == nil && len(reverted) > 0 {
		err = errAhead
	}
	return err
}

// damagedPlaces returns the keys of the batches of which it cannot be read where they stand.
func (v *Verifier) damagedPlaces(ctx context.Context) (lost [][]byte, err error) {
	err = v.store.View(func(rd *mailstore.Reader) error {
		sp := rd.Space(space)
		var bad error
		err := sp.Keys([]byte(prefixPlace), nil, func(key []byte) bool {
			b, err := sp.Get(key)
			if err == nil {
				_, err = decodePlacement(b)
			}
			if errors.Is(err, mailstore.ErrDamaged) {
				lost, err = append(lost, bytes.Clone(key)), nil
			}
			bad = cmp.Or(err, ctx.Err())
			return bad == nil
		})
		return errors.Join(err, bad)
	})
	return lost, err
}
