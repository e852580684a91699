package chain

import (
	"errors"

	"cairn/consensus"
)

// UpdatesSince returns what leads from since towards the tip: blocks to revert,
// newest first, then blocks to apply, oldest first; at most so many of both
// together. The follower's next cursor is the Index of the last applied block
// or, if none was applied, the Parent of the last reverted one. It is up to date
// when both are empty.
//
// The zero Index stands before genesis, which is then the first block applied.
// since may be on a branch that has been abandoned. ErrUnknownIndex if no such
// block is stored.
func (m *Manager) UpdatesSince(since Index, most int) (reverted, applied []Update, err error) {
	err = m.store.View(func(tx Reader) error {
		at := since
		for !at.IsZero() && len(reverted) < most {
			on, err := onBest(tx, at)
			if err != nil {
				return err
			}
			if on {
				break
			}
			u, err := m.update(tx, at)
			if errors.Is(err, ErrNotFound) {
				return ErrUnknownIndex
			}
			if err != nil {
				return err
			}
			reverted = append(reverted, u)
			at = u.Parent
		}
		next := at.Height + 1
		if at.IsZero() {
			next = 0
		}
		for len(reverted)+len(applied) < most {
			id, err := getHash(tx, keyOfHeight(next))
			if errors.Is(err, ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			u, err := m.update(tx, Index{Height: next, ID: id})
			if err != nil {
				return err
			}
			applied = append(applied, u)
			next++
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return reverted, applied, nil
}

// update returns the step that leads to i; ErrNotFound if there is no such block.
func (m *Manager) update(tx Reader, i Index) (Update, error) {
	b, err := m.block(tx, i.ID)
	if err != nil {
		return Update{}, err
	}
	if b.Header.Height != i.Height {
		return Update{}, ErrNotFound
	}
	u := Update{Block: b, Index: i}
	if i.Height > 0 {
		u.Parent = Index{Height: i.Height - 1, ID: b.Header.Prev}
	}
	return u, nil
}

// Locator returns ids of the best branch from the tip down: the last ten, then
// at distances that double, and genesis. A peer finds in it the last block that
// both have.
func (m *Manager) Locator() []consensus.Hash {
	var locator []consensus.Hash
	err := m.store.View(func(tx Reader) error {
		height := m.State().Height()
		for step := uint64(1); ; {
			id, err := getHash(tx, keyOfHeight(height))
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			if err == nil {
				locator = append(locator, id)
			}
			if height == 0 {
				return nil
			}
			if len(locator) >= 10 {
				step *= 2
			}
			height -= min(step, height)
		}
	})
	m.report(err)
	return locator
}

// maxLocator is how many ids of a locator are looked at: enough for 2^54 blocks.
const maxLocator = 64

// IDsAfter returns the ids of the blocks of the best branch that follow the
// first id of locator that is on it, at most most. It returns none if that id is
// the tip, and ErrUnknownIndex if none of the ids is on the branch, not even
// genesis: the locator is then of another network.
func (m *Manager) IDsAfter(locator []consensus.Hash, most int) (ids []consensus.Hash, err error) {
	err = m.store.View(func(tx Reader) error {
		from, err := m.firstOnBest(tx, locator)
		if err != nil {
			return err
		}
		for height := from.Height + 1; len(ids) < most; height++ {
			id, err := getHash(tx, keyOfHeight(height))
			if errors.Is(err, ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

func (m *Manager) firstOnBest(tx Reader, locator []consensus.Hash) (Index, error) {
	for _, id := range locator[:min(len(locator), maxLocator)] {
		n, err := getNode(tx, m.network, id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return Index{}, err
		}
		i := Index{Height: n.state.Height(), ID: id}
		if on, err := onBest(tx, i); on || err != nil {
			return i, err
		}
	}
	return Index{}, ErrUnknownIndex
}
