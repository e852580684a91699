package chain

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"cairn/consensus"
)

// Limits of what is kept beside the best branch.
const (
	// sideDepth is how many blocks below the tip a branch may leave the best one whose blocks are
	// kept although it has no more work.
	sideDepth = 32

	sideBlocks    = 128
	sideBytes     = 16 << 20 // of encodings
	orgSideBlocks = sideBlocks / 4
	orgSideBytes  = sideBytes / 4

	// keepLeft is for how many blocks those that the last reorganisation left are spared: followers
	// have to find the way back from them, or start over.
	keepLeft = 1000

	// maxDrops is how many side blocks are removed with one block that is added.
	maxDrops = 256
)

// sideLimits bound the side blocks, in all and of the miners of one organisation.
type sideLimits struct {
	blocks, bytes, orgBlocks, orgBytes int
}

// sideBlock is what is known of a block beside the best branch without reading it.
type sideBlock struct {
	id, parent consensus.Hash
	org        consensus.Hash // of its miner; of a key that is nobody's here, the key
	height     uint64
	size       int // bytes of the encoding
	work       consensus.Work
}

func newSideBlock(s *consensus.State, b *consensus.Block, n node) *sideBlock {
	x := &sideBlock{id: n.state.ID(), parent: n.parent, org: consensus.Hash(b.Header.Miner), height: n.state.Height(),
		size: b.Size(), work: n.state.Work()}
	if o, ok := s.OrgByRecorder(b.Header.Miner); ok {
		x.org = o.ID
	}
	return x
}

const sideBlockSize = 32 + 32 + 8 + 4 + 32

// encode returns the entry of x: parent 32, organisation 32, height u64, size u32, work 32.
func (x *sideBlock) encode() []byte {
	b := append(make([]byte, 0, sideBlockSize), x.parent[:]...)
	b = append(b, x.org[:]...)
	b = binary.BigEndian.AppendUint64(b, x.height)
	b = binary.BigEndian.AppendUint32(b, uint32(x.size))
	work := x.work.Bytes()
	return append(b, work[:]...)
}

func decodeSideBlock(id consensus.Hash, b []byte) (*sideBlock, error) {
	if len(b) != sideBlockSize {
		return nil, fmt.Errorf("%w: entry of side block %s has %d bytes", errDamaged, id, len(b))
	}
	return &sideBlock{id: id, parent: consensus.Hash(b[:32]), org: consensus.Hash(b[32:64]), height: binary.BigEndian.Uint64(b[64:]),
		size: int(binary.BigEndian.Uint32(b[72:])), work: consensus.WorkFromBytes([32]byte(b[76:]))}, nil
}

// sides are the stored blocks beside the best branch, in the order in which they came.
type sides struct{ list []*sideBlock }

func (s *sides) add(x *sideBlock) { s.list = append(s.list, x) }

func (s *sides) remove(gone []*sideBlock) {
	if len(gone) > 0 {
		s.list = slices.DeleteFunc(s.list, func(x *sideBlock) bool { return slices.Contains(gone, x) })
	}
}

// excess returns which blocks have to go, so that those that are left, with newcomer (nil: none),
// keep the limits: those of the branch with least work first, from its end; of equal branches, the
// one that came last. Blocks for which spared is true do not count. When it takes more than
// maxDrops, only some of them are returned.
func (s *sides) excess(newcomer *sideBlock, l sideLimits, spared func(consensus.Hash) bool) (gone []*sideBlock) {
	list := slices.Clone(s.list)
	if newcomer != nil {
		list = append(list, newcomer)
	}
	for len(gone) < maxDrops {
		over := overfull(list, l, spared)
		if over == nil {
			break
		}
		last := list[least(list, over)]
		family := descendants(list, last.id)
		gone = append(gone, family...)
		list = slices.DeleteFunc(list, func(x *sideBlock) bool { return slices.Contains(family, x) })
	}
	return gone
}

// overfull returns which blocks one has to go of; nil if all limits are kept.
func overfull(list []*sideBlock, l sideLimits, spared func(consensus.Hash) bool) func(*sideBlock) bool {
	type sum struct{ blocks, bytes int }
	var all sum
	orgs := make(map[consensus.Hash]sum)
	for _, x := range list {
		if spared(x.id) {
			continue
		}
		org := orgs[x.org]
		orgs[x.org] = sum{org.blocks + 1, org.bytes + x.size}
		all = sum{all.blocks + 1, all.bytes + x.size}
	}
	for _, x := range list { // in their order, so that the outcome is the same each time
		if org := orgs[x.org]; org.blocks > l.orgBlocks || org.bytes > l.orgBytes {
			return func(y *sideBlock) bool { return y.org == x.org && !spared(y.id) }
		}
	}
	if all.blocks > l.blocks || all.bytes > l.bytes {
		return func(y *sideBlock) bool { return !spared(y.id) }
	}
	return nil
}

// least returns the index of the block that goes first of those of which one has to.
func least(list []*sideBlock, of func(*sideBlock) bool) int {
	best := branchWork(list)
	found := -1
	for i, x := range list {
		if !of(x) {
			continue
		}
		if found < 0 {
			found = i
			continue
		}
		y := list[found]
		if c := best[x.id].Cmp(best[y.id]); c < 0 || c == 0 && x.work.Cmp(y.work) >= 0 {
			found = i
		}
	}
	return found
}

// branchWork returns, of each block, the most work of a branch that it is in.
func branchWork(list []*sideBlock) map[consensus.Hash]consensus.Work {
	best := make(map[consensus.Hash]consensus.Work, len(list))
	byHeight := slices.SortedFunc(slices.Values(list), func(a, b *sideBlock) int { return cmp.Compare(b.height, a.height) })
	for _, x := range byHeight { // children first
		if best[x.id].Cmp(x.work) < 0 {
			best[x.id] = x.work
		}
		if best[x.parent].Cmp(best[x.id]) < 0 {
			best[x.parent] = best[x.id]
		}
	}
	return best
}

// descendants returns the block with that id and all that stand on it.
func descendants(list []*sideBlock, id consensus.Hash) (family []*sideBlock) {
	of := map[consensus.Hash]bool{id: true}
	byHeight := slices.SortedStableFunc(slices.Values(list), func(a, b *sideBlock) int { return cmp.Compare(a.height, b.height) })
	for _, x := range byHeight {
		if of[x.id] || of[x.parent] {
			of[x.id] = true
			family = append(family, x)
		}
	}
	return family
}

// loadSides reads the side blocks from the store, and which of them are spared. Those that were
// known keep their order.
func (m *Manager) loadSides() error {
	var stored []*sideBlock
	err := m.store.View(func(tx Reader) error {
		return scan(tx, prefixSide, 32, func(key, v []byte) error {
			x, err := decodeSideBlock(consensus.Hash(key), v)
			stored = append(stored, x)
			return err
		})
	})
	if err != nil {
		return err
	}
	order := make(map[consensus.Hash]int, len(m.sides.list))
	for i, x := range m.sides.list {
		order[x.id] = i + 1
	}
	came := func(x *sideBlock) int { return cmp.Or(order[x.id], len(order)+1) }
	slices.SortStableFunc(stored, func(a, b *sideBlock) int {
		return cmp.Or(cmp.Compare(came(a), came(b)), cmp.Compare(a.height, b.height))
	})
	m.sides.list = stored
	return m.loadLeft()
}

// putLeft notes the tip that a reorganisation leaves, and up to which height what it leaves is
// spared.
func (w *writer) putLeft(tip consensus.Hash, until uint64) {
	w.put(keyLeft, append(binary.BigEndian.AppendUint64(nil, until), tip[:]...))
}

// loadLeft finds which of the side blocks the last reorganisation left: the tip that it left, and
// those below.
func (m *Manager) loadLeft() error {
	var tip consensus.Hash
	m.left, m.leftUntil = nil, 0
	err := m.store.View(func(tx Reader) error {
		return tx.Get(keyLeft, func(v []byte) error {
			if len(v) != 8+len(tip) {
				return fmt.Errorf("%w: entry %q has %d bytes", errDamaged, keyLeft, len(v))
			}
			m.leftUntil, tip = binary.BigEndian.Uint64(v), consensus.Hash(v[8:])
			return nil
		})
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	parents := make(map[consensus.Hash]consensus.Hash, len(m.sides.list))
	for _, x := range m.sides.list {
		parents[x.id] = x.parent
	}
	m.left = make(map[consensus.Hash]bool)
	for parent, aside := parents[tip]; aside; parent, aside = parents[tip] {
		m.left[tip] = true
		tip = parent
	}
	return nil
}
