package outbox

import (
	"context"
	"encoding/binary"
	"errors"

	"cairn/mailstore"
)

// An entry is unclear while it may have arrived: its text had been handed to a node of an
// organisation, and no reply came. Until that is known nobody else is to get it. That is durable,
// and known in memory once the queue was brought up (see Upgrade).

// unclear says who may have an entry.
type unclear struct {
	Version int    `json:"version"`
	Peer    string `json:"peer"` // as the router names it; empty: not known any more
}

const unclearVersion = 1

func unclearKey(id uint64) []byte { return binary.BigEndian.AppendUint64([]byte("u"), id) }

// NoteUnclear notes within tx that a peer may have an entry.
func (q *Queue) NoteUnclear(tx *mailstore.Tx, id uint64, peer string) error {
	q.way.setUnclear(id, peer)
	return tx.Space(outcomeSpace).PutJSON(unclearKey(id), unclear{unclearVersion, peer})
}

// ForgetUnclear notes within tx that an entry has not arrived.
func (q *Queue) ForgetUnclear(tx *mailstore.Tx, id uint64) error {
	q.way.mu.Lock()
	_, is := q.way.unclear[id]
	delete(q.way.unclear, id)
	if id <= q.way.perhaps {
		q.way.heard[id] = true
	}
	q.way.mu.Unlock()
	if !is {
		return nil
	}
	return tx.Space(outcomeSpace).Delete(unclearKey(id))
}

// Unclear reports whether an entry may have arrived, and with whom.
func (q *Queue) Unclear(id uint64) (peer string, is bool) {
	q.way.mu.Lock()
	defer q.way.mu.Unlock()
	peer, is = q.way.unclear[id]
	return peer, is
}

func (u *underway) setUnclear(id uint64, peer string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.unclear[id] = peer
}

// loadUnclear reads which entries are unclear. Of one that is damaged, or of a later version, it is
// not known who may have it.
func (q *Queue) loadUnclear() error {
	return q.store.View(func(r *mailstore.Reader) error {
		sp := r.Space(outcomeSpace)
		var ids []uint64
		err := sp.Keys([]byte("u"), nil, func(key []byte) bool {
			ids = append(ids, idOf(key))
			return true
		})
		for _, id := range ids {
			var v unclear
			_, readErr := sp.JSON(unclearKey(id), &v)
			if readErr != nil && !errors.Is(readErr, mailstore.ErrDamaged) {
				return readErr
			}
			if readErr != nil || v.Version != unclearVersion {
				v = unclear{}
			}
			q.way.setUnclear(id, v.Peer)
		}
		return err
	})
}

// Keys of outcomeSpace about runs: when the one that is under way, or did not end in order, began
// (ms), and the last entry that an earlier one may have had under way.
var (
	runKey     = []byte("a")
	perhapsKey = []byte("p")
)

// BeginRun notes that entries are carried from now on: without EndRun what was under way may have
// arrived, and nobody has noted it.
func (q *Queue) BeginRun(ctx context.Context) error {
	q.way.mu.Lock()
	perhaps := q.way.perhaps
	q.way.mu.Unlock()
	return q.store.Update(ctx, func(tx *mailstore.Tx) error {
		sp := tx.Space(outcomeSpace)
		return errors.Join(sp.PutNumber(perhapsKey, perhaps), sp.PutNumber(runKey, uint64(max(q.now().UnixMilli(), 0))))
	})
}

// EndRun notes that of all that was carried the outcome is noted.
func (q *Queue) EndRun(ctx context.Context) error {
	return q.store.Update(ctx, func(tx *mailstore.Tx) error { return tx.Space(outcomeSpace).Delete(runKey) })
}

// PerhapsCarried reports whether an entry may have been under way when a run ended out of order,
// and nothing was heard of it since.
func (q *Queue) PerhapsCarried(id uint64) bool {
	q.way.mu.Lock()
	defer q.way.mu.Unlock()
	return id <= q.way.perhaps && !q.way.heard[id]
}

// loadRun finds out up to which entry a run that did not end in order may have had some under way:
// all that there are, where that is damaged. It writes nothing, since there may be no room.
func (q *Queue) loadRun() error {
	var perhaps uint64
	err := q.store.View(func(r *mailstore.Reader) error {
		sp := r.Space(outcomeSpace)
		open, err := sp.Has(runKey)
		if err == nil && !open {
			perhaps, _, err = sp.Number(perhapsKey)
		}
		if err == nil && open || spoilt(err) {
			perhaps, err = lastGiven(r.Space(space))
		}
		return err
	})
	q.way.mu.Lock()
	defer q.way.mu.Unlock()
	q.way.perhaps = perhaps
	return err
}
