package chain

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// sibling makes blocks on top of s that differ in their time; number is less than 1,000.
func sibling(net *chaintest.Network, s *consensus.State, by, number int) *consensus.Block {
	return net.Mine(s, by, chaintest.Body{Time: late.Add(time.Duration(number-1000) * time.Hour)})
}

// Side blocks are bounded in all and by organisation. The branch with least work goes first, and
// what has no more work than those that are kept is refused.
func TestSideBlocksAreBounded(t *testing.T) {
	net := chaintest.New(3)
	m := newManager(t, net)
	m.limits = sideLimits{blocks: 6, bytes: 1 << 20, orgBlocks: 3, orgBytes: 1 << 20}
	trunk, s := net.Chain(m.State(), 3)
	mustAdd(t, m, Extended, trunk...)
	more, tip := net.Chain(s, 4)
	mustAdd(t, m, Extended, more...)

	stored := func(b *consensus.Block) bool { _, err := m.Block(b.ID()); return err == nil }
	var first []*consensus.Block
	for i := range 3 { // of the first organisation
		first = append(first, sibling(net, s, 0, i))
	}
	mustAdd(t, m, SideBranch, first...)
	if _, err := m.AddBlock(sibling(net, s, 0, 3), late); !errors.Is(err, ErrNotWanted) {
		t.Fatalf("a fourth block of an organisation: %v", err)
	}
	s1, _ := consensus.ApplyBlock(s, first[1])
	second := sibling(net, s1, 0, 4) // has more work: another one goes for it
	mustAdd(t, m, SideBranch, second)
	if !stored(first[0]) || !stored(first[1]) || stored(first[2]) || !stored(second) {
		t.Error("not the last of the blocks with least work went")
	}
	for i := range 3 { // of another one, in all six
		mustAdd(t, m, SideBranch, sibling(net, s, 1, i))
	}
	if _, err := m.AddBlock(sibling(net, s, 2, 0), late); !errors.Is(err, ErrNotWanted) {
		t.Fatalf("a seventh block: %v", err)
	}
	checkEntries(t, m)
	if m.State().Tip() != tip.Tip() {
		t.Error("the tip has moved")
	}
	// A branch that is kept may still win.
	end, _ := consensus.ApplyBlock(s1, second)
	for _, want := range []Status{SideBranch, SideBranch, Reorganised} {
		b := sibling(net, end, 2, 0)
		mustAdd(t, m, want, b)
		end, _ = consensus.ApplyBlock(end, b)
	}
	checkReplay(t, m)
	checkEntries(t, m)
	m.limits = sideLimits{}
	for i, until := range []uint64{m.leftUntil, 0} { // what was left is spared for a while
		m.leftUntil = until
		extension, _ := net.Chain(m.State(), 1)
		mustAdd(t, m, Extended, extension...)
		for _, b := range more {
			if stored(b) != (i == 0) {
				t.Errorf("block %d of the former best branch is stored: %v", b.Header.Height, !stored(b))
			}
		}
	}
	if got := len(m.sides.list); got > 0 {
		t.Errorf("%d side blocks, none are allowed any more", got)
	}
	checkEntries(t, m)
}

// Blocks of branches that leave the best one far below the tip are not taken.
func TestDeepSideBlocksAreNotWanted(t *testing.T) {
	net := chaintest.New(1)
	m := newManager(t, net)
	blocks, _ := net.Chain(m.State(), sideDepth+1)
	mustAdd(t, m, Extended, blocks...)
	deep := sibling(net, net.Genesis.State(), 0, 0)
	if _, err := m.AddBlock(deep, late); !errors.Is(err, ErrNotWanted) {
		t.Errorf("a block %d below the tip: %v", sideDepth+1, err)
	}
	if err := m.CheckHeader(&deep.Header, late); !errors.Is(err, ErrNotWanted) {
		t.Errorf("its header: %v", err)
	}
	s, _ := consensus.ApplyBlock(net.Genesis.State(), blocks[0])
	mustAdd(t, m, SideBranch, sibling(net, s, 0, 0))
}

// Whatever there is and comes, what is left keeps the limits, has all parents, and has the branch
// with most work unless that alone is too much; and nothing goes without need.
func TestExcess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := sideLimits{blocks: rapid.IntRange(0, 8).Draw(t, "blocks"), bytes: rapid.IntRange(0, 40).Draw(t, "bytes"), orgBlocks: 5, orgBytes: 30}
		var s sides
		for i := range rapid.IntRange(0, 14).Draw(t, "count") {
			x := &sideBlock{id: consensus.Hash{1, byte(i)}, org: consensus.Hash{byte(rapid.IntRange(0, 2).Draw(t, "org"))},
				size: rapid.IntRange(1, 9).Draw(t, "size"), height: 1}
			if n := rapid.IntRange(0, i).Draw(t, "parent"); n < i {
				p := s.list[n]
				x.parent, x.height, x.work = p.id, p.height+1, p.work
			}
			x.work = x.work.Add(consensus.WorkFromBytes([32]byte{31: byte(rapid.IntRange(1, 4).Draw(t, "work"))}))
			s.add(x)
		}
		spared := func(id consensus.Hash) bool { return id[1]%5 == 4 }
		var newcomer *sideBlock
		if n := len(s.list); n > 0 && rapid.Bool().Draw(t, "newcomer") {
			newcomer, s.list = s.list[n-1], s.list[:n-1]
		}
		all := slices.Clone(s.list)
		if newcomer != nil {
			all = append(all, newcomer)
		}
		gone := s.excess(newcomer, limits, spared)
		var left []*sideBlock
		for _, x := range all {
			if !slices.Contains(gone, x) {
				left = append(left, x)
			}
		}
		if len(left)+len(gone) != len(all) {
			t.Fatalf("%d left and %d gone of %d", len(left), len(gone), len(all))
		}
		if overfull(left, limits, spared) != nil {
			t.Fatal("what is left is too much")
		}
		if overfull(all, limits, spared) == nil && len(gone) > 0 {
			t.Fatal("some went without need")
		}
		for _, x := range left {
			if i := slices.IndexFunc(gone, func(g *sideBlock) bool { return g.id == x.parent }); i >= 0 {
				t.Fatal("a block is left whose parent has gone")
			}
		}
	})
}

func FuzzDecodeSideBlock(f *testing.F) {
	x := sideBlock{parent: consensus.Hash{1}, org: consensus.Hash{2}, height: 3, size: 4, work: consensus.WorkFromBytes([32]byte{5})}
	f.Add(x.encode())
	f.Add(bytes.Repeat([]byte{0xff}, sideBlockSize))
	f.Add(x.encode()[:sideBlockSize-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := decodeSideBlock(consensus.Hash{9}, b)
		if err != nil && !IsDamaged(err) {
			t.Fatalf("%x: not known as damage: %v", b, err)
		}
		if err == nil && !bytes.Equal(x.encode(), b) {
			t.Fatalf("%x is read as what would be written %x", b, x.encode())
		}
	})
}
