package outbox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/wake"
)

// An entry may be held until its record is in a block. That wish is durable. Whether a block holds
// the record is for the recorder to say, which knows it from the chain: after a restart all that
// wait so are held until it has looked.

// until is what is stored of an entry that leaves only when its record is in a block.
type until struct {
	Version  int   `json:"version"`
	Since    int64 `json:"since"`              // when it was queued (ms); 0: not known any more
	Included int64 `json:"included,omitempty"` // when a block was found to hold its record (ms); 0: none does
}

const untilVersion = 1

// awaited is until in memory.
type awaited struct {
	until
	in bool // the recorder has found it in a block since the start
}

// held is for how long the entry was held until now.
func (a *awaited) held(now time.Time) time.Duration {
	end := now.UnixMilli()
	if a.in {
		end = a.Included
	}
	if a.Since == 0 {
		return 0
	}
	return max(time.Duration(end-a.Since)*time.Millisecond, 0)
}

func untilKey(id uint64) []byte { return binary.BigEndian.AppendUint64([]byte("b"), id) }

// SetUntilIncluded gives the Queue, before it is used, what says whether all mail to a domain is
// held until its record is in a block.
func (q *Queue) SetUntilIncluded(of func(rd *mailstore.Reader, domain string) (bool, error)) {
	q.until = of
}

// awaitBlock notes within tx whether a new entry is held until its record is in a block. An id
// whose transaction failed is given again, to an entry that may not be held.
func (q *Queue) awaitBlock(tx *mailstore.Tx, e *Entry, wished bool) error {
	if !wished && q.until != nil {
		var err error
		if wished, err = q.until(&tx.Reader, e.Domain); err != nil {
			return err
		}
	}
	if !wished {
		q.way.forgetBlock(e.ID)
		return nil
	}
	v := until{Version: untilVersion, Since: max(e.Created.UnixMilli(), 0)}
	q.way.setBlock(e.ID, &awaited{until: v})
	return tx.Space(outcomeSpace).PutJSON(untilKey(e.ID), v)
}

// AwaitsBlock reports whether an entry is held until its record is in a block.
func (q *Queue) AwaitsBlock(id uint64) bool {
	q.way.mu.Lock()
	defer q.way.mu.Unlock()
	return q.way.awaits(id)
}

// awaitedAtAll reports whether an entry had to wait for a block, which may hold its record now.
func (q *Queue) awaitedAtAll(id uint64) bool {
	q.way.mu.Lock()
	defer q.way.mu.Unlock()
	return q.way.blocks[id] != nil
}

// Withheld reports whether an entry is held by somebody, or until its record is in a block.
func (q *Queue) Withheld(id uint64) bool {
	q.way.mu.Lock()
	defer q.way.mu.Unlock()
	return q.way.byHand[id] || q.way.awaits(id)
}

// Awaited is an entry that is held while its record is in no block.
type Awaited struct {
	ID       uint64
	Token    []byte // as in Entry; nil also for one that is damaged
	Included bool   // a block was found to hold its record, perhaps before a restart
}

// Awaited returns up to so many such entries, by ascending id, starting after the entry with the
// given id.
func (q *Queue) Awaited(after uint64, most int) (list []Awaited, err error) {
	err = q.store.View(func(r *mailstore.Reader) error {
		list = nil
		err := r.Space(outcomeSpace).Keys([]byte("b"), untilKey(after+1), func(key []byte) bool {
			list = append(list, Awaited{ID: idOf(key)})
			return len(list) < most
		})
		for i := range list {
			e, readErr := getEntry(r.Space(space), list[i].ID)
			if readErr != nil && !spoilt(readErr) && !errors.Is(readErr, ErrGone) {
				return readErr
			}
			list[i].Token = e.Token
		}
		return err
	})
	q.way.mu.Lock()
	defer q.way.mu.Unlock()
	for i := range list {
		a := q.way.blocks[list[i].ID]
		list[i].Included = a != nil && a.Included != 0
	}
	return list, err
}

// SetIncluded notes of entries that blocks hold their records, or that none does any more. Those of
// which that was not asked, and those that are gone, stay as they are.
func (q *Queue) SetIncluded(ctx context.Context, ids []uint64, in bool) error {
	now := q.now().UnixMilli()
	fresh := q.way.changing(ids, in)
	if len(fresh) > 0 {
		err := q.store.Update(ctx, func(tx *mailstore.Tx) error {
			sp := tx.Space(outcomeSpace)
			for id, v := range fresh {
				there, err := sp.Has(untilKey(id))
				if err == nil && there {
					v.Included = 0
					if in {
						v.Included = max(now, 1)
					}
					err = sp.PutJSON(untilKey(id), v)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("note which mail has its record in a block: %w", err)
		}
	}
	if q.way.setIncluded(ids, in, max(now, 1)) && in {
		q.plan.lookAgain()
		wake.Up(q.sender)
	}
	return nil
}

// changing returns what is stored of those entries that are noted otherwise.
func (u *underway) changing(ids []uint64, in bool) map[uint64]until {
	u.mu.Lock()
	defer u.mu.Unlock()
	fresh := make(map[uint64]until)
	for _, id := range ids {
		if a := u.blocks[id]; a != nil && (a.Included != 0) != in {
			fresh[id] = a.until
		}
	}
	return fresh
}

// setIncluded reports whether anything changes.
func (u *underway) setIncluded(ids []uint64, in bool, now int64) (changed bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, id := range ids {
		a := u.blocks[id]
		if a == nil {
			continue
		}
		changed = changed || a.in != in
		switch a.in = in; {
		case !in:
			a.Included = 0
		case a.Included == 0:
			a.Included = now
		}
	}
	return changed
}

func (u *underway) setBlock(id uint64, a *awaited) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.blocks[id] = a
}

func (u *underway) forgetBlock(id uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.blocks, id)
}

// awaits is AwaitsBlock; u is locked.
func (u *underway) awaits(id uint64) bool {
	a := u.blocks[id]
	return a != nil && !a.in
}

// loadUntil reads which entries leave only when their records are in blocks. What is damaged, or of
// a later version, is held as well.
func (q *Queue) loadUntil() error {
	return q.store.View(func(r *mailstore.Reader) error {
		sp := r.Space(outcomeSpace)
		var ids []uint64
		err := sp.Keys([]byte("b"), nil, func(key []byte) bool {
			ids = append(ids, idOf(key))
			return true
		})
		for _, id := range ids {
			var v until
			_, readErr := sp.JSON(untilKey(id), &v)
			if readErr != nil && !errors.Is(readErr, mailstore.ErrDamaged) {
				return readErr
			}
			if readErr != nil || v.Version != untilVersion {
				v = until{Version: untilVersion}
			}
			q.way.setBlock(id, &awaited{until: v})
		}
		return err
	})
}
