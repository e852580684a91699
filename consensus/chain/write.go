package chain

import "cairn/consensus"

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
}

// apply moves the stored state from s to the one after b, which it returns: the
// undo, the index of heights and the entries that b changes.
func (w *writer) apply(s *consensus.State, b *consensus.Block) *consensus.State {
	next, undo := consensus.ApplyBlock(s, b)
	w.put(keyOf(prefixUndo, next.Tip()), undo.Encode())
	w.put(keyOfHeight(next.Height()), hashBytes(next.Tip()))
	w.putEntries(s, next, b)
	return next
}

// revert moves the stored state from s, which is that after b, to the one
// before b, which it returns.
func (w *writer) revert(s *consensus.State, b *consensus.Block, undo *consensus.Undo) *consensus.State {
	before := consensus.RevertBlock(s, undo)
	w.delete(keyOf(prefixUndo, s.Tip()))
	w.delete(keyOfHeight(s.Height()))
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
	for n := len(stored.Past()) - 1; n >= len(s.Past()); n-- {
		w.delete(keyOfPast(n))
	}
	for n := len(stored.Past()); n < len(s.Past()); n++ {
		w.put(keyOfPast(n), s.Past()[n].Encode())
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
