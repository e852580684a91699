package chain

import (
	"errors"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// faults break a good block in one way each. Those that break what the header
// hash covers solve and sign again, so that only the named rule is broken.
var faults = []struct {
	rule  string
	alone bool // seen without the batches under the block
	spoil func(net *chaintest.Network, b *consensus.Block)
}{
	{consensus.RulePow, true, func(net *chaintest.Network, b *consensus.Block) {
		target, _ := consensus.TargetFromBits(b.Header.Bits)
		for target.Met(b.ID()) {
			b.Header.Nonce++
		}
		b.Header = consensus.SignHeader(b.Header.Header, net.Orgs[0].Recorder)
	}},
	{consensus.RuleTimeTooOld, true, func(net *chaintest.Network, b *consensus.Block) {
		b.Header.Time = uint64(chaintest.GenesisTime.UnixMilli())
		net.Finish(0, b)
	}},
	{consensus.RuleBits, true, func(net *chaintest.Network, b *consensus.Block) {
		b.Header.Bits -= 1
		net.Finish(0, b)
	}},
	{consensus.RuleHeight, true, func(net *chaintest.Network, b *consensus.Block) {
		b.Header.Height++
		net.Finish(0, b)
	}},
	{consensus.RuleChain, true, func(net *chaintest.Network, b *consensus.Block) {
		b.Header.ChainID++
		net.Finish(0, b)
	}},
	{consensus.RuleHeaderSignature, true, func(net *chaintest.Network, b *consensus.Block) {
		b.Header.Signature[0] ^= 1
	}},
	{consensus.RuleBodyRoot, true, func(net *chaintest.Network, b *consensus.Block) {
		b.Batches = b.Batches[:1]
	}},
	{consensus.RuleBatchSignature, true, func(net *chaintest.Network, b *consensus.Block) {
		b.Batches[1].Signature[0] ^= 1
	}},
	{consensus.RuleStateRoot, false, func(net *chaintest.Network, b *consensus.Block) {
		b.Header.StateRoot[0] ^= 1
		net.Finish(0, b)
	}},
	{consensus.RuleBatchSeq, false, func(net *chaintest.Network, b *consensus.Block) {
		b.Batches = b.Batches[1:]
		b.Header.BodyRoot = consensus.BodyRoot(b.Header.Version, b.Events, b.Batches)
		net.Finish(0, b)
	}},
	{consensus.RuleUnknownMiner, true, func(net *chaintest.Network, b *consensus.Block) {
		b.Header.Miner = net.Orgs[2].RecorderKey()
		net.Finish(2, b)
	}},
}

// members returns a network of three of which the third is not enrolled, and
// the state and blocks of a chain with the first two.
func members(m *Manager, net *chaintest.Network) ([]*consensus.Block, *consensus.State) {
	two := &chaintest.Network{Genesis: net.Genesis, Orgs: net.Orgs[:2]}
	return two.Chain(m.State(), 12)
}

// Every fault is refused with its rule, and the same header is taken when it
// comes again without it.
func TestBadBlockOnTip(t *testing.T) {
	net := chaintest.New(3)
	m := newManager(t, net)
	blocks, s := members(m, net)
	mustAdd(t, m, Extended, blocks...)
	good := func() *consensus.Block {
		return net.Mine(s, 0, chaintest.Body{Batches: net.Batches(s, 1, 2, "x")})
	}
	for _, f := range faults {
		bad := good()
		f.spoil(net, bad)
		_, err := m.AddBlock(bad, late)
		var broken *consensus.RuleError
		if !errors.As(err, &broken) || broken.Rule != f.rule {
			t.Errorf("%s: got %v", f.rule, err)
		}
	}
	if !m.State().Equal(s) {
		t.Fatal("a bad block changed the state")
	}
	mustAdd(t, m, Extended, good())
	checkReplay(t, m)
}

// A bad block beside the tip is refused at once if that can be seen, and in any
// case when its branch would become the best; the former tip then stays, and
// nothing is held against the ids.
func TestBadBlockOnSideBranch(t *testing.T) {
	for _, f := range faults {
		t.Run(f.rule, func(t *testing.T) {
			net := chaintest.New(3)
			m := newManager(t, net)
			trunk, s := members(m, net)
			mustAdd(t, m, Extended, trunk...)
			tip := net.Mine(s, 0, chaintest.Body{})
			mustAdd(t, m, Extended, tip)
			before := m.State()

			bad := net.Mine(s, 0, chaintest.Body{Batches: net.Batches(s, 1, 2, "x"), Time: late.Add(-2 * time.Hour)})
			good := *bad
			good.Batches = append([]consensus.Batch(nil), bad.Batches...)
			f.spoil(net, bad)
			status, err := m.AddBlock(bad, late)
			if f.alone {
				var broken *consensus.RuleError
				if !errors.As(err, &broken) || broken.Rule != f.rule {
					t.Fatalf("got %v, %v; want rule %s", status, err, f.rule)
				}
			} else {
				if status != SideBranch || err != nil {
					t.Fatalf("got %v, %v; want it stored", status, err)
				}
				sb, _ := consensus.ApplyBlock(s, bad)
				child := net.Mine(sb, 0, chaintest.Body{Time: late.Add(-time.Hour)})
				_, err := m.AddBlock(child, late)
				var broken *consensus.RuleError
				if !errors.As(err, &broken) || broken.Rule != f.rule {
					t.Fatalf("its child got %v, want rule %s", err, f.rule)
				}
				for _, b := range []*consensus.Block{bad, child} {
					if _, err := m.HeaderState(b.ID()); !errors.Is(err, ErrNotFound) {
						t.Fatalf("block %d of the bad branch is still stored (%v)", b.Header.Height, err)
					}
				}
			}
			if !m.State().Equal(before) {
				t.Fatal("the former tip did not stay")
			}
			checkReplay(t, m)

			mustAdd(t, m, SideBranch, &good)
			sg, _ := consensus.ApplyBlock(s, &good)
			mustAdd(t, m, Reorganised, net.Mine(sg, 0, chaintest.Body{Time: late.Add(-time.Hour)}))
			checkReplay(t, m)
		})
	}
}

// What stands on a forgotten block, but not on the branch that was tried, is
// found to hang in the air when it is tried itself.
func TestOrphanedSideBranch(t *testing.T) {
	net := chaintest.New(3)
	m := newManager(t, net)
	trunk, s := members(m, net)
	mustAdd(t, m, Extended, trunk...)
	tip := net.Mine(s, 0, chaintest.Body{})
	mustAdd(t, m, Extended, tip)
	tip2 := net.Mine(m.State(), 0, chaintest.Body{})
	mustAdd(t, m, Extended, tip2)
	want := m.State()

	bad := net.Mine(s, 0, chaintest.Body{Time: late.Add(-9 * time.Hour)})
	bad.Header.StateRoot[0] ^= 1
	net.Finish(0, bad)
	sb, _ := consensus.ApplyBlock(s, bad)
	left := net.Mine(sb, 0, chaintest.Body{Time: late.Add(-8 * time.Hour)})
	right := net.Mine(sb, 1, chaintest.Body{Time: late.Add(-8 * time.Hour)})
	mustAdd(t, m, SideBranch, bad, left, right)
	sl, _ := consensus.ApplyBlock(sb, left)
	sr, _ := consensus.ApplyBlock(sb, right)
	var broken *consensus.RuleError
	if _, err := m.AddBlock(net.Mine(sl, 0, chaintest.Body{}), late); !errors.As(err, &broken) {
		t.Fatalf("left branch: %v, want a rule error", err)
	}
	if _, err := m.AddBlock(net.Mine(sr, 0, chaintest.Body{}), late); !errors.Is(err, ErrUnknownParent) {
		t.Fatalf("right branch: %v, want ErrUnknownParent", err)
	}
	if _, err := m.HeaderState(right.ID()); !errors.Is(err, ErrNotFound) {
		t.Fatalf("the right branch is still stored (%v)", err)
	}
	if !m.State().Equal(want) {
		t.Fatal("the former tip did not stay")
	}
}
