package courier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/logration"
	"cairn/mailstore/outbox"
	"cairn/mailstore/textroom"
	"cairn/mailstore/wake"
	"cairn/smtpgw/client"
	"cairn/smtpgw/directory"
	"cairn/smtpgw/gate"
)

// Courier carries sealed queue entries to the nodes of their domains, or to
// local accounts. It asks the queue for domains of which something is due; what
// is under way is only in its memory, so a restart begins again with all that is
// not known to have arrived.
type Courier struct {
	queue    *outbox.Queue
	router   Router
	delivery Delivery
	cfg      Config
	dir      directory.Directory
	log      *slog.Logger
	gate     gate.Gate
	update   func(context.Context, func(*mailstore.Tx) error) error // of the queue's store
	fail     context.CancelCauseFunc                                // ends Run with an error

	more     chan struct{} // a lane has room again, or due times have changed
	work     sync.WaitGroup
	texts    *textroom.Room
	settling chan struct{} // bounds the outcomes that wait for their commit
	returns  chan struct{} // a report may be due at another time
	hosts    *client.HostSets

	mu      sync.Mutex
	lanes   map[string]*lane
	parted  map[string]*lane // that have made place, and wait for replies
	trips   map[*trip]bool
	left    map[string]time.Time // when the lanes of domains went, since some domain waits for one
	noted   bool                 // that entries are carried; see outbox.BeginRun
	missed  bool                 // an outcome could not be noted
	skipped bool                 // due entries were left, for want of room
}

// New returns a courier for the queue, which asks router for ways and brings to delivery
// what is for accounts of this node.
func New(cfg Config, queue *outbox.Queue, router Router, delivery Delivery, log *slog.Logger) *Courier {
	cfg = cfg.withDefaults()
	texts := cfg.Carried
	if texts == nil {
		texts = textroom.New(carriedBytes)
	}
	c := &Courier{
		texts: texts,
		queue: queue, router: router, delivery: delivery, cfg: cfg, dir: cfg.Directory,
		log: log, update: queue.Store().Update,
		more: make(chan struct{}, 1), settling: make(chan struct{}, 128), returns: make(chan struct{}, 1),
		lanes: make(map[string]*lane), parted: make(map[string]*lane), trips: make(map[*trip]bool), left: make(map[string]time.Time),
	}
	c.hosts = client.NewHostSets(c.cfg.Sending.pace(), c.cfg.Sending.Turn, c.now)
	return c
}

const (
	// laneRoom is how many entries wait in a lane's memory.
	laneRoom = 1024
	// recheck is how long the courier goes without a look at all that is due.
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
	defer c.endRun(context.WithoutCancel(ctx))
	defer c.work.Wait()
	defer c.fail(nil)
	c.beginRun(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	c.work.Go(func() { c.watchUnsealed(ctx) })
	c.work.Go(func() { c.watchReturns(ctx) })
	var looked time.Time
	var trouble logration.Trouble
	for {
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-c.more:
		case <-c.queue.WakeCourier():
		}
		if ctx.Err() != nil {
			if err := context.Cause(ctx); errors.Is(err, mailstore.ErrBroken) {
				return fmt.Errorf("courier: %w", err)
			}
			return nil
		}
		if time.Since(looked) >= recheck {
			looked = time.Now()
			c.queue.LookAgain()
		}
		next, err := c.dispatch(ctx)
		wait := min(recheck, c.cfg.Sending.Turn)
		news := trouble.News(err, time.Now())
		switch {
		case errors.Is(err, mailstore.ErrClosed):
			return nil
		case err != nil && ctx.Err() == nil:
			if news {
				c.trouble("read the queue, trying again", err)
			}
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
	if err := c.queue.Refresh(ctx, c.update); err != nil {
		return time.Time{}, err
	}
	next, err := c.fill(ctx, c.now())
	return next, errors.Join(err, c.queue.Advance(ctx, c.update))
}

// fill is dispatch as of what is known of the queue.
func (c *Courier) fill(ctx context.Context, now time.Time) (next time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skipped = false
	longest, waiting := 2*c.cfg.Sending.MaxRetry, 0
	domains, next := c.queue.DueDomains(now, longest, func(domain string) bool {
		l, known := c.lanes[domain]
		full := len(c.lanes) >= c.cfg.Sending.Domains
		switch {
		case c.parted[domain] != nil: // what it waits for comes first
			full = true
		case known:
			full = len(l.pending) > laneRoom/2 || l.goes.Err() != nil
		case full:
			waiting++
		}
		c.skipped = c.skipped || full
		return full
	})
	c.inTurn(domains)
	for _, domain := range domains {
		l, known := c.lanes[domain]
		if !known && len(c.lanes) >= c.cfg.Sending.Domains {
			waiting++
			c.skipped = true
			continue
		}
		if !known {
			l = newLane(ctx, domain, c.texts.Part(laneBytes))
		}
		err = errors.Join(err, c.queue.Due(domain, now, longest, func(id uint64) bool {
			if len(l.pending) == cap(l.pending) {
				c.skipped = true
				return false
			}
			if c.queue.Begin(domain, id) {
				l.pending <- id
			}
			return true
		}))
		if of := c.queue.NextOf(domain); !of.IsZero() && (next.IsZero() || of.Before(next)) {
			next = of
		}
		if len(l.pending) > 0 {
			c.lanes[domain] = l
		} else if !known {
			l.leave()
		}
	}
	if waiting == 0 {
		clear(c.left)
	}
	for _, l := range c.lanes {
		for l.goes.Err() == nil && l.workers < c.most(l) && len(l.pending) > l.idle {
			l.workers++
			l.idle++
			c.work.Go(func() { c.serve(ctx, l) })
		}
	}
	c.makePlace(waiting) // a lane goes with its last worker
	return next, err
}

// release forgets an entry that is no longer under way.
func (c *Courier) release(l *lane, id uint64) {
	c.mu.Lock()
	c.queue.End(id) // not while dispatch goes by what was stored before
	again := c.skipped && len(l.pending) < laneRoom/2
	c.mu.Unlock()
	if again {
		wake.Up(c.more)
	}
}
