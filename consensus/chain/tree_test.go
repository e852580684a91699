package chain

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// tree is a random tree of valid blocks on one genesis.
type tree struct {
	net    *chaintest.Network
	blocks []*consensus.Block                  // parents before children
	states map[consensus.Hash]*consensus.State // after each block, genesis included
}

func drawTree(t *rapid.T, net *chaintest.Network, size int) *tree {
	g := net.Genesis.State()
	tr := &tree{net: net, states: map[consensus.Hash]*consensus.State{g.Tip(): g}}
	parents := []*consensus.State{g}
	for range size {
		// Mostly on one of the latest blocks, so that branches get long.
		back := rapid.IntRange(1, min(len(parents), 5)).Draw(t, "back")
		s := parents[len(parents)-back]
		body := chaintest.Body{Time: time.UnixMilli(int64(s.Time())).Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "gap")) * time.Millisecond)}
		by := 0
		if len(s.Orgs()) < len(net.Orgs) {
			if rapid.Bool().Draw(t, "enrol") {
				body.Events = net.Enrolments()
			}
		} else {
			by = rapid.IntRange(0, len(net.Orgs)-1).Draw(t, "by")
		}
		if by < len(s.Orgs()) {
			body.Batches = net.Batches(s, by, rapid.IntRange(0, 2).Draw(t, "batches"), rapid.StringN(1, 2, -1).Draw(t, "tag"))
		}
		b := net.Mine(s, by, body)
		if tr.states[b.ID()] != nil {
			continue // drawn twice
		}
		if err := consensus.ValidateBlock(s, b); err != nil {
			t.Fatalf("chaintest made a bad block: %v", err)
		}
		next, _ := consensus.ApplyBlock(s, b)
		tr.blocks, tr.states[b.ID()] = append(tr.blocks, b), next
		parents = append(parents, next)
	}
	return tr
}

// best returns the ids of the blocks with most work.
func (tr *tree) best() (ids []consensus.Hash) {
	for id, s := range tr.states {
		switch {
		case len(ids) == 0 || s.Work().Cmp(tr.states[ids[0]].Work()) > 0:
			ids = []consensus.Hash{id}
		case s.Work().Cmp(tr.states[ids[0]].Work()) == 0:
			ids = append(ids, id)
		}
	}
	return ids
}

// follower replays updates from its cursor, as a follower of the chain does.
type follower struct {
	at   Index
	s    *consensus.State
	undo map[consensus.Hash]*consensus.Undo
}

func (f *follower) catchUp(t testingT, m *Manager, most int) {
	t.Helper()
	for {
		reverted, applied, err := m.UpdatesSince(f.at, most)
		if err != nil {
			t.Fatalf("updates since %v: %v", f.at, err)
		}
		if len(reverted)+len(applied) > most {
			t.Fatalf("%d and %d updates, at most %d wanted", len(reverted), len(applied), most)
		}
		if len(reverted)+len(applied) == 0 {
			return
		}
		for _, u := range reverted {
			if u.Index != f.at || u.Block.ID() != f.at.ID {
				t.Fatalf("reverted %v, but the follower is at %v", u.Index, f.at)
			}
			f.s, f.at = consensus.RevertBlock(f.s, f.undo[u.Index.ID]), u.Parent
		}
		for _, u := range applied {
			if u.Parent != f.at || u.Block.ID() != u.Index.ID || u.Block.Header.Height != u.Index.Height {
				t.Fatalf("applied %v on %v, but the follower is at %v", u.Index, u.Parent, f.at)
			}
			if u.Index.Height == 0 {
				f.s = m.Genesis().State()
			} else {
				f.s, f.undo[u.Index.ID] = consensus.ApplyBlock(f.s, u.Block)
			}
			f.at = u.Index
		}
	}
}

// Whatever the order in which a tree of blocks arrives, the best branch is one
// with most work, the state is what that branch leads to, and followers that
// look now and then, few blocks at a time, end up with the same state.
func TestAnyOrderConverges(t *testing.T) {
	net := chaintest.New(3)
	rapid.Check(t, func(t *rapid.T) {
		tr := drawTree(t, net, rapid.IntRange(1, 24).Draw(t, "size"))
		dir := tempDir(t)
		m, shut := open(t, net, dir)
		m.stepLimit = rapid.SampledFrom([]int{1, stepLimit}).Draw(t, "step limit")
		f := &follower{undo: make(map[consensus.Hash]*consensus.Undo)}
		step := rapid.IntRange(1, 7).Draw(t, "follower's step")

		arriving := rapid.Permutation(tr.blocks).Draw(t, "order")
		for len(arriving) > 0 {
			b := arriving[0]
			arriving = arriving[1:]
			work := m.State().Work()
			status, err := m.AddBlock(b, late)
			if errors.Is(err, ErrUnknownParent) {
				arriving = append(arriving, b)
				continue
			}
			if err != nil {
				t.Fatalf("block %d: %v", b.Header.Height, err)
			}
			if more := m.State().Work().Cmp(work); (more > 0) != (status != SideBranch) || more < 0 {
				t.Fatalf("block %d is %v, but work went from %v to %v", b.Header.Height, status, work, m.State().Work())
			}
			if rapid.IntRange(0, 3).Draw(t, "look") == 0 {
				f.catchUp(t, m, step)
			}
		}
		if best := tr.best(); !slices.Contains(best, m.Tip().ID) {
			t.Fatalf("tip %v is none of the blocks with most work", m.Tip())
		}
		want := tr.states[m.Tip().ID]
		if !m.State().Equal(want) {
			t.Fatal("the state is not that of the tip")
		}
		f.catchUp(t, m, step)
		if !f.s.Equal(want) || f.at != m.Tip() {
			t.Fatalf("the follower is at %v with another state than the tip %v", f.at, m.Tip())
		}
		for _, b := range tr.blocks { // a cursor on any block leads to the tip
			i := Index{b.Header.Height, b.ID()}
			reverted, applied, err := m.UpdatesSince(i, 1000)
			if err != nil {
				t.Fatalf("updates since %v: %v", i, err)
			}
			for _, u := range reverted {
				i = u.Parent
			}
			for _, u := range applied {
				i = u.Index
			}
			if i != m.Tip() {
				t.Fatalf("updates since block %d end at %v, not at the tip %v", b.Header.Height, i, m.Tip())
			}
		}
		shut()

		m, shut = open(t, net, dir)
		defer shut()
		if !m.State().Equal(want) {
			t.Fatal("the state after reopening is another one")
		}
		checkReplay(t, m)
	})
}

func TestUpdatesSinceUnknown(t *testing.T) {
	net := chaintest.New(1)
	m := newManager(t, net)
	blocks, _ := net.Chain(m.State(), 3)
	mustAdd(t, m, Extended, blocks...)
	for _, i := range []Index{
		{2, consensus.Hash{1}}, // no such block
		{3, blocks[1].ID()},    // at another height
		{9, blocks[2].ID()},    // above the tip
		{0, consensus.Hash{2}}, // another genesis
	} {
		if _, _, err := m.UpdatesSince(i, 10); !errors.Is(err, ErrUnknownIndex) {
			t.Errorf("%v: %v, want ErrUnknownIndex", i, err)
		}
	}
	reverted, applied, err := m.UpdatesSince(Index{}, 2)
	if err != nil || len(reverted) != 0 || len(applied) != 2 || applied[0].Index.ID != net.Genesis.Block.ID() || !applied[0].Parent.IsZero() {
		t.Fatalf("from the beginning: %v, %v, %v", reverted, applied, err)
	}
}

// tempDir returns a directory for one run of a property.
func tempDir(t *rapid.T) string {
	dir, err := os.MkdirTemp("", "chain-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
