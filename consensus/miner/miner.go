package miner

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/mailstore/diskroom"
	"cairn/mailstore/logration"
)

// Chain is what a Miner builds on; *chain.Manager has it.
type Chain interface {
	State() *consensus.State
	AddBlock(b *consensus.Block, now time.Time) (chain.Status, error)
	Subscribe() (wake <-chan struct{}, cancel func())
}

// Pool is where a Miner takes the content of its blocks from; *mempool.Pool has it.
type Pool interface {
	Select(s *consensus.State, now time.Time) ([]consensus.OrgEvent, []consensus.Batch)
	Revision() uint64 // grows when there is more to select
}

// Miner makes block after block.
type Miner struct {
	chain   Chain
	pool    Pool
	key     func(*consensus.State) ed25519.PrivateKey // which recorder key signs on top of a state
	solver  *solver
	publish func(*consensus.Block)
	log     *slog.Logger
	now     func() time.Time
	wait    func() string // why no block is to be made now; empty: one is
	waiting bool          // which has been said
	trouble logration.Trouble
}

// New returns a Miner that signs with recorder and uses the given share of a
// core: 0.1 is a tenth of one, 2.5 three cores at five sixths each; with none,
// Run returns at once. publish is called with every block it has added to the
// chain, to pass it on to peers; it must not block.
func New(c Chain, pool Pool, recorder ed25519.PrivateKey, share float64, publish func(*consensus.Block), log *slog.Logger) *Miner {
	return &Miner{
		chain: c, pool: pool, solver: newSolver(share), publish: publish, log: log,
		now: time.Now, wait: func() string { return "" },
		key: func(*consensus.State) ed25519.PrivateKey { return recorder },
	}
}

// SetClock gives the Miner, before Run, another clock than the machine's.
func (m *Miner) SetClock(now func() time.Time) { m.now = now }

// SetWait gives the Miner, before Run, what says why it is to make no block now,
// such as that the clock is known to be wrong; empty: it is to. It is asked again
// and again.
func (m *Miner) SetWait(why func() string) { m.wait = why }

// SetKey gives the Miner, before Run, what says which recorder key signs on top of a state, where
// that may change.
func (m *Miner) SetKey(key func(*consensus.State) ed25519.PrivateKey) { m.key = key }

// Run mines until ctx is done and returns nil then. While the recorder key is
// not enrolled it waits. A block that the chain's store does not take, as when
// the disk is full, is logged, and the next one tried. An error is a fault of
// this program.
//
// A new tip makes it start over at once; new content of the pool at most every
// twentieth of the block interval, and not more often than every 50 ms. The
// header's time is brought up to date as often. While the chain is further ahead
// of this node's clock than a block may be, or it is told to, it waits.
func (m *Miner) Run(ctx context.Context) error {
	if len(m.solver.workers) == 0 {
		return nil
	}
	wake, cancel := m.chain.Subscribe()
	defer cancel()
	interval := max(m.chain.State().Params().BlockInterval/20, 50*time.Millisecond)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-wake: // what it says is looked at now
		default:
		}
		s, revision := m.chain.State(), m.pool.Revision()
		if m.early(s, m.now()) {
			select {
			case <-wake:
			case <-tick.C: // the clock may be set again, so no timer is made for it
			case <-ctx.Done():
			}
			continue
		}
		events, batches := m.pool.Select(s, m.now())
		key := m.key(s)
		b, err := Template(s, events, batches, consensus.PublicKey(key), m.now())
		if errors.Is(err, ErrNotMember) {
			m.log.Debug("miner waits", "err", err)
			select {
			case <-wake:
			case <-ctx.Done():
			}
			continue
		}
		if err != nil {
			return err
		}
		if !m.work(ctx, s, b, revision, wake, tick.C) {
			continue
		}
		err = m.add(b, key)
		if m.trouble.News(err, time.Now()) {
			m.log.Error("own block could not be stored, mining the next", "height", b.Header.Height, "err", err, "try", diskroom.Next(err))
		}
		if err != nil {
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}
	return nil
}

// early reports whether no block is to be made on top of s now: the Miner was told to wait, or the
// chain runs so far ahead of this node's clock that any block, or what it stands on, would be
// refused for its time. That happens when blocks were made by a clock that has been set back since.
// It is said once.
func (m *Miner) early(s *consensus.State, now time.Time) bool {
	var err error
	if why := m.wait(); why != "" {
		err = errors.New(why)
	} else {
		latest := max(blockTime(s, now), s.HeaderState().LatestTime())
		err = consensus.CheckClock(s.Params(), &consensus.Header{Time: latest}, now)
	}
	if err != nil && !m.waiting {
		m.log.Warn("mining waits", "height", s.Height(), "err", err)
	}
	if err == nil && m.waiting {
		m.log.Info("mining goes on", "height", s.Height())
	}
	m.waiting = err != nil
	return m.waiting
}

// work searches for the proof of b, and is not ok when another template should
// be made first. The search runs beside this loop, which stops it for news.
func (m *Miner) work(ctx context.Context, s *consensus.State, b *consensus.Block, revision uint64, wake <-chan struct{}, tick <-chan time.Time) bool {
	for {
		// A random start: a clock that stands still must not make the search
		// repeat itself.
		b.Header.Nonce = rand.Uint64()
		searching, stop := context.WithCancel(ctx)
		solved := make(chan bool, 1)
		go func() { solved <- m.solver.solve(searching, &b.Header.Header) }()
		news := false
		select {
		case ok := <-solved:
			stop()
			return ok
		case <-wake:
			news = true
		case <-tick:
		}
		stop()
		found := <-solved // perhaps while it was being stopped
		switch {
		case news:
			return false
		case found:
			return true
		case m.pool.Revision() != revision:
			return false
		}
		if m.wait() != "" {
			return false
		}
		b.Header.Time = blockTime(s, m.now())
	}
}

// add signs a solved block with key and gives it to the chain and to peers.
func (m *Miner) add(b *consensus.Block, key ed25519.PrivateKey) error {
	b.Header = consensus.SignHeader(b.Header.Header, key)
	status, err := m.chain.AddBlock(b, m.now())
	var broken *consensus.RuleError
	switch {
	case errors.As(err, &broken), errors.Is(err, consensus.ErrFuture):
		// A block of ours that the rules refuse is a fault of this program, or
		// the clock was set back during the search. The next template may do better.
		m.log.Error("own block was refused", "height", b.Header.Height, "err", err)
		return nil
	case errors.Is(err, chain.ErrKnown), errors.Is(err, chain.ErrUnknownParent):
		return nil
	case err != nil:
		return err
	}
	m.log.Debug("block mined", "height", b.Header.Height, "id", b.ID().String(), "events", len(b.Events), "batches", len(b.Batches), "status", status.String())
	m.publish(b)
	return nil
}
