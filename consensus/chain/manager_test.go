package chain

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// late is a wall clock at which every block of these tests is in the past.
var late = chaintest.GenesisTime.AddDate(1, 0, 0)

type testingT interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// open opens the chain in dir and returns how to close it.
func open(t testingT, net *chaintest.Network, dir string) (*Manager, func()) {
	t.Helper()
	db, err := OpenDB(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(db, net.Genesis, slog.New(slog.DiscardHandler))
	if err != nil {
		db.Close()
		t.Fatal(err)
	}
	return m, func() {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// newManager has its chain in memory.
func newManager(t testingT, net *chaintest.Network) *Manager {
	t.Helper()
	m, err := OpenStore(InMemory(), net.Genesis, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustAdd(t testingT, m *Manager, want Status, blocks ...*consensus.Block) {
	t.Helper()
	for _, b := range blocks {
		got, err := m.AddBlock(b, late)
		if err != nil {
			t.Fatalf("block %d: %v", b.Header.Height, err)
		}
		if got != want {
			t.Fatalf("block %d: %v, want %v", b.Header.Height, got, want)
		}
	}
}

// checkReplay checks that the state is the one that the best branch leads to
// from genesis, and that all lookups agree with it.
func checkReplay(t testingT, m *Manager) {
	t.Helper()
	s := m.Genesis().State()
	for height := uint64(1); height <= m.Tip().Height; height++ {
		i, ok := m.IndexAt(height)
		if !ok || !m.BestHas(i) {
			t.Fatalf("no block at height %d of %d", height, m.Tip().Height)
		}
		b, err := m.Block(i.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := consensus.ValidateBlock(s, b); err != nil {
			t.Fatalf("stored block %d: %v", height, err)
		}
		s, _ = consensus.ApplyBlock(s, b)
		hs, err := m.HeaderState(i.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(hs.Encode(), s.HeaderState().Encode()) {
			t.Fatalf("stored header state of block %d is another one", height)
		}
	}
	if !m.State().Equal(s) {
		t.Fatalf("the state at %v is not what the blocks lead to", m.Tip())
	}
	if _, ok := m.IndexAt(m.Tip().Height + 1); ok {
		t.Fatal("there is a block above the tip")
	}
}

func TestGenesisOnly(t *testing.T) {
	net := chaintest.New(1)
	m := newManager(t, net)
	if got, want := m.Tip(), (Index{ID: net.Genesis.Block.ID()}); got != want {
		t.Fatalf("tip %v, want %v", got, want)
	}
	checkReplay(t, m)
	if _, err := m.AddBlock(&net.Genesis.Block, late); !errors.Is(err, ErrKnown) {
		t.Fatalf("adding genesis: %v, want ErrKnown", err)
	}
}

func TestExtendAndReopen(t *testing.T) {
	net := chaintest.New(3)
	dir := t.TempDir()
	m, shut := open(t, net, dir)
	blocks, want := net.Chain(m.State(), 20)
	mustAdd(t, m, Extended, blocks...)
	withBatches := net.Mine(want, 2, chaintest.Body{Batches: net.Batches(want, 1, 3, "x")})
	mustAdd(t, m, Extended, withBatches)
	want, _ = consensus.ApplyBlock(want, withBatches)
	shut()

	m, shut = open(t, net, dir)
	defer shut()
	if !m.State().Equal(want) {
		t.Fatal("the state after reopening is another one")
	}
	checkReplay(t, m)
	if _, err := m.AddBlock(blocks[7], late); !errors.Is(err, ErrKnown) {
		t.Fatalf("block 8 again: %v, want ErrKnown", err)
	}
	more, _ := net.Chain(m.State(), 3)
	mustAdd(t, m, Extended, more...)
}

func TestOtherNetworkRefused(t *testing.T) {
	dir := t.TempDir()
	_, shut := open(t, chaintest.New(1), dir)
	shut()
	db, err := OpenDB(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p := chaintest.Params()
	p.Name = "another"
	if _, err := Open(db, chaintest.NewWith(p, 1).Genesis, slog.New(slog.DiscardHandler)); err == nil {
		t.Fatal("opened the chain of another network")
	}
}

func TestUnknownParentAndFuture(t *testing.T) {
	net := chaintest.New(1)
	m := newManager(t, net)
	blocks, _ := net.Chain(m.State(), 2)
	if _, err := m.AddBlock(blocks[1], late); !errors.Is(err, ErrUnknownParent) {
		t.Fatalf("child before parent: %v, want ErrUnknownParent", err)
	}
	at := time.UnixMilli(int64(blocks[0].Header.Time))
	slack := net.Genesis.Params.ClockSlack()
	if _, err := m.AddBlock(blocks[0], at.Add(-slack-time.Millisecond)); !errors.Is(err, consensus.ErrFuture) {
		t.Fatalf("block from the future: %v, want ErrFuture", err)
	}
	if _, err := m.HeaderState(blocks[0].ID()); !errors.Is(err, ErrNotFound) {
		t.Fatalf("a block from the future is stored (%v)", err)
	}
	if _, err := m.AddBlock(blocks[0], at.Add(-slack)); err != nil {
		t.Fatalf("the same block when its time has come: %v", err)
	}
}

// The branch with most work counts; with equal work, the one seen first.
func TestForkChoice(t *testing.T) {
	net := chaintest.New(2)
	m := newManager(t, net)
	trunk, s := net.Chain(m.State(), 5)
	mustAdd(t, m, Extended, trunk...)
	a := net.Mine(s, 0, chaintest.Body{Batches: net.Batches(s, 0, 2, "a")})
	b := net.Mine(s, 1, chaintest.Body{Batches: net.Batches(s, 1, 1, "b")})
	mustAdd(t, m, Extended, a)
	wake, cancel := m.Subscribe()
	defer cancel()
	mustAdd(t, m, SideBranch, b)
	if m.Tip().ID != a.ID() || m.BestHas(Index{b.Header.Height, b.ID()}) {
		t.Fatal("the second of two blocks with equal work became the tip")
	}
	select {
	case <-wake:
		t.Fatal("woken although the tip has not changed")
	default:
	}
	sb, _ := consensus.ApplyBlock(s, b)
	b2 := net.Mine(sb, 0, chaintest.Body{Batches: net.Batches(sb, 0, 1, "b")})
	mustAdd(t, m, Reorganised, b2)
	if m.Tip().ID != b2.ID() || !m.BestHas(Index{b.Header.Height, b.ID()}) || m.BestHas(Index{a.Header.Height, a.ID()}) {
		t.Fatal("the branch with most work is not the best")
	}
	select {
	case <-wake:
	default:
		t.Fatal("not woken by a reorganisation")
	}
	checkReplay(t, m)
	if _, err := m.AddBlock(a, late); !errors.Is(err, ErrKnown) {
		t.Fatalf("abandoned block again: %v, want ErrKnown", err)
	}
	sa, _ := consensus.ApplyBlock(s, a)
	a2 := net.Mine(sa, 0, chaintest.Body{})
	mustAdd(t, m, SideBranch, a2)
	sa, _ = consensus.ApplyBlock(sa, a2)
	mustAdd(t, m, Reorganised, net.Mine(sa, 0, chaintest.Body{}))
	checkReplay(t, m)
}

func TestLocatorAndIDsAfter(t *testing.T) {
	net := chaintest.New(1)
	ours, theirs := newManager(t, net), newManager(t, net)
	blocks, s := net.Chain(ours.State(), 40)
	mustAdd(t, ours, Extended, blocks...)
	mustAdd(t, theirs, Extended, blocks[:25]...)
	s25 := theirs.State()
	own := net.Mine(s25, 0, chaintest.Body{Time: late.Add(-time.Hour)})
	mustAdd(t, theirs, Extended, own) // a block we do not have

	locator := theirs.Locator()
	if locator[0] != own.ID() || locator[len(locator)-1] != net.Genesis.Block.ID() {
		t.Fatal("the locator does not reach from the tip to genesis")
	}
	got, err := ours.IDsAfter(locator, 10)
	if err != nil || len(got) != 10 || got[0] != blocks[25].ID() {
		t.Fatalf("%d blocks, %v; want 10 from height 26 on", len(got), err)
	}
	for !theirs.State().Equal(s) {
		got, err := ours.IDsAfter(theirs.Locator(), 4)
		if err != nil || len(got) == 0 {
			t.Fatalf("catching up: %d blocks, %v", len(got), err)
		}
		for _, id := range got {
			b, err := ours.Block(id)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := theirs.AddBlock(b, late); err != nil && !errors.Is(err, ErrKnown) {
				t.Fatal(err)
			}
		}
		if len(got) < 4 {
			break
		}
	}
	if theirs.State().Work().Cmp(ours.State().Work()) < 0 {
		t.Fatalf("caught up to %v only, they have %v", theirs.Tip(), ours.Tip())
	}
	if got, err := ours.IDsAfter(ours.Locator(), 4); err != nil || len(got) != 0 {
		t.Fatalf("after the tip: %d blocks, %v; want none", len(got), err)
	}
	if _, err := ours.IDsAfter([]consensus.Hash{{1}}, 4); !errors.Is(err, ErrUnknownIndex) {
		t.Fatalf("locator of another network: %v, want ErrUnknownIndex", err)
	}
}
