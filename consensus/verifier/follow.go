package verifier

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/mailstore"
)

// followStep is how many blocks one transaction takes in at most. A block has
// up to half a megabyte.
const followStep = 32

// Run follows the chain and revises verdicts until ctx is done. A fault of
// the store is logged and tried again. A DNS that did not answer is asked again.
func (v *Verifier) Run(ctx context.Context) error {
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() { v.askLoop(ctx) })
	wake, cancel := v.chain.Subscribe()
	defer cancel()
	follow := func(ctx context.Context) error {
		if err := v.retrustUnsettled(ctx); err != nil {
			return err
		}
		return v.Follow(ctx, v.cfg().Now())
	}
	mailstore.Follow(ctx, wake, follow, func(err error) {
		v.log.Error("verifier: revising verdicts failed, trying again", "err", err)
	})
	return nil
}

// Follow brings all verdicts up to the chain's tip. The cursor moves in the
// transaction that notes where batches stand and which verdicts that puts out
// of date; those are revised in transactions of bounded size, so it may be
// stopped anywhere.
func (v *Verifier) Follow(ctx context.Context, now time.Time) error {
	v.following.Lock()
	defer v.following.Unlock()
	for step := followStep; ; {
		more, err := v.advance(ctx, step)
		if errors.Is(err, mailstore.ErrTooBig) && step > 1 {
			step /= 2
			continue
		}
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	err := v.settle(ctx)
	if v.placesDamaged.Load() { // which may have ended that
		if err = v.mendPlaces(ctx); err == nil {
			err = v.settle(ctx)
		}
	}
	if err != nil {
		return err
	}
	if err := v.forgetRemoved(ctx); errors.Is(err, mailstore.ErrDamaged) {
		if !v.journalTold.Swap(true) {
			v.log.Error("verifier: what is known of removed mail stays, since the journal is damaged", "err", err, "next", mailstore.NextRepair)
		}
	} else if err != nil {
		return fmt.Errorf("forget removed mail: %w", err)
	}
	if v.cfg().Distrust() {
		return nil // by a clock that is ahead, acceptances would be too old to be kept
	}
	return v.forgetGone(ctx, now)
}

// advance takes up to so many blocks in and reports whether there were any.
func (v *Verifier) advance(ctx context.Context, most int) (more bool, err error) {
	since, err := v.Cursor()
	if errors.Is(err, mailstore.ErrDamaged) {
		return true, v.startOver(ctx)
	}
	if err != nil {
		return false, err
	}
	reverted, applied, err := v.chain.UpdatesSince(since, most)
	if errors.Is(err, chain.ErrUnknownIndex) {
		return true, v.startOver(ctx)
	}
	if err != nil || len(reverted)+len(applied) == 0 {
		return false, err
	}
	return true, v.store.Update(ctx, func(tx *mailstore.Tx) error {
		sp, state, cursor := tx.Space(space), v.chain.State(), since
		for _, u := range reverted {
			if err := revert(sp, state, u); err != nil {
				return fmt.Errorf("revert block %d %s: %w", u.Index.Height, u.Index.ID, err)
			}
			cursor = u.Parent
		}
		for _, u := range applied {
			if err := apply(sp, state, u); err != nil {
				return fmt.Errorf("apply block %d %s: %w", u.Index.Height, u.Index.ID, err)
			}
			cursor = u.Index
		}
		return sp.PutJSON([]byte(keyCursor), cursor)
	})
}

// Cursor is the block up to which the chain was followed.
func (v *Verifier) Cursor() (chain.Index, error) {
	var cursor chain.Index
	err := v.store.View(func(rd *mailstore.Reader) (err error) {
		cursor, err = cursorIn(rd.Space(space))
		return err
	})
	return cursor, err
}

// readCursor is a cursor as it is stored, and what that says.
type readCursor struct {
	stored []byte
	cursor chain.Index
}

// lastCursor is the last that was read: it stays for as long as a block, and is read several times
// for each mail.
var lastCursor atomic.Pointer[readCursor]

// cursorIn is Cursor of what sp shows; zero at first.
func cursorIn(sp mailstore.SpaceReader) (cursor chain.Index, err error) {
	stored, err := sp.Get([]byte(keyCursor))
	if errors.Is(err, mailstore.ErrNotFound) {
		return cursor, nil
	}
	if err != nil {
		return cursor, err
	}
	if last := lastCursor.Load(); last != nil && bytes.Equal(last.stored, stored) {
		return last.cursor, nil
	}
	if err := json.Unmarshal(stored, &cursor); err != nil {
		return chain.Index{}, fmt.Errorf("stored %q: %w", keyCursor, err)
	}
	lastCursor.Store(&readCursor{stored: stored, cursor: cursor})
	return cursor, nil
}

// apply notes what a block says.
func apply(sp mailstore.Space, state *consensus.State, u chain.Update) error {
	for i := range u.Block.Batches {
		b := &u.Block.Batches[i]
		p := placement{block: u.Index, micros: b.Micros}
		if err := sp.Put(placeKey(b.Series(), b.Seq), p.encode()); err != nil {
			return err
		}
	}
	return outdate(sp, state, u)
}

// revert takes back what apply noted.
func revert(sp mailstore.Space, state *consensus.State, u chain.Update) error {
	for i := range u.Block.Batches {
		b := &u.Block.Batches[i]
		if err := sp.Delete(placeKey(b.Series(), b.Seq)); err != nil {
			return err
		}
	}
	return outdate(sp, state, u)
}

// outdate marks the findings that a block decides: those of its batches, those
// of the keys of organisations that it is about, those from the domains of
// these or sent on as one, and those whose deadline it is. state is that after the tip.
func outdate(sp mailstore.Space, state *consensus.State, u chain.Update) error {
	for i := range u.Block.Batches {
		b := &u.Block.Batches[i]
		if err := putDueIfAny(sp, batchPrefix(b.Series(), b.Seq), 0); err != nil {
			return err
		}
	}
	if len(u.Block.Events) > 0 {
		recorders, domains := state.Concerns(u.Block.Events, u.Index.Height)
		for _, recorder := range recorders {
			if err := putDueIfAny(sp, recorderPrefix(recorder), 0); err != nil {
				return err
			}
		}
		for _, domain := range domains {
			err := errors.Join(putDueIfAny(sp, domainPrefix(domain), 0), putDueIfAny(sp, viaPrefix(domain), 0))
			if err != nil {
				return err
			}
		}
	}
	return putDueIfAny(sp, watchPrefix(u.Index.Height), u.Block.Header.Time)
}

// startOver forgets where batches stand: the chain was fetched anew, or it
// cannot be read how far it was followed. What waits for a block, or stood in
// one, waits again.
func (v *Verifier) startOver(ctx context.Context) error {
	for done := false; !done; {
		err := v.store.Update(ctx, func(tx *mailstore.Tx) error {
			sp := tx.Space(space)
			keys, err := scanKeys(sp.SpaceReader, []byte(prefixPlace), nil, reviseStep)
			if err != nil {
				return err
			}
			for _, key := range keys {
				series, seq := numberOf(key[len(prefixPlace):])
				err := errors.Join(sp.Delete(key), putDueIfAny(sp, batchPrefix(series, seq), 0))
				if err != nil {
					return err
				}
			}
			if done = len(keys) < reviseStep; done {
				return sp.Delete([]byte(keyCursor))
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("start over on a new chain: %w", err)
		}
	}
	return nil
}
