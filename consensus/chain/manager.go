package chain

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"cairn/consensus"
	"cairn/mailstore/diskroom"
	"cairn/mailstore/wake"
)

// Manager holds the chain of one network. All methods may be called from any
// goroutine; added blocks are dealt with one after another, and reading never
// waits for them.
type Manager struct {
	store     Store
	genesis   *consensus.Genesis
	network   *consensus.Network
	log       *slog.Logger
	stepLimit int                     // size of a transaction beyond which a reorganisation commits between two blocks
	room      func(bytes int64) error // an error if the disk has none for them
	state     atomic.Pointer[consensus.State]
	blocks    blockCache
	subs      wake.Listeners

	adding sync.Mutex // held while the tree or the best branch changes

	// Guarded by adding.
	stale     bool // a write failed, so the store may be ahead of the state
	sides     sides
	limits    sideLimits
	promised  []*Branch               // newest first
	left      map[consensus.Hash]bool // by the last reorganisation
	leftUntil uint64                  // the height up to which they are spared
	beside    membersOf               // of the block that was looked at last
	seen      []consensus.SignedHeader
	garbage   int64 // bytes of large values that were deleted since the store was collected
}

// Genesis returns the network's genesis, which must not be changed.
func (m *Manager) Genesis() *consensus.Genesis { return m.genesis }

// State returns the state after the tip. It is immutable and may be kept.
func (m *Manager) State() *consensus.State { return m.state.Load() }

// Tip returns the last block of the best branch.
func (m *Manager) Tip() Index { return tipOf(m.State()) }

func tipOf(s *consensus.State) Index { return Index{Height: s.Height(), ID: s.Tip()} }

// AddBlock validates b, stores it and, if its branch has more work than the
// best one, makes it the tip. now is the wall clock. The block is kept: do not
// change it afterwards.
//
// Errors: ErrKnown; ErrUnknownParent; ErrNotWanted if it is beside the best branch
// and not kept there; consensus.ErrFuture, when to try again later is the
// caller's business; *consensus.RuleError if the block, or an
// earlier one of its branch that had only been stored so far, is invalid (the
// best branch is then as it was); others are of the database, among them
// diskroom.ErrFull. After these the block may be added again later.
func (m *Manager) AddBlock(b *consensus.Block, now time.Time) (Status, error) {
	m.adding.Lock()
	defer m.adding.Unlock()
	status, err := m.add(b, now)
	if err != nil {
		return 0, err
	}
	if status != SideBranch {
		m.subs.Wake()
	}
	return status, nil
}

func (m *Manager) add(b *consensus.Block, now time.Time) (Status, error) {
	if err := m.fresh(); err != nil {
		return 0, err
	}
	parent, err := m.parentOfNew(b.ID(), b.Header.Prev)
	if err != nil {
		return 0, err
	}
	if err := m.judgeHeader(parent, &b.Header, now); err != nil {
		return 0, err
	}
	s := m.State()
	if b.Header.Prev == s.Tip() {
		if err := consensus.ValidateBody(s, b); err != nil {
			return 0, err
		}
		return Extended, m.extend(s, b)
	}
	if err := consensus.CheckBody(m.network, b); err != nil {
		return 0, err
	}
	at, err := m.membersAt(b.Header.Prev)
	if err != nil {
		return 0, err
	}
	if err := consensus.ValidateMembers(at, b); err != nil {
		return 0, err
	}
	side := node{parent: b.Header.Prev, state: parent.state.Next(&b.Header.Header)}
	if !better(s.HeaderState(), side.state) {
		return SideBranch, m.keep(b, side, at)
	}
	return Reorganised, m.reorganise(side, b)
}

// fresh makes sure that the state is the stored one.
func (m *Manager) fresh() error {
	if !m.stale {
		return nil
	}
	if err := m.reload(); err != nil {
		return err
	}
	m.subs.Wake()
	return nil
}

// parentOfNew returns the node under a block that is not stored yet.
func (m *Manager) parentOfNew(id, prev consensus.Hash) (parent node, err error) {
	err = m.store.View(func(tx Reader) error {
		known, err := has(tx, keyOf(prefixNode, id))
		if known {
			return ErrKnown
		}
		if err != nil {
			return err
		}
		parent, err = getNode(tx, m.network, prev)
		if errors.Is(err, ErrNotFound) {
			return ErrUnknownParent
		}
		return err
	})
	return parent, err
}

// extend makes b, which is valid after s, the tip.
func (m *Manager) extend(s *consensus.State, b *consensus.Block) error {
	w := m.newWriter()
	next := w.apply(s, b)
	w.putBlock(b, node{parent: s.Tip(), state: next.HeaderState()})
	w.put(keyTip, hashBytes(next.Tip()))
	gone := m.sides.excess(nil, m.limits, m.spared)
	m.drop(w, gone)
	if err := m.commit(w); err != nil {
		return err
	}
	m.sides.remove(gone)
	m.blocks.add(b)
	m.state.Store(next)
	m.keepPromises()
	if next.Height()%collectEvery == 0 {
		m.collect()
	}
	return nil
}

// commit writes what w, which has made no step, holds. If that fails for
// another reason than a full disk, how much of it is in the store is unknown
// until reload has looked.
func (m *Manager) commit(w *writer) error {
	err := w.close()
	m.stale = m.stale || err != nil && !errors.Is(err, diskroom.ErrFull)
	return err
}

// Block returns a stored block of any branch, or ErrNotFound. It is shared: do
// not change it.
func (m *Manager) Block(id consensus.Hash) (b *consensus.Block, err error) {
	err = m.store.View(func(tx Reader) error {
		b, err = m.block(tx, id)
		return err
	})
	return b, err
}

func (m *Manager) block(tx Reader, id consensus.Hash) (*consensus.Block, error) {
	if b := m.blocks.get(id); b != nil {
		return b, nil
	}
	var b *consensus.Block
	err := tx.Get(keyOf(prefixBlock, id), func(v []byte) (err error) {
		b, err = consensus.DecodeBlock(v)
		if err != nil {
			return fmt.Errorf("%w: block %s: %v", errDamaged, id, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	m.blocks.add(b)
	return b, nil
}

// HeaderState returns what the headers up to a stored block of any branch
// determine, or ErrNotFound.
func (m *Manager) HeaderState(id consensus.Hash) (hs *consensus.HeaderState, err error) {
	err = m.store.View(func(tx Reader) error {
		n, err := getNode(tx, m.network, id)
		hs = n.state
		return err
	})
	return hs, err
}

// IndexAt returns the best branch's block at a height; not ok above the tip.
func (m *Manager) IndexAt(height uint64) (i Index, ok bool) {
	err := m.store.View(func(tx Reader) error {
		id, err := getHash(tx, keyOfHeight(height))
		i = Index{Height: height, ID: id}
		return err
	})
	if err != nil {
		m.report(err)
		return Index{}, false
	}
	return i, true
}

// BestHas reports whether a block is on the best branch.
func (m *Manager) BestHas(i Index) bool {
	var has bool
	err := m.store.View(func(tx Reader) (err error) {
		has, err = onBest(tx, i)
		return err
	})
	m.report(err)
	return has
}

// report logs a database error where the signature has no place for one.
func (m *Manager) report(err error) {
	if err != nil && !errors.Is(err, ErrNotFound) {
		m.log.Error("chain: cannot read", "err", err)
	}
}

// Subscribe returns a channel that receives after the tip has changed. It means
// "look again" and carries nothing; several changes may give one receive. The
// channel is never closed. cancel ends the subscription and may be called twice.
func (m *Manager) Subscribe() (woken <-chan struct{}, cancel func()) { return m.subs.Subscribe() }
