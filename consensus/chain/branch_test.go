package chain

import (
	"errors"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

func headlines(blocks []*consensus.Block) (list []*consensus.Headline) {
	for _, b := range blocks {
		list = append(list, b.Headline())
	}
	return list
}

// fork is a chain of 50 blocks, and a branch that leaves it at block 5 and has one block more.
func fork(t *testing.T) (net *chaintest.Network, m *Manager, branch []*consensus.Block, end *consensus.State) {
	net = chaintest.New(2)
	m = newManager(t, net)
	trunk, s := net.Chain(m.State(), 5)
	mustAdd(t, m, Extended, trunk...)
	own, _ := net.Chain(s, 45)
	mustAdd(t, m, Extended, own...)
	for range 46 {
		b := sibling(net, s, 1, int(s.Height()))
		branch = append(branch, b)
		s, _ = consensus.ApplyBlock(s, b)
	}
	return net, m, branch, s
}

// A branch is followed once its headlines have more work, however far below the tip it leaves the
// best one, and its blocks are kept until it is the best.
func TestBranchIsFollowed(t *testing.T) {
	_, m, branch, end := fork(t)
	m.limits = sideLimits{}
	if _, err := m.AddBlock(branch[0], late); !errors.Is(err, ErrNotWanted) {
		t.Fatalf("before the headlines: %v", err)
	}
	b := m.NewBranch()
	list := headlines(branch)
	for i := range list {
		if b.Better() {
			t.Fatalf("better after %d headlines of %d", i, len(list))
		}
		if err := b.Add(list[i:i+1], late); err != nil {
			t.Fatal(err)
		}
	}
	if !b.Better() || b.Len() != len(branch) {
		t.Fatalf("%d headlines, better: %v", b.Len(), b.Better())
	}
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	for i, x := range branch {
		before, ids := b.Missing(3)
		if before != x.Header.Prev || len(ids) != min(3, len(branch)-i) || ids[0] != x.ID() {
			t.Fatalf("block %d: missing after %v are %v", i, before, ids)
		}
		want := SideBranch
		if i == len(branch)-1 {
			want = Reorganised
		}
		mustAdd(t, m, want, x)
	}
	if _, ids := b.Missing(3); len(ids) != 0 {
		t.Errorf("%d blocks are missing", len(ids))
	}
	if !m.State().Equal(end) || len(m.promised) != 0 {
		t.Errorf("tip %v, %d branches waited for", m.Tip(), len(m.promised))
	}
	checkReplay(t, m)
	checkEntries(t, m)
}

// A branch that stands on stored side blocks is followed from there, and these are spared.
func TestBranchOnSideBlocks(t *testing.T) {
	_, m, branch, end := fork(t)
	first := m.NewBranch()
	if err := errors.Join(first.Add(headlines(branch), late), first.Check()); err != nil {
		t.Fatal(err)
	}
	mustAdd(t, m, SideBranch, branch[:20]...)
	m.promised = nil // as after a restart
	m.limits.orgBlocks = 20
	again := m.NewBranch()
	if err := errors.Join(again.Add(headlines(branch), late), again.Check()); err != nil {
		t.Fatal(err)
	}
	if again.Len() != len(branch)-20 {
		t.Errorf("%d headlines ahead, want %d", again.Len(), len(branch)-20)
	}
	mustAdd(t, m, SideBranch, branch[20:45]...)
	mustAdd(t, m, Reorganised, branch[45])
	if !m.State().Equal(end) {
		t.Error("the state is not that of the branch")
	}
	checkReplay(t, m)
}

// Headlines that are no branch of members are refused.
func TestBadBranches(t *testing.T) {
	net, m, branch, _ := fork(t)
	stranger := chaintest.New(9)
	s := net.Genesis.State()
	strangers := func() []*consensus.Headline {
		var list []*consensus.Headline
		at := s
		for range 51 {
			b := sibling(stranger, at, 8, int(at.Height()))
			list = append(list, b.Headline())
			at = consensus.AfterHeadline(at, b.Headline())
		}
		return list
	}
	changed := func(i int, change func(h *consensus.Headline)) []*consensus.Headline {
		list := headlines(branch)
		h := *list[i]
		change(&h)
		list[i] = &h
		return list
	}
	for _, c := range []struct {
		name string
		list []*consensus.Headline
		rule string
	}{
		{"of strangers, two hashes each", strangers(), consensus.RuleUnknownMiner},
		{"with an event that is not its", changed(40, func(h *consensus.Headline) { h.Events = net.Enrolments() }), consensus.RuleBodyRoot},
		{"with another root of batches", changed(3, func(h *consensus.Headline) { h.Batches[0] ^= 1 }), consensus.RuleBodyRoot},
		{"with a forged signature", changed(45, func(h *consensus.Headline) { h.Header.Signature[9] ^= 1 }), consensus.RuleHeaderSignature},
		{"without proof of work", changed(7, func(h *consensus.Headline) { h.Header.Bits-- }), consensus.RuleBits},
		{"with a gap", append(headlines(branch[:3]), headlines(branch[4:])...), consensus.RuleHeight},
	} {
		b := m.NewBranch()
		err := b.Add(c.list, late)
		if err == nil {
			if !b.Better() {
				t.Errorf("%s: it should seem to be better", c.name)
			}
			err = b.Check()
		}
		if rule := new(consensus.RuleError); !errors.As(err, &rule) || rule.Rule != c.rule {
			t.Errorf("%s: %v, want %s", c.name, err, c.rule)
		}
		if len(m.promised) != 0 {
			t.Fatalf("%s: its blocks are waited for", c.name)
		}
	}
	b := m.NewBranch()
	if err := b.Add(headlines(branch[1:]), late); !errors.Is(err, ErrUnknownParent) {
		t.Errorf("without its beginning: %v", err)
	}
	if err := b.Add(headlines(branch[:40]), chaintest.GenesisTime); !errors.Is(err, consensus.ErrFuture) {
		t.Errorf("from the future: %v", err)
	}
	if b.BetterWith(branch[b.Len()].Headline()) {
		t.Error("the first block from the future is said to make the branch better")
	}
	if err := b.Add(headlines(branch[b.Len():45]), late); err != nil || b.Better() || !b.BetterWith(branch[45].Headline()) {
		t.Errorf("the last block is said to make the branch no better: %v", err)
	}
}

// The headlines that are held before a branch has more work are bounded.
func TestBranchIsBounded(t *testing.T) {
	_, m, branch, _ := fork(t)
	b := m.NewBranch()
	list := headlines(branch[:2])
	b.size = maxAheadBytes - list[0].Size()
	if err := b.Add(list, late); !errors.Is(err, ErrBranchTooLong) || b.Len() != 1 {
		t.Errorf("%v, %d headlines held", err, b.Len())
	}
}

// A newer branch takes the place of the oldest that is waited for.
func TestPromisesAreFew(t *testing.T) {
	net, m, branch, end := fork(t)
	var last []*Branch
	for i := range maxPromised + 1 {
		b := m.NewBranch()
		x := sibling(net, end, 0, 100+i)
		if err := errors.Join(b.Add(append(headlines(branch), x.Headline()), late), b.Check()); err != nil {
			t.Fatal(err)
		}
		last = append([]*Branch{b}, last...)
	}
	if len(m.promised) != maxPromised || m.promised[0] != last[0] || m.promised[1] != last[1] {
		t.Errorf("%d branches waited for", len(m.promised))
	}
}

// A header that was found to be right is not checked again when its block comes, but one with
// another signature is.
func TestCheckedHeaders(t *testing.T) {
	net := chaintest.New(2)
	m := newManager(t, net)
	b := net.Mine(m.State(), 0, chaintest.Body{})
	if err := m.CheckHeader(&b.Header, late); err != nil {
		t.Fatal(err)
	}
	forged := *b
	forged.Header.Signature[1] ^= 1
	rule := new(consensus.RuleError)
	if _, err := m.AddBlock(&forged, late); !errors.As(err, &rule) || rule.Rule != consensus.RuleHeaderSignature {
		t.Errorf("the same header, signed by nobody: %v", err)
	}
	mustAdd(t, m, Extended, b)
	if err := m.CheckHeader(&b.Header, late); !errors.Is(err, ErrKnown) {
		t.Errorf("a header of a stored block: %v", err)
	}
	if err := m.CheckHeader(&consensus.SignedHeader{Header: consensus.Header{Prev: consensus.Hash{1}}}, late); !errors.Is(err, ErrUnknownParent) {
		t.Errorf("a header on nothing: %v", err)
	}
	old := net.Mine(net.Genesis.State(), 1, chaintest.Body{})
	if err := m.CheckHeader(&old.Header, late); !errors.As(err, &rule) || rule.Rule != consensus.RuleUnknownMiner {
		t.Errorf("a stranger's header beside the tip: %v", err)
	}
}
