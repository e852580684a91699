package outbox

import (
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
	q.way.setUnclear(id, peer, true)
	return tx.Space(outcomeSpace).PutJSON(unclearKey(id), unclear{unclearVersion, peer})
}

// ForgetUnclear notes within tx that an entry has not arrived.
func (q *Queue) ForgetUnclear(tx *mailstore.Tx, id uint64) error {
	if _, is := q.Unclear(id); !is {
		return nil
	}
	q.way.setUnclear(id, "", false)
	return tx.Space(outcomeSpace).Delete(unclearKey(id))
}

// Unclear reports whether an entry may have arrived, and with whom.
func (q *Queue) Unclear(id uint64) (peer string, is bool) {
	q.way.mu.Lock()
	defer q.way.mu.Unlock()
	peer, is = q.way.unclear[id]
	return peer, is
}

func (u *underway) setUnclear(id uint64, peer string, is bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if is {
		u.unclear[id] = peer
	} else {
		delete(u.unclear, id)
	}
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
			q.way.setUnclear(id, v.Peer, true)
		}
		return err
	})
}
