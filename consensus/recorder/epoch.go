package recorder

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
)

// Where recorder keys have epochs, each Recorder signs in one of its own, which it
// opens before it signs anything. Whether the store is an old copy, or another
// process has one like it, need not be known then: no place is signed for twice,
// and mail does not wait until it is known. The chain takes a new epoch of a key in
// every EpochGap-th block at most; until then what is closed is held back.

// former is an epoch in which nothing is sealed any more, with its signing state.
type former struct {
	key string // under which it is stored
	openBatch
}

const (
	formerPrefix = "former/"
	// stopTime is how long closing the open batch may take at the end.
	stopTime = 2 * time.Second
)

// readFormers lists the former epochs in the order in which they were left.
func readFormers(sp mailstore.SpaceReader) (formers []former, err error) {
	var bad error
	err = sp.Scan([]byte(formerPrefix), nil, func(key, value []byte) bool {
		f := former{key: string(key)}
		if bad = json.Unmarshal(value, &f.openBatch); bad != nil {
			bad = fmt.Errorf("stored %q: %w", key, bad)
		}
		formers = append(formers, f)
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	return formers, err
}

// nextFormer is the key that follows those of formers.
func nextFormer(formers []former) string {
	count := uint64(0)
	if n := len(formers); n > 0 {
		count = binary.BigEndian.Uint64([]byte(formers[n-1].key[len(formerPrefix):])) + 1
	}
	return string(binary.BigEndian.AppendUint64([]byte(formerPrefix), count))
}

// epochs are the signing states of all epochs that are kept, the one that is open last.
func epochs(formers []former, open *openBatch) []*openBatch {
	var list []*openBatch
	for i := range formers {
		list = append(list, &formers[i].openBatch)
	}
	return append(list, open)
}

func (r *Recorder) epochs() []*openBatch { return epochs(r.formers, &r.open) }

// opened reports whether this Recorder has opened the epoch that is open.
func (r *Recorder) opened() bool { return r.epoch.Load() != 0 && r.epoch.Load() == r.open.Epoch }

// keepEpoch opens an epoch unless there is one that this Recorder alone has signed in.
func (r *Recorder) keepEpoch(ctx context.Context, s *consensus.State) error {
	why := "nothing was signed by this process yet"
	if r.opened() {
		var err error
		if why, err = r.conflict(s, &r.open); err != nil || why == "" {
			return err
		}
	}
	return r.openEpoch(ctx, why)
}

// openEpoch leaves the epoch that is open, if there is one, and opens another.
func (r *Recorder) openEpoch(ctx context.Context, why string) error {
	next := openBatch{Key: r.pub, Seq: 1}
	for next.Epoch == 0 {
		var b [8]byte
		rand.Read(b[:]) // never fails
		next.Epoch = binary.BigEndian.Uint64(b[:])
	}
	formers := slices.Clone(r.formers)
	if r.open.signed() {
		formers = append(formers, former{nextFormer(formers), r.open})
	}
	err := r.store.Update(ctx, func(tx *mailstore.Tx) error {
		sp := tx.Space(space)
		note, restored, err := restoredAnew(&tx.Reader)
		if err == nil && restored {
			err = sp.PutJSON([]byte(keyRestored), note)
		}
		if err != nil {
			return err
		}
		for i := range formers {
			f := &formers[i]
			if restored {
				// Whoever made the backup went on, and has closed it with more in it.
				f.GivenUp, f.Micros, f.Abreast = f.GivenUp || len(f.Micros) > 0, nil, 0
			} else if i < len(r.formers) {
				continue // as stored
			}
			if err := sp.PutJSON([]byte(f.key), f.openBatch); err != nil {
				return err
			}
		}
		return sp.PutJSON([]byte(keyOpen), next)
	})
	if err != nil {
		return fmt.Errorf("open an epoch: %w", err)
	}
	r.log.Info("recorder: opened an epoch of the recorder key", "epoch", next.Epoch, "why", why)
	r.open, r.formers, r.restored = next, formers, false
	r.epoch.Store(next.Epoch)
	return nil
}

// restoredAnew reports whether the store was made from a backup since this was last
// noted under keyRestored.
func restoredAnew(rd *mailstore.Reader) (note mailstore.Restoration, anew bool, err error) {
	note, restored, err := rd.Restored()
	if err != nil || !restored {
		return note, false, err
	}
	var known mailstore.Restoration
	_, err = rd.Space(space).JSON([]byte(keyRestored), &known)
	return note, err == nil && known != note, err
}

// settleFormers closes what former epochs left open, and forgets those that are
// settled for good.
func (r *Recorder) settleFormers(ctx context.Context, s *consensus.State) error {
	for i := 0; i < len(r.formers); {
		f := &r.formers[i]
		if err := r.noteAbreast(ctx, s, f); err != nil {
			return err
		}
		tip, opened := s.BatchTip(r.series(&f.openBatch))
		why, err := r.conflict(s, &f.openBatch)
		if err != nil {
			return err
		}
		inBlocks := tip.Seq == f.Seq-1 && len(f.Micros) == 0
		since, ended := r.closedFor(s, r.of(&f.openBatch))
		switch {
		case why != "" || inBlocks || ended:
			if opened && s.Height() >= tip.Height+keepBlocks || ended && since >= keepBlocks {
				if err := r.forgetFormer(ctx, i); err != nil {
					return err
				}
				continue
			}
		case len(f.Micros) > 0 && r.mayClose(s, &f.openBatch):
			// As whoever else has a copy of this state would close it.
			if f.openBatch, err = r.closeBatch(ctx, s, f.key, f.openBatch, f.Opened, f.Tip); err != nil {
				return err
			}
		}
		i++
	}
	return nil
}

// noteAbreast notes since when this node, or a process before that had the epoch as a former one
// too, is abreast of the chain: processes that do not live for EpochGap blocks count together.
func (r *Recorder) noteAbreast(ctx context.Context, s *consensus.State, f *former) error {
	if f.Abreast != 0 || !r.abreast.Load() || len(f.Micros) == 0 && !f.GivenUp {
		return nil
	}
	next := f.openBatch
	next.Abreast = s.Height() + 1
	err := r.store.Update(ctx, func(tx *mailstore.Tx) error { return tx.Space(space).PutJSON([]byte(f.key), next) })
	if err == nil {
		f.openBatch = next
	}
	return err
}

// mayClose reports whether what a former epoch left open may be closed: had
// another process gone on with that epoch, the chain would hold more of it by now,
// unless it is cut off from all others.
func (r *Recorder) mayClose(s *consensus.State, o *openBatch) bool {
	key := r.of(o)
	return r.abreast.Load() && r.ours(key) && s.Seals(key) && o.Abreast != 0 && s.Height()+1 >= o.Abreast+consensus.EpochGap
}

// stop closes the open batch of an epoch that ends with this process, so that the
// next one finds nothing left open.
func (r *Recorder) stop(ctx context.Context) {
	s := r.chain.State()
	if r.silent() != "" || r.unsure || !r.opened() || len(r.open.Micros) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if _, err := r.closeBatch(ctx, s, keyOpen, r.open, uint64(r.now().UnixMilli()), s.Tip()); err != nil {
		r.log.Warn("recorder: the open batch was not closed at the end; what follows does it later", "err", err)
	}
}

func (r *Recorder) forgetFormer(ctx context.Context, i int) error {
	err := r.store.Update(ctx, func(tx *mailstore.Tx) error {
		return tx.Space(space).Delete([]byte(r.formers[i].key))
	})
	if err != nil {
		return err
	}
	r.formers = append(r.formers[:i:i], r.formers[i+1:]...)
	return nil
}
