package miner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/chain/chaintest"
	"cairn/mailstore/diskroom"
)

// memoryChain is a chain without store or branches.
type memoryChain struct {
	mu    sync.Mutex
	s     *consensus.State
	wake  chan struct{}
	added chan *consensus.Block
	fail  error // AddBlock returns it, once
}

func newMemoryChain(s *consensus.State) *memoryChain {
	return &memoryChain{s: s, wake: make(chan struct{}, 1), added: make(chan *consensus.Block, 1000)}
}

func (c *memoryChain) State() *consensus.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.s
}

func (c *memoryChain) AddBlock(b *consensus.Block, now time.Time) (chain.Status, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.fail; err != nil {
		c.fail = nil
		return 0, err
	}
	if b.Header.Prev != c.s.Tip() {
		return 0, chain.ErrUnknownParent
	}
	if err := consensus.ValidateBlock(c.s, b); err != nil {
		return 0, err
	}
	c.s, _ = consensus.ApplyBlock(c.s, b)
	select {
	case c.wake <- struct{}{}:
	default:
	}
	offer(c.added, b)
	return chain.Extended, nil
}

// offer sends b unless nobody has taken the last 1,000.
func offer(blocks chan<- *consensus.Block, b *consensus.Block) {
	select {
	case blocks <- b:
	default:
	}
}

// set puts the chain into another state, as a reorganisation does, once the last such news was
// taken up.
func (c *memoryChain) set(s *consensus.State) {
	c.mu.Lock()
	c.s = s
	c.mu.Unlock()
	c.wake <- struct{}{} // the miner reads the state before it takes the next
}

func (c *memoryChain) Subscribe() (<-chan struct{}, func()) { return c.wake, func() {} }

// listPool returns a fixed list.
type listPool struct {
	mu       sync.Mutex
	events   []consensus.OrgEvent
	batches  []consensus.Batch
	revision uint64
}

func (p *listPool) Select(*consensus.State, time.Time) ([]consensus.OrgEvent, []consensus.Batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.events, p.batches
}

func (p *listPool) Revision() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.revision
}

func (p *listPool) set(batches []consensus.Batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.batches = batches
	p.revision++
}

// run starts a Miner of organisation number by, which ends with the test.
func run(t *testing.T, c Chain, p Pool, net *chaintest.Network, by int, published chan *consensus.Block) <-chan error {
	t.Helper()
	return runLogging(t, c, p, net, by, published, slog.New(slog.DiscardHandler))
}

func runLogging(t *testing.T, c Chain, p Pool, net *chaintest.Network, by int, published chan *consensus.Block, log *slog.Logger) <-chan error {
	t.Helper()
	m := New(c, p, net.Orgs[by].Recorder, 0.5, func(b *consensus.Block) { offer(published, b) }, log)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() { ended <- m.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return ended
}

func next(t *testing.T, blocks <-chan *consensus.Block) *consensus.Block {
	t.Helper()
	select {
	case b := <-blocks:
		return b
	case <-time.After(20 * time.Second):
		t.Fatal("no block in 20 s")
		return nil
	}
}

// A Miner makes empty blocks one after another, and puts in what the pool has.
func TestRun(t *testing.T) {
	net := chaintest.New(2)
	_, s := net.Chain(net.Genesis.State(), 1)
	c, p, published := newMemoryChain(s), &listPool{}, make(chan *consensus.Block, 1000)
	run(t, c, p, net, 0, published)
	for height := s.Height() + 1; height < s.Height()+4; height++ {
		if b := next(t, c.added); b.Header.Height != height {
			t.Fatalf("block at height %d, want %d", b.Header.Height, height)
		}
	}
	p.set(net.Batches(s, 1, 2, "x"))
	for got := 0; got < 2; {
		got += len(next(t, c.added).Batches)
	}
	if b := next(t, published); b.Header.Height != s.Height()+1 {
		t.Fatalf("published height %d first, want %d", b.Header.Height, s.Height()+1)
	}
}

// New content of the pool gets into the block that is being worked on.
func TestRunTakesNewContent(t *testing.T) {
	p := chaintest.Params()
	p.GenesisBits = BitsFor(Calibrate(t.Context(), 20*time.Millisecond) / 50)
	net := chaintest.NewWith(p, 1)
	c, pool, published := newMemoryChain(net.Genesis.State()), &listPool{}, make(chan *consensus.Block, 1000)
	run(t, c, pool, net, 0, published)
	pool.set(net.Batches(c.State(), 0, 1, "x"))
	for len(next(t, published).Batches) == 0 { // the first may have been under way
	}
}

// A new tip ends the search on the old one, however long it would take.
func TestRunFollowsTheTip(t *testing.T) {
	p := chaintest.Params()
	p.GenesisBits = BitsFor(1e18)
	c, published := newMemoryChain(chaintest.NewWith(p, 1).Genesis.State()), make(chan *consensus.Block, 1000)
	easy := chaintest.New(1) // the same keys
	run(t, c, &listPool{}, easy, 0, published)
	c.set(easy.Genesis.State())
	if b := next(t, published); b.Header.Prev != easy.Genesis.Block.ID() {
		t.Fatal("the block is not on the new tip")
	}
}

// A node that is no member yet waits until it is.
func TestRunWaitsForMembership(t *testing.T) {
	net := chaintest.New(2)
	s := net.Genesis.State()
	c, published := newMemoryChain(s), make(chan *consensus.Block, 1000)
	run(t, c, &listPool{}, net, 1, published)
	if _, err := c.AddBlock(net.Mine(s, 0, chaintest.Body{Events: net.Enrolments()}), time.Now()); err != nil {
		t.Fatal(err)
	}
	if b := next(t, published); b.Header.Height != 2 {
		t.Fatalf("first own block at height %d, want 2", b.Header.Height)
	}
}

// A chain that is ahead of the clock, as after the clock was set back, is not mined on: each block
// would be refused for its time as soon as it is solved. It is said once, and mining goes on when
// the tip is a sound one.
func TestRunWaitsForTheClock(t *testing.T) {
	p := chaintest.Params()
	p.GenesisTime = time.Now().Add(time.Hour).Truncate(time.Millisecond).UTC()
	ahead, net := chaintest.NewWith(p, 1).Genesis.State(), chaintest.New(1) // the same keys
	c, published := newMemoryChain(ahead), make(chan *consensus.Block, 1000)
	var log bytes.Buffer
	runLogging(t, c, &listPool{}, net, 0, published, slog.New(slog.NewTextHandler(&log, nil)))
	for range 10 { // each is taken up before the next
		c.set(ahead)
	}
	c.set(net.Genesis.State())
	if b := next(t, published); b.Header.Prev != net.Genesis.Block.ID() {
		t.Error("a block was made on the chain that is ahead of the clock")
	}
	if n := strings.Count(log.String(), "mining waits"); n != 1 {
		t.Errorf("the wait is said %d times:\n%s", n, &log)
	}
}

// A Miner that is told to wait makes no block, and goes on when it is told no more.
func TestRunWaitsAsTold(t *testing.T) {
	net := chaintest.New(1)
	c, published := newMemoryChain(net.Genesis.State()), make(chan *consensus.Block, 1000)
	var wrong atomic.Bool
	wrong.Store(true)
	asked := make(chan struct{})
	m := New(c, &listPool{}, net.Orgs[0].Recorder, 0.5, func(b *consensus.Block) { offer(published, b) }, slog.New(slog.DiscardHandler))
	ahead := func() time.Time { return time.Now().Add(time.Hour) }
	m.SetClock(ahead)
	m.SetWait(func() string {
		select {
		case asked <- struct{}{}:
		default:
		}
		if wrong.Load() {
			return "the clock is wrong"
		}
		return ""
	})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { m.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	for range 10 {
		<-asked
	}
	if n := len(published); n > 0 {
		t.Errorf("%d blocks by a clock that is wrong", n)
	}
	wrong.Store(false)
	if b := next(t, published); b.Header.Time < uint64(time.Now().Add(59*time.Minute).UnixMilli()) {
		t.Error("the block's time is not the clock's")
	}
}

// Blocks that are refused, or that cannot be stored, are not published, and
// mining goes on.
func TestRunErrors(t *testing.T) {
	for _, fail := range []error{&consensus.RuleError{Rule: "some-rule"}, errors.New("disk on fire")} {
		net := chaintest.New(1)
		c, published := newMemoryChain(net.Genesis.State()), make(chan *consensus.Block, 1000)
		c.fail = fail
		ended := run(t, c, &listPool{}, net, 0, published)
		for height := uint64(1); height <= 2; height++ {
			if b := next(t, published); b.Header.Height != height {
				t.Fatalf("published height %d, want %d", b.Header.Height, height)
			}
		}
		select {
		case err := <-ended:
			t.Fatalf("%v ended mining: %v", fail, err)
		default:
		}
	}
}

// fullChain is a chain on a disk without room, where mining ends after some tries.
type fullChain struct {
	*memoryChain
	left int
	end  func()
}

func (c *fullChain) AddBlock(*consensus.Block, time.Time) (chain.Status, error) {
	if c.left--; c.left == 0 {
		c.end()
	}
	return 0, fmt.Errorf("%w: %d MB free", diskroom.ErrFull, c.left)
}

// A full disk is told of once a minute and not for each block, with what helps.
func TestFullDiskIsToldOnce(t *testing.T) {
	net := chaintest.New(1)
	ctx, cancel := context.WithCancel(t.Context())
	c := &fullChain{newMemoryChain(net.Genesis.State()), 5, cancel}
	var log bytes.Buffer
	m := New(c, &listPool{}, net.Orgs[0].Recorder, 0.5, nil, slog.New(slog.NewTextHandler(&log, nil)))
	if err := m.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if told := log.String(); strings.Count(told, "own block could not be stored") != 1 || !strings.Contains(told, "try=\""+diskroom.NextFull) {
		t.Errorf("the log:\n%s", told)
	}
}

func TestRunWithoutShare(t *testing.T) {
	net := chaintest.New(1)
	m := New(newMemoryChain(net.Genesis.State()), &listPool{}, net.Orgs[0].Recorder, 0, nil, slog.New(slog.DiscardHandler))
	if err := m.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}
