package chain

import (
	"errors"
	"slices"
	"time"

	"cairn/consensus"
)

// maxSeen is how many headers are remembered that were found to be right.
const maxSeen = 32

// membersOf is a state whose header state and members are those after a block.
type membersOf struct {
	id    consensus.Hash
	state *consensus.State
}

// CheckHeader tells by its header alone whether a block would be taken: nil, or the error that
// AddBlock would return, as far as the header shows. What is found to be right is not checked again
// when the block comes.
func (m *Manager) CheckHeader(h *consensus.SignedHeader, now time.Time) error {
	m.adding.Lock()
	defer m.adding.Unlock()
	if err := m.fresh(); err != nil {
		return err
	}
	parent, err := m.parentOfNew(h.ID(), h.Prev)
	if err != nil {
		return err
	}
	return m.judgeHeader(parent, h, now)
}

// judgeHeader checks a header on top of parent, by the headers and the members there, and whether
// its block is wanted. The caller holds adding.
func (m *Manager) judgeHeader(parent node, h *consensus.SignedHeader, now time.Time) error {
	known := m.knows(h)
	if !known {
		if err := consensus.ValidateHeader(parent.state, h); err != nil {
			return err
		}
	}
	if err := m.wanted(parent, h); err != nil {
		return err
	}
	if !known {
		at, err := m.membersAt(h.Prev)
		if err != nil {
			return err
		}
		if err := consensus.ValidateMiner(at, h); err != nil {
			return err
		}
		m.seen = append(m.seen, *h)
		m.seen = m.seen[max(0, len(m.seen)-maxSeen):]
	}
	return consensus.CheckClock(m.network.Params(), &h.Header, now)
}

// knows reports whether a header, signature included, was found to be right before: its parent
// never changes.
func (m *Manager) knows(h *consensus.SignedHeader) bool {
	if slices.Contains(m.seen, *h) {
		return true
	}
	id := h.ID()
	return slices.ContainsFunc(m.promised, func(b *Branch) bool { return b.has(id, h) })
}

// wanted returns ErrNotWanted if a block on top of parent is not to be kept: its branch has no more
// work than the best one, leaves that too far below the tip, and is not known to get more.
func (m *Manager) wanted(parent node, h *consensus.SignedHeader) error {
	s := m.State()
	if h.Prev == s.Tip() || better(s.HeaderState(), parent.state.Next(&h.Header)) || m.spared(h.ID()) {
		return nil
	}
	below, fork, err := m.aside(h.Prev)
	if err != nil {
		return err
	}
	if len(below) > sideBlocks || s.Height()-fork.Height > sideDepth {
		return ErrNotWanted
	}
	return nil
}

// aside returns the side blocks from one down to the best branch, and the block of that on which
// they stand. Some of them are forgotten and ErrUnknownParent returned if one below them was found
// invalid, and forgotten, before.
func (m *Manager) aside(id consensus.Hash) (ids []consensus.Hash, fork Index, err error) {
	err = m.store.View(func(tx Reader) error {
		for {
			n, err := getNode(tx, m.network, id)
			if err != nil {
				return err
			}
			fork = Index{Height: n.state.Height(), ID: id}
			if on, err := onBest(tx, fork); on || err != nil {
				return err
			}
			ids = append(ids, id)
			id = n.parent
		}
	})
	if errors.Is(err, ErrNotFound) {
		err = errors.Join(ErrUnknownParent, m.forget(ids))
	}
	return ids, fork, err
}

// membersAt returns a state of which header state and members are those after a stored block: below
// it, the best branch is taken back and headlines are followed. The caller holds adding.
func (m *Manager) membersAt(id consensus.Hash) (*consensus.State, error) {
	s := m.State()
	switch id {
	case s.Tip():
		return s, nil
	case m.beside.id:
		return m.beside.state, nil
	}
	ids, fork, err := m.aside(id)
	if err != nil {
		return nil, err
	}
	if s, err = m.revertTo(s, fork.ID); err != nil {
		return nil, err
	}
	for _, id := range slices.Backward(ids) {
		b, err := m.Block(id)
		if err != nil {
			return nil, err
		}
		s = afterSide(s, b)
	}
	m.beside = membersOf{id, s}
	return s, nil
}

func afterSide(s *consensus.State, b *consensus.Block) *consensus.State {
	return consensus.AfterHeadline(s, &consensus.Headline{Header: b.Header, Events: b.Events})
}

// keep stores a block beside the best branch, where at are the members before it, and removes those
// that have to go for it.
func (m *Manager) keep(b *consensus.Block, n node, at *consensus.State) error {
	x := newSideBlock(at, b, n)
	gone := m.sides.excess(x, m.limits, m.spared)
	if slices.Contains(gone, x) {
		return ErrNotWanted
	}
	w := m.newWriter()
	w.putBlock(b, n)
	w.put(keyOf(prefixSide, x.id), x.encode())
	m.drop(w, gone)
	if err := m.commit(w); err != nil {
		return err
	}
	m.sides.remove(gone)
	m.sides.add(x)
	m.beside = membersOf{x.id, afterSide(at, b)}
	return nil
}
