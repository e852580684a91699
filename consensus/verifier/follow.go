package verifier

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/mailstore"
)

// followStep is how many blocks one transaction takes in.
const followStep = 128

// Run follows the chain and revises verdicts until ctx is done. A fault of
// the store is logged and tried again.
func (v *Verifier) Run(ctx context.Context) error {
	wake, cancel := v.chain.Subscribe()
	defer cancel()
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-retry.C:
		}
		if err := v.Follow(ctx, time.Now()); err != nil && ctx.Err() == nil {
			v.log.Error("verifier: revising verdicts failed, trying again", "err", err)
			retry.Reset(time.Second)
		}
	}
}

// Follow brings all verdicts up to the chain's tip. The cursor moves in the
// transaction that holds the results, so it may be stopped anywhere.
func (v *Verifier) Follow(ctx context.Context, now time.Time) error {
	for ctx.Err() == nil {
		cursor, err := v.Cursor()
		if err != nil {
			return err
		}
		reverted, applied, err := v.chain.UpdatesSince(cursor, followStep)
		if errors.Is(err, chain.ErrUnknownIndex) {
			if err := v.startOver(ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil || len(reverted)+len(applied) == 0 {
			return err
		}
		err = v.store.Update(ctx, func(tx *mailstore.Tx) error {
			for _, u := range reverted {
				if err := v.revert(tx, u); err != nil {
					return fmt.Errorf("revert block %s: %w", u.Index, err)
				}
				cursor = u.Parent
			}
			for _, u := range applied {
				if err := v.apply(tx, u); err != nil {
					return fmt.Errorf("apply block %s: %w", u.Index, err)
				}
				cursor = u.Index
			}
			if err := forget(tx.Space(space), now.Add(-rememberFor)); err != nil {
				return err
			}
			return putJSON(tx.Space(space), []byte(keyCursor), cursor)
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Cursor is the block up to which verdicts are revised.
func (v *Verifier) Cursor() (chain.Index, error) {
	var cursor chain.Index
	err := v.store.View(func(rd *mailstore.Reader) error {
		_, err := getJSON(rd.Space(space), []byte(keyCursor), &cursor)
		return err
	})
	return cursor, err
}

// startOver forgets where batches stand: the chain was fetched anew. What
// waits for a block, or stood in one, waits again.
func (v *Verifier) startOver(ctx context.Context) error {
	for done := false; !done; {
		err := v.store.Update(ctx, func(tx *mailstore.Tx) error {
			keys, err := keysOf(tx.Space(space), []byte("place/"), followStep)
			if err != nil {
				return err
			}
			for _, key := range keys {
				recorder, seq := consensus.Key(key[len("place/"):len("place/")+32]), binary.BigEndian.Uint64(key[len(key)-8:])
				if err := v.unplace(tx, recorder, seq); err != nil {
					return err
				}
			}
			done = len(keys) < followStep
			if done {
				return tx.Space(space).Delete([]byte(keyCursor))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *Verifier) apply(tx *mailstore.Tx, u chain.Update) error {
	sp := tx.Space(space)
	for i := range u.Block.Batches {
		b := &u.Block.Batches[i]
		p := placement{block: u.Index, micros: b.Micros}
		if err := sp.Put(placeKey(b.Recorder, b.Seq), p.encode()); err != nil {
			return err
		}
		err := v.reviseAll(tx, batchPrefix(b.Recorder, b.Seq), func(f *Finding) { f.place(&p) })
		if err != nil {
			return err
		}
	}
	state := v.chain.State()
	for i := range u.Block.Events {
		for _, node := range u.Block.Events[i].Enrol.Nodes {
			if err := v.enrolled(tx, state, node.Recorder); err != nil {
				return err
			}
		}
	}
	return v.expire(tx, u.Index.Height)
}

func (v *Verifier) revert(tx *mailstore.Tx, u chain.Update) error {
	for i := range u.Block.Batches {
		if err := v.unplace(tx, u.Block.Batches[i].Recorder, u.Block.Batches[i].Seq); err != nil {
			return err
		}
	}
	return nil
}

// unplace takes a batch off the chain: its mail waits again.
func (v *Verifier) unplace(tx *mailstore.Tx, recorder consensus.Key, seq uint64) error {
	if err := tx.Space(space).Delete(placeKey(recorder, seq)); err != nil {
		return err
	}
	return v.reviseAll(tx, batchPrefix(recorder, seq), func(f *Finding) { f.place(nil) })
}

// enrolled looks again at mail that bore tokens of a key nobody knew.
func (v *Verifier) enrolled(tx *mailstore.Tx, s *consensus.State, recorder consensus.Key) error {
	org, ok := s.OrgByRecorder(recorder)
	if !ok {
		return nil
	}
	prefix := keyPrefix(recorder)
	err := v.reviseAll(tx, prefix, func(f *Finding) {
		// The trust list may have to ask the DNS, which has no place in a
		// transaction: pins decide here.
		how, trusted := v.trust.pinned(f.Domain, org.Key)
		f.recordedBy(org, how, trusted)
	})
	if err != nil {
		return err
	}
	return deleteAll(tx.Space(space), prefix)
}

// expire ends the wait of records that should have been in a block by height.
func (v *Verifier) expire(tx *mailstore.Tx, height uint64) error {
	sp := tx.Space(space)
	var due [][]byte
	err := sp.Scan([]byte("watch/"), nil, func(key, _ []byte) bool {
		if bytes.Compare(key, watchPrefix(height+1)) >= 0 {
			return false
		}
		due = append(due, bytes.Clone(key))
		return true
	})
	if err != nil {
		return err
	}
	for _, key := range due {
		if err := v.revise(tx, refOf(key), func(f *Finding) { f.expire() }); err != nil {
			return err
		}
		if err := sp.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// reviseAll revises every message whose Ref ends a key with this prefix.
func (v *Verifier) reviseAll(tx *mailstore.Tx, prefix []byte, change func(*Finding)) error {
	keys, err := keysOf(tx.Space(space), prefix, 0)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := v.revise(tx, refOf(key), change); err != nil {
			return err
		}
	}
	return nil
}

// revise changes what is known about one message, judges again and moves the
// message where its verdict now sends it. Mail is never removed by a verdict.
func (v *Verifier) revise(tx *mailstore.Tx, ref Ref, change func(*Finding)) error {
	f, err := Of(&tx.Reader, ref)
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	was := v.policy.labels(f)
	change(f)
	f.judge()
	if err := putJSON(tx.Space(space), messageKey(ref), f); err != nil {
		return err
	}
	has, err := tx.Labels(ref.Account, ref.Message)
	if errors.Is(err, mailstore.ErrNotFound) {
		return forgetMessage(tx.Space(space), ref, f)
	}
	if err != nil {
		return err
	}
	add, remove := moves(has, was, v.policy.labels(f))
	if len(add)+len(remove) == 0 {
		return nil
	}
	return tx.SetLabels(ref.Account, ref.Message, add, remove)
}

// forgetMessage drops what was known about a message that is gone.
func forgetMessage(sp mailstore.Space, ref Ref, f *Finding) error {
	return errors.Join(
		sp.Delete(messageKey(ref)),
		sp.Delete(ref.append(batchPrefix(f.Recorder, f.Seq))),
		sp.Delete(ref.append(keyPrefix(f.Recorder))),
		sp.Delete(ref.append(watchPrefix(f.Deadline))),
	)
}

// keysOf lists up to max keys with a prefix; all when max is 0.
func keysOf(sp mailstore.Space, prefix []byte, max int) ([][]byte, error) {
	return scanKeys(sp.SpaceReader, prefix, nil, max)
}

// scanKeys lists up to max keys with a prefix, not below from; all when max
// is 0.
func scanKeys(sp mailstore.SpaceReader, prefix, from []byte, max int) ([][]byte, error) {
	var keys [][]byte
	err := sp.Scan(prefix, from, func(key, _ []byte) bool {
		keys = append(keys, bytes.Clone(key))
		return max == 0 || len(keys) < max
	})
	return keys, err
}

func deleteAll(sp mailstore.Space, prefix []byte) error {
	keys, err := keysOf(sp, prefix, 0)
	for _, key := range keys {
		err = errors.Join(err, sp.Delete(key))
	}
	return err
}
