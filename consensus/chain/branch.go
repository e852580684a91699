package chain

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"cairn/consensus"
)

// Limits of a Branch, and how many of those that were found to be better are waited for at once.
const (
	maxAhead      = 64 << 10 // headlines
	maxAheadBytes = 16 << 20 // of their encodings
	maxPromised   = 2
)

// ErrBranchTooLong: a branch has more headlines than are followed before it has more work than the
// best one.
var ErrBranchTooLong = fmt.Errorf("the branch leaves this chain too far below its tip: a node that is to follow it begins anew with an empty chain directory (more than %d blocks to weigh)", maxAhead)

// Branch follows a branch of another node by its headlines, ahead of the bodies. It holds them in
// memory until the branch is seen to have more work than the best one here; nothing is stored. One
// goroutine at a time may use it.
type Branch struct {
	m       *Manager
	from    *consensus.HeaderState // of the stored block that the branch stands on; nil before the first headline
	end     *consensus.HeaderState // after the last headline
	ahead   []*consensus.Headline
	size    int                    // bytes of their encodings
	place   map[consensus.Hash]int // of a block, in ahead
	checked int                    // how many of ahead are known to be by members
	state   *consensus.State       // after these
	below   []consensus.Hash       // side blocks that the branch stands on
	stored  int                    // how many of ahead were found to be stored
}

// NewBranch returns a Branch without headlines yet.
func (m *Manager) NewBranch() *Branch {
	return &Branch{m: m, place: make(map[consensus.Hash]int)}
}

// Add takes in headlines, each of the block after the one before. Those of blocks that are stored
// are passed over as long as no other has come. They are weighed, which costs no signature: who
// invents them has to have done their work.
//
// Errors: ErrUnknownParent, *consensus.RuleError, consensus.ErrFuture (those before are taken in),
// ErrBranchTooLong; others are of the store.
func (b *Branch) Add(list []*consensus.Headline, now time.Time) error {
	for _, h := range list {
		if len(b.ahead) == 0 {
			stored, err := b.begin(h)
			if err != nil {
				return err
			}
			if stored {
				continue
			}
		}
		if err := consensus.ValidateHeader(b.end, &h.Header); err != nil {
			return err
		}
		if err := consensus.CheckClock(b.m.network.Params(), &h.Header.Header, now); err != nil {
			return err
		}
		if b.size += h.Size(); len(b.ahead) >= maxAhead || b.size > maxAheadBytes {
			return ErrBranchTooLong
		}
		b.end = b.end.Next(&h.Header.Header)
		b.place[b.end.ID()] = len(b.ahead)
		b.ahead = append(b.ahead, h)
	}
	return nil
}

// begin notes what a first headline stands on, or that its own block is stored.
func (b *Branch) begin(h *consensus.Headline) (stored bool, err error) {
	err = b.m.store.View(func(tx Reader) error {
		n, err := getNode(tx, b.m.network, h.Header.ID())
		if stored = err == nil; stored || !errors.Is(err, ErrNotFound) {
			b.from, b.end = n.state, n.state
			return err
		}
		n, err = getNode(tx, b.m.network, h.Header.Prev)
		if errors.Is(err, ErrNotFound) {
			return ErrUnknownParent
		}
		b.from, b.end = n.state, n.state
		return err
	})
	return stored, err
}

// Last returns the id of the last block whose headline was given; false before the first.
func (b *Branch) Last() (id consensus.Hash, ok bool) {
	if b.end == nil {
		return consensus.Hash{}, false
	}
	return b.end.ID(), true
}

// Len returns how many headlines of blocks that are not stored it has.
func (b *Branch) Len() int { return len(b.ahead) }

// Contains reports whether one of these headlines is that of a block.
func (b *Branch) Contains(id consensus.Hash) bool {
	_, ok := b.place[id]
	return ok
}

// Work returns the work of the branch so far.
func (b *Branch) Work() (w consensus.Work) {
	if b.end != nil {
		w = b.end.Work()
	}
	return w
}

// Better reports whether the branch has more work than the best one now.
func (b *Branch) Better() bool { return len(b.ahead) > 0 && better(b.m.State().HeaderState(), b.end) }

// BetterWith reports whether the branch would have more work than the best one now with h, for
// which Add gave consensus.ErrFuture.
func (b *Branch) BetterWith(h *consensus.Headline) bool {
	return better(b.m.State().HeaderState(), b.end.Next(&h.Header.Header))
}

// Check finds out whether members made what has been added, by the events of the branch itself. If
// they did and the branch is better, AddBlock takes its blocks from then on, until it has been
// followed or two others were checked later. Nothing is added after it. A *consensus.RuleError says
// that a headline is wrong.
func (b *Branch) Check() error {
	b.m.adding.Lock()
	defer b.m.adding.Unlock()
	if err := b.m.fresh(); err != nil {
		return err
	}
	if len(b.ahead) == 0 {
		return nil
	}
	if b.state == nil {
		s, err := b.m.membersAt(b.from.ID())
		if err != nil {
			return err
		}
		if b.below, _, err = b.m.aside(b.from.ID()); err != nil {
			return err
		}
		b.state = s
	}
	for ; b.checked < len(b.ahead); b.checked++ {
		h := b.ahead[b.checked]
		if err := consensus.ValidateHeadline(b.state, h); err != nil {
			return fmt.Errorf("headline of block %d: %w", h.Header.Height, err)
		}
		b.state = consensus.AfterHeadline(b.state, h)
	}
	if b.Better() {
		b.m.promise(b)
	}
	return nil
}

// Missing returns the ids of the next blocks of the branch that are not stored, at most most, and
// of the block before the first of them. None when all are stored.
func (b *Branch) Missing(most int) (before consensus.Hash, ids []consensus.Hash) {
	err := b.m.store.View(func(tx Reader) error {
		for ; b.stored < len(b.ahead); b.stored++ {
			known, err := has(tx, keyOf(prefixNode, b.ahead[b.stored].Header.ID()))
			if !known || err != nil {
				return err
			}
		}
		return nil
	})
	b.m.report(err)
	for _, h := range b.ahead[b.stored:] {
		if len(ids) == 0 {
			before = h.Header.Prev
		}
		if len(ids) >= most {
			break
		}
		ids = append(ids, h.Header.ID())
	}
	return before, ids
}

// has reports whether a headline of the branch was checked, and is that of a block with that
// header.
func (b *Branch) has(id consensus.Hash, h *consensus.SignedHeader) bool {
	i, ok := b.place[id]
	return ok && i < b.checked && b.ahead[i].Header == *h
}

// promise notes that the blocks of a branch are waited for. The caller holds adding.
func (m *Manager) promise(b *Branch) {
	list := []*Branch{b}
	for _, old := range m.promised {
		if old != b && old.Better() && len(list) < maxPromised {
			list = append(list, old)
		}
	}
	m.promised = list
}

// keepPromises forgets the branches that are no better than the best one any more. The caller holds
// adding.
func (m *Manager) keepPromises() {
	var list []*Branch
	for _, b := range m.promised {
		if b.Better() {
			list = append(list, b)
		}
	}
	m.promised = list
}

// spared reports whether a side block is of a branch whose blocks are waited for, or was left by
// the last reorganisation.
func (m *Manager) spared(id consensus.Hash) bool {
	if m.left[id] && m.State().Height() <= m.leftUntil {
		return true
	}
	for _, b := range m.promised {
		if b.Contains(id) || slices.Contains(b.below, id) {
			return true
		}
	}
	return false
}
