package chain

import (
	"errors"
	"fmt"
	"slices"

	"cairn/consensus"
)

// reorganise makes the branch that ends in target the best one. b is the block
// of target if it is not stored yet. If a block of the branch is invalid, it
// and those of the branch above it are forgotten, the best branch stays, and a
// *consensus.RuleError tells.
//
// The branch is walked twice: first only in memory to validate it, so that the
// second pass, which writes, can fail for no other reason than the database.
func (m *Manager) reorganise(target node, b *consensus.Block) error {
	r := reorg{m: m, from: m.State(), target: target, last: b}
	if err := r.find(); err != nil {
		return err
	}
	if err := r.validate(); err != nil {
		return err
	}
	s, err := r.write()
	if err != nil {
		m.stale = true
		return err
	}
	m.log.Info("chain reorganised", "before", tipOf(r.from).String(), "after", tipOf(s).String(),
		"fork", r.fork.Height, "reverted", r.from.Height()-r.fork.Height, "applied", len(r.branch))
	m.state.Store(s)
	if err := m.loadSides(); err != nil {
		m.stale = true // the next block looks again
		m.report(err)
	}
	m.keepPromises()
	return nil
}

type reorg struct {
	m      *Manager
	from   *consensus.State // after the former tip
	target node
	last   *consensus.Block // of target, if not stored yet
	fork   Index            // last common block
	branch []consensus.Hash // from the block after fork to target
}

// find walks back from target to the best branch. If an earlier block of the branch turned out to
// be invalid and was forgotten, together with some, but not all, of what stood on it, the rest goes
// too.
func (r *reorg) find() error {
	id := r.target.state.ID()
	below, fork, err := r.m.aside(r.target.parent)
	if errors.Is(err, ErrUnknownParent) {
		return errors.Join(err, r.m.forget([]consensus.Hash{id}))
	}
	if err != nil {
		return err
	}
	r.fork, r.branch = fork, append([]consensus.Hash{id}, below...)
	slices.Reverse(r.branch)
	return nil
}

// block returns block number i of the branch.
func (r *reorg) block(i int) (*consensus.Block, error) {
	if r.last != nil && i == len(r.branch)-1 {
		return r.last, nil
	}
	return r.m.Block(r.branch[i])
}

// undo returns the block at the tip of s, which is on the best branch, and its undo.
func (m *Manager) undo(s *consensus.State) (b *consensus.Block, u *consensus.Undo, err error) {
	err = m.store.View(func(tx Reader) error {
		if b, err = m.block(tx, s.Tip()); err != nil {
			return fmt.Errorf("%w: block %s of the best branch: %v", errDamaged, s.Tip(), err)
		}
		if u, err = getUndo(tx, m.network, s.Tip()); err != nil {
			return fmt.Errorf("%w: undo of block %s: %v", errDamaged, s.Tip(), err)
		}
		return nil
	})
	return b, u, err
}

// revertTo takes the best branch back from s to one of its blocks, in memory only.
func (m *Manager) revertTo(s *consensus.State, id consensus.Hash) (*consensus.State, error) {
	for s.Tip() != id {
		_, u, err := m.undo(s)
		if err != nil {
			return nil, err
		}
		s = consensus.RevertBlock(s, u)
	}
	return s, nil
}

// validate checks all blocks of the branch without writing anything but, if one
// is invalid, that it is forgotten.
func (r *reorg) validate() error {
	s, err := r.m.revertTo(r.from, r.fork.ID)
	if err != nil {
		return err
	}
	for i := range r.branch {
		b, err := r.block(i)
		if err != nil {
			return err
		}
		if err := consensus.ValidateBlock(s, b); err != nil {
			err = fmt.Errorf("block %d of a branch that would have been the best: %w", b.Header.Height, err)
			return errors.Join(err, r.m.forget(r.branch[i:]))
		}
		s, _ = consensus.ApplyBlock(s, b)
	}
	return nil
}

// forget deletes stored blocks of the branch. If the same come again, they are
// judged again.
func (m *Manager) forget(ids []consensus.Hash) error {
	w := m.newWriter()
	for _, id := range ids {
		w.dropBlock(id)
		m.blocks.remove(id)
		w.step()
	}
	return errors.Join(w.close(), m.loadSides())
}

// write moves the stored best branch over and returns the new state. Whatever
// is committed on the way is the consistent end of some block, with the target
// noted so that Open can go on from there.
func (r *reorg) write() (*consensus.State, error) {
	w := r.m.newWriter()
	if r.last != nil {
		w.putBlock(r.last, r.target)
		w.putLeft(r.from.Tip(), r.target.state.Height()+keepLeft) // one that is finished later has left that tip already
	}
	w.put(keyTarget, hashBytes(r.target.state.ID()))
	s, err := r.back(w, r.from, r.fork.ID)
	if err != nil {
		return nil, err
	}
	for i := range r.branch {
		b, err := r.block(i)
		if err != nil {
			return nil, err
		}
		s = w.apply(s, b)
		w.put(keyTip, hashBytes(s.Tip()))
		w.step()
	}
	w.delete(keyTarget)
	return s, w.close()
}

// back writes the best branch back from s to one of its blocks, a block a step.
func (r *reorg) back(w *writer, s *consensus.State, to consensus.Hash) (*consensus.State, error) {
	for s.Tip() != to {
		b, u, err := r.m.undo(s)
		if err != nil {
			return nil, err
		}
		s = w.revert(s, b, u)
		w.put(keyTip, hashBytes(s.Tip()))
		w.step()
	}
	return s, nil
}
