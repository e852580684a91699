package courier

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/mailstore/textroom"
	"cairn/mailstore/wake"
	"cairn/smtpgw/client"
)

// lane is the way to one domain: the entries that wait, and the workers that
// each keep a session with it.
type lane struct {
	domain  string
	pending chan uint64
	texts   *textroom.Room  // for heavy mail on its way there
	light   *textroom.Room  // for other mail
	goes    context.Context // done when the lane is to make place, or no mail is carried any more
	leave   context.CancelFunc

	// Guarded by Courier.mu.
	since   time.Time // when its turn began: with the first entry
	workers int
	idle    int    // workers that wait for an entry, or are about to
	here    bool   // what was carried last was delivered on this machine
	node    string // or, to whom it went, if that is a node: Route.To

	mu     sync.Mutex
	failed time.Time // the last time that no session could be opened
	round  uint64    // Queue.Retries when that attempt began
	to     string    // with whom: Route.To
	cause  error
}

func newLane(ctx context.Context, domain string, texts *textroom.Room) *lane {
	l := &lane{domain: domain, pending: make(chan uint64, laneRoom), texts: texts, light: textroom.New(lightBytes)}
	l.goes, l.leave = context.WithCancel(ctx)
	return l
}

// isIdle reports whether nothing is carried or waits. Who asks holds Courier.mu.
func (l *lane) isIdle() bool { return l.idle == l.workers && len(l.pending) == 0 }

// failureLasts is how long who could not be reached is not tried again for
// other messages, unless it seems to be back.
const failureLasts = time.Second

func (l *lane) noteFailure(now time.Time, round uint64, to string, cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed, l.round, l.to, l.cause = now, round, to, cause
}

// recentFailure returns why to could not be reached a moment ago, in this round.
func (l *lane) recentFailure(now time.Time, round uint64, to string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cause != nil && l.to == to && l.round == round && now.Sub(l.failed) < failureLasts {
		return l.cause
	}
	return nil
}

// serve works a lane off until it has been empty for a while, or has to make place.
func (c *Courier) serve(ctx context.Context, l *lane) {
	var o *client.Session
	defer func() {
		if o != nil {
			o.Quit()
		}
	}()
	idle := time.NewTimer(c.cfg.Sending.IdleSession)
	defer idle.Stop()
	for {
		select {
		case <-l.goes.Done():
			if ctx.Err() == nil {
				c.retire(l)
			}
			return
		case <-idle.C:
			if c.retire(l) {
				return
			}
		case id := <-l.pending:
			if l.goes.Err() != nil {
				c.release(l, id)
				continue
			}
			c.busy(l, +1)
			o = c.carry(ctx, l, o, id)
			if o != nil && c.hosts.Yields(o, l.domain, len(l.pending) > 0) {
				o.Quit()
				o = nil
			}
			c.busy(l, -1)
			if c.dismiss(l) {
				return
			}
		}
		idle.Reset(c.cfg.Sending.IdleSession)
	}
}

// busy notes that a worker began (+1) or ended (-1) with an entry.
func (c *Courier) busy(l *lane, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.idle -= n
	if l.since.IsZero() {
		l.since = time.Now()
	}
}

// retire takes a worker out of its lane, and the lane away with the last one.
// It reports false when there is work after all.
func (c *Courier) retire(l *lane) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(l.pending) > 0 && l.goes.Err() == nil {
		return false
	}
	l.workers--
	l.idle--
	if l.workers == 0 {
		c.dissolve(l)
	}
	return true
}

// carry makes one attempt for an entry and leaves its outcome to be settled.
func (c *Courier) carry(ctx context.Context, l *lane, o *client.Session, id uint64) *client.Session {
	leave, err := c.hold(l, id)
	if err != nil {
		c.release(l, id)
		return o
	}
	given := false
	defer func() {
		if !given {
			leave()
		}
	}()
	e, raw, err := c.queue.Load(id)
	if errors.Is(err, outbox.ErrGone) || err == nil && e.Token == nil { // taken back meanwhile
		c.release(l, id)
		return o
	}
	if errors.Is(err, mailstore.ErrDamaged) && e.ID == id {
		c.holdDamaged(ctx, &e, err)
		c.release(l, id)
		wake.Up(c.more) // it is due at another time
		return o
	}
	if err != nil {
		c.log.Error("courier: read a queue entry", "entry", id, "err", err)
		c.release(l, id)
		return o
	}
	out, o := c.attempt(ctx, l, o, &e, raw)
	if ctx.Err() != nil && !slices.ContainsFunc(out, func(f fate) bool { return !f.ours || f.unclear != "" }) {
		return o // broken off by us: no attempt to speak of
	}
	if !slices.ContainsFunc(out, func(f fate) bool { return !f.unmade }) {
		c.release(l, id)
		return o
	}
	c.settling <- struct{}{}
	given = true
	c.work.Go(func() {
		defer func() { <-c.settling }()
		defer leave()
		rest := c.settle(ctx, &e, raw, out)
		c.release(l, id)
		if rest {
			wake.Up(c.more) // it is due at another time
		}
	})
	return o
}
