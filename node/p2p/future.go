package p2p

import (
	"slices"
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
	"cairn/mailstore/wake"
)

const (
	maxEarly   = 64 // blocks held
	earlyBound = 20 // a block more than so many block times ahead is not held
)

// early is a block whose time has not come, as it arrived: compact or whole.
type early struct {
	compact *compactBlock
	whole   *consensus.Block
	header  *consensus.Header
	from    peer.ID
}

// future holds blocks whose time is too far ahead of this node's clock, earliest first, until it is
// not.
type future struct {
	mu   sync.Mutex
	list []*early
	wake chan struct{}
}

func newFuture() *future { return &future{wake: make(chan struct{}, 1)} }

// hold keeps a block. When there are too many, the one farthest ahead goes.
func (f *future) hold(e *early, now time.Time, interval time.Duration) {
	if e.header.Time > uint64(now.Add(earlyBound*interval+time.Minute).UnixMilli()) { // times beyond 2^63 too
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	id := e.header.ID()
	for _, x := range f.list {
		if x.header.ID() == id {
			return
		}
	}
	i, _ := slices.BinarySearchFunc(f.list, e, func(a, b *early) int {
		if a.header.Time != b.header.Time {
			if a.header.Time < b.header.Time {
				return -1
			}
			return 1
		}
		return 0
	})
	f.list = slices.Insert(f.list, i, e)
	f.list = f.list[:min(len(f.list), maxEarly)]
	wake.Up(f.wake)
}

// due takes out the blocks whose time has come, and says how long the next one has to wait; false
// if there is none.
func (f *future) due(p *consensus.Params, now time.Time) (ready []*early, wait time.Duration, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for n < len(f.list) && consensus.CheckClock(p, f.list[n].header, now) == nil {
		n++
	}
	ready = slices.Clone(f.list[:n])
	f.list = slices.Delete(f.list, 0, n)
	if len(f.list) == 0 {
		return ready, 0, false
	}
	at := time.UnixMilli(int64(f.list[0].header.Time)).Add(-p.ClockSlack())
	return ready, max(at.Sub(now), 10*time.Millisecond), true
}

// admitFuture offers held blocks to the chain when their time has come, and passes on those that it
// takes.
func (h *Host) admitFuture() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		ready, wait, more := h.future.due(&h.params, h.cfg.Now())
		for _, e := range ready {
			h.admit(e)
		}
		if !more {
			wait = time.Hour
		}
		timer.Reset(wait)
		select {
		case <-h.ctx.Done():
			return
		case <-h.future.wake:
		case <-timer.C:
		}
	}
}

func (h *Host) admit(e *early) {
	c := e.compact
	var result pubsub.ValidationResult
	if e.whole != nil {
		c = newCompactBlock(e.whole)
		result = h.takeBlock(e.whole, e.from)
	} else {
		result = h.takeCompact(h.ctx, e.from, c)
	}
	switch result {
	case pubsub.ValidationAccept:
		h.publish(h.gossip.block, c.encode())
	case pubsub.ValidationReject:
		h.blame(e.from, 1)
	}
}
