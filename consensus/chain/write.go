package chain

import (
	"fmt"

	"cairn/consensus"
)

// writer gathers changes that belong together. Step marks points at which the
// store is consistent: changes that have grown many are written there.
type writer struct {
	store Store
	// room returns an error if there is none for so many bytes on the disk.
	room    func(bytes int64) error
	changes []Change
	// bytes is what the changes write.
	bytes int64
	// size is what the changes are, in bytes with an allowance per entry, so
	// that they stay well within what a store writes at once.
	size  int
	limit int // size beyond which a step is written at once
	err   error
}

const (
	entryCost = 128 // bytes counted for an entry beside its value
	stepLimit = 256 << 10
)

func (m *Manager) newWriter() *writer {
	return &writer{store: m.store, room: m.room, limit: m.stepLimit}
}

func (w *writer) put(key, value []byte) {
	w.changes = append(w.changes, Change{Key: key, Value: value})
	if len(value) < valueThreshold {
		w.size += len(value)
	}
	w.size += entryCost
	w.bytes += int64(len(value)) + entryCost
}

func (w *writer) delete(key []byte) {
	w.changes = append(w.changes, Change{Key: key, Delete: true})
	w.size += entryCost
	w.bytes += entryCost
}

func (w *writer) step() {
	if w.size > w.limit {
		w.flush()
	}
}

// flush writes what has been gathered if there is room for it, and nothing more after an error.
func (w *writer) flush() {
	if w.err == nil {
		w.err = w.room(w.bytes)
	}
	if w.err == nil {
		w.err = w.store.Write(w.changes)
	}
	w.changes, w.size, w.bytes = nil, 0, 0
}

// close writes what is left, unless something failed before.
func (w *writer) close() error {
	w.flush()
	if w.err != nil {
		return fmt.Errorf("write the chain database: %w", w.err)
	}
	return nil
}

func hashBytes(h consensus.Hash) []byte { return h[:] }

// putBlock stores b and its place in the tree.
func (w *writer) putBlock(b *consensus.Block, n node) {
	id := n.state.ID()
	w.put(keyOf(prefixBlock, id), b.Encode())
	w.put(keyOf(prefixNode, id), n.state.Append(hashBytes(n.parent)))
}

// dropBlock forgets a stored block that is not on the best branch.
func (w *writer) dropBlock(id consensus.Hash) {
	w.delete(keyOf(prefixBlock, id))
	w.delete(keyOf(prefixNode, id))
	w.delete(keyOf(prefixSide, id))
}

// apply moves the stored state from s to the one after b, which it returns: the
// undo, the index of heights and the entries that b changes.
func (w *writer) apply(s *consensus.State, b *consensus.Block) *consensus.State {
	next, undo := consensus.ApplyBlock(s, b)
	w.put(keyOf(prefixUndo, next.Tip()), undo.Encode())
	w.put(keyOfHeight(next.Height()), hashBytes(next.Tip()))
	w.delete(keyOf(prefixSide, next.Tip()))
	w.putEntries(s, next, b)
	return next
}

// revert moves the stored state from s, which is that after b, to the one
// before b, which it returns.
func (w *writer) revert(s *consensus.State, b *consensus.Block, undo *consensus.Undo) *consensus.State {
	before := consensus.RevertBlock(s, undo)
	w.delete(keyOf(prefixUndo, s.Tip()))
	w.delete(keyOfHeight(s.Height()))
	w.put(keyOf(prefixSide, s.Tip()), newSideBlock(s, b, node{parent: b.Header.Prev, state: s.HeaderState()}).encode())
	w.putEntries(s, before, b)
	return before
}

// putEntries stores what s says about everything that b may have changed, the
// stored state being that of stored.
func (w *writer) putEntries(stored, s *consensus.State, b *consensus.Block) {
	for i := range b.Events {
		id := b.Events[i].Org()
		key := keyOf(prefixOrg, id)
		if o, ok := s.Org(id); ok {
			w.put(key, o.Encode())
		} else {
			w.delete(key)
		}
	}
	for n := stored.PastLen() - 1; n >= s.PastLen(); n-- {
		w.delete(keyOfPast(n))
	}
	for n := stored.PastLen(); n < s.PastLen(); n++ {
		w.put(keyOfPast(n), s.PastAt(n).Encode())
	}
	done := make(map[consensus.Series]bool, len(b.Batches))
	for i := range b.Batches {
		series := b.Batches[i].Series()
		if done[series] {
			continue
		}
		done[series] = true
		key := keyOfSeries(series)
		if t, ok := s.BatchTip(series); ok {
			w.put(key, t.Append(nil))
		} else {
			w.delete(key)
		}
	}
}
