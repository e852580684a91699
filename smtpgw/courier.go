package smtpgw

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
)

// Courier carries sealed queue entries to the nodes of their domains, or to
// local accounts. It follows the queue's index of due times; what is under
// way is only in its memory, so a restart begins again with all that is not
// known to have arrived.
type Courier struct {
	queue    *outbox.Queue
	router   Router
	delivery *Delivery
	cfg      Config
	dir      directory
	log      *slog.Logger
	update   func(context.Context, func(*mailstore.Tx) error) error // of the queue's store
	fail     context.CancelCauseFunc                                // ends Run with an error

	more     chan struct{} // a lane has room again, or due times have changed
	work     sync.WaitGroup
	settling chan struct{} // bounds the outcomes that wait for their commit

	mu      sync.Mutex
	lanes   map[string]*lane
	skipped bool // due entries were left, for want of room
}

// NewCourier returns a courier for the queue.
func NewCourier(cfg Config, queue *outbox.Queue, router Router, delivery *Delivery, log *slog.Logger) *Courier {
	cfg = cfg.withDefaults()
	return &Courier{
		queue: queue, router: router, delivery: delivery, cfg: cfg, dir: newDirectory(cfg),
		log: log, update: queue.Store().Update,
		more: make(chan struct{}, 1), settling: make(chan struct{}, 128),
		lanes: make(map[string]*lane),
	}
}

const (
	// laneRoom is how many entries wait in a lane's memory.
	laneRoom = 1024
	// recheck is how long the courier goes without a look at the queue.
	recheck = 10 * time.Second
)

func (c *Courier) now() time.Time { return c.cfg.Clock.Now() }

// Run carries mail until ctx is done, and returns when nothing is under way
// any more. Faults of the store are logged and tried again; but
// mailstore.ErrBroken ends it, since what was delivered could not be noted and
// would be delivered again and again.
func (c *Courier) Run(ctx context.Context) error {
	ctx, c.fail = context.WithCancelCause(ctx)
	defer c.queue.EndAll()
	defer c.work.Wait()
	defer c.fail(nil)
	timer := time.NewTimer(0)
	defer timer.Stop()
	c.work.Go(func() { c.watchUnsealed(ctx) })
	for {
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-c.more:
		case <-c.queue.WakeCourier():
			// Entries are sealed in transactions that may still be on their
			// way to the disk. An update of our own comes after them.
			barrier := func(*mailstore.Tx) error { return nil }
			if err := c.update(ctx, barrier); err != nil {
				c.trouble("wait for the store", err)
			}
		}
		if ctx.Err() != nil {
			if err := context.Cause(ctx); errors.Is(err, mailstore.ErrBroken) {
				return fmt.Errorf("courier: %w", err)
			}
			return nil
		}
		next, err := c.dispatch(ctx)
		wait := recheck
		switch {
		case errors.Is(err, mailstore.ErrClosed):
			return nil
		case err != nil:
			c.log.Error("courier: read the queue, trying again", "err", err)
			wait = time.Second
		case !next.IsZero():
			wait = min(wait, max(next.Sub(c.now()), time.Millisecond))
		}
		timer.Reset(wait)
	}
}

// trouble logs what went wrong, and ends Run if it will not get better.
func (c *Courier) trouble(during string, err error) {
	if errors.Is(err, mailstore.ErrBroken) {
		c.fail(fmt.Errorf("%s: %w", during, err))
	}
	c.log.Error("courier: "+during, "err", err)
}

// dispatch puts what is due into lanes and sees to it that they are worked
// off. It returns when the next entry becomes due.
func (c *Courier) dispatch(ctx context.Context) (time.Time, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skipped = false
	next, err := c.queue.DueBy(c.now(), 2*c.cfg.Sending.MaxRetry, func(d outbox.Due) bool {
		if !c.queue.Begin(d.ID) {
			return true
		}
		l := c.lanes[d.Domain]
		if l == nil && len(c.lanes) < c.cfg.Sending.Domains {
			l = newLane(d.Domain)
			c.lanes[d.Domain] = l
		}
		if l == nil || len(l.pending) == cap(l.pending) {
			c.queue.End(d.ID)
			c.skipped = true
			return true
		}
		l.pending <- d.ID
		return true
	})
	for _, l := range c.lanes {
		for l.workers < c.cfg.Sending.Sessions && len(l.pending) > l.idle {
			l.workers++
			l.idle++
			c.work.Go(func() { c.serve(ctx, l) })
		}
	}
	return next, err
}

// release forgets an entry that is no longer under way.
func (c *Courier) release(l *lane, id uint64) {
	c.mu.Lock()
	c.queue.End(id) // not while dispatch goes by what was stored before
	again := c.skipped && len(l.pending) < laneRoom/2
	c.mu.Unlock()
	if again {
		signal(c.more)
	}
}

// signal wakes the reader of c, if it is not about to wake up anyway.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
