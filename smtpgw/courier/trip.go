package courier

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"cairn/mailstore/outbox"
	"cairn/mailstore/wake"
	"cairn/smtpgw/client"
)

// trip is one attempt to hand an entry to another node, made by a worker of its lane.
type trip struct {
	*lane
	began time.Time
	turn  time.Duration
	heavy bool // it takes of the room for text
	client.Progress
	final time.Duration // for the reply to the text, where others wait
	stop  context.CancelCauseFunc
}

// slowLine is how many octets of a text the other side has to take in a second on average, where
// others wait.
const slowLine = 64 << 10

// overdue is by how much a trip has taken longer than its turn and its text at the least speed;
// once the other side has all of that, by how much its reply has: who ends a trip then may send the
// mail twice.
func (t *trip) overdue(now time.Time) time.Duration {
	if given := t.Given.Load(); given != 0 {
		return now.Sub(time.Unix(0, given)) - t.final
	}
	return now.Sub(t.began) - t.turn - time.Duration(t.Moved.Load())*time.Second/slowLine
}

// depart begins a trip with an entry. Its context ends when it has to make place. Its turn grows
// with the attempts that the entry has had, up to the time that one reply may take: who never
// answers within the first one would else get no mail as long as others wait.
func (c *Courier) depart(ctx context.Context, l *lane, e *outbox.Entry, size int) (context.Context, *trip) {
	ctx, stop := context.WithCancelCause(ctx)
	turn := c.cfg.Sending.Turn
	longest := max(turn, c.cfg.Sending.Reply)
	t := &trip{lane: l, began: time.Now(), turn: min(turn*time.Duration(1+e.Attempts), longest), heavy: size > lightMail, final: longest, stop: stop}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trips[t] = true
	return ctx, t
}

func (c *Courier) arrive(t *trip) {
	t.stop(nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.trips, t)
}

// whyEnded is the error of a trip: errTooSlow if it had to make place, whatever that broke.
func whyEnded(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), client.ErrTooSlow) {
		return client.ErrTooSlow
	}
	return err
}

// makePlace has lanes go that are idle or have had their turn, the first ones first, for so many
// domains that wait for one. A lane goes when its workers have come to the end of what they carry;
// its trips that are overdue are ended, and where all of them wait for the reply to a text, others
// have its place at once. Where others wait for room for their texts, that one is ended which is
// overdue the longest.
func (c *Courier) makePlace(waiting int) {
	now, turn, others := time.Now(), c.cfg.Sending.Turn, waiting > 0
	var had []*lane
	for _, l := range c.lanes {
		if l.goes.Err() != nil {
			waiting--
		} else if l.isIdle() || !l.since.IsZero() && now.Sub(l.since) >= turn {
			had = append(had, l)
		}
	}
	slices.SortFunc(had, func(a, b *lane) int { return a.since.Compare(b.since) })
	for _, l := range had[:min(len(had), max(0, waiting))] {
		l.leave()
	}
	for _, l := range c.lanes {
		switch {
		case l.goes.Err() == nil || !c.onlyWaits(l, now):
		case len(c.parted) < maxParted*c.cfg.Sending.Domains:
			c.dissolve(l)
			c.parted[l.domain] = l
			wake.Up(c.more)
		default:
			c.endParted(now)
		}
	}
	var slowest *trip
	for t := range c.trips {
		switch late := t.overdue(now); {
		case late <= 0:
		case t.goes.Err() != nil && (others || t.Given.Load() == 0):
			t.stop(client.ErrTooSlow)
		case t.heavy && (slowest == nil || late > slowest.overdue(now)):
			slowest = t
		}
	}
	if slowest != nil && c.texts.Short() {
		slowest.stop(client.ErrTooSlow)
	}
}

// maxParted is how many lanes may wait for replies without a place, for each place there is.
const maxParted = 4

// onlyWaits reports whether all that a lane's workers do is to wait, for a turn by now, for replies
// to texts that the other side has.
func (c *Courier) onlyWaits(l *lane, now time.Time) bool {
	waits := 0
	for t := range c.trips {
		if given := t.Given.Load(); t.lane == l && given != 0 && now.Sub(time.Unix(0, given)) >= c.cfg.Sending.Turn {
			waits++
		}
	}
	return waits > 0 && waits == l.workers-l.idle
}

// endParted ends what a lane without a place waits for, of those that all had their turn the one
// that has waited the longest.
func (c *Courier) endParted(now time.Time) {
	last := make(map[*lane]int64) // when the last text was given, of lanes that had their turn
	for t := range c.trips {
		if given := t.Given.Load(); c.parted[t.domain] == t.lane {
			if had := given != 0 && now.Sub(time.Unix(0, given)) >= t.turn; !had {
				given = math.MaxInt64
			}
			last[t.lane] = max(last[t.lane], given)
		}
	}
	var longest *lane
	for l, given := range last {
		if given != math.MaxInt64 && (longest == nil || given < last[longest]) {
			longest = l
		}
	}
	for t := range c.trips {
		if longest != nil && t.lane == longest {
			t.stop(client.ErrTooSlow)
		}
	}
}

// inTurn puts domains that had a place before behind those that had none, or longer ago.
func (c *Courier) inTurn(domains []string) {
	slices.SortStableFunc(domains, func(a, b string) int { return c.left[a].Compare(c.left[b]) })
}

// dissolve takes a lane away that nobody works at, or whose workers only wait. What waits in it is
// due as before.
func (c *Courier) dissolve(l *lane) {
	if c.parted[l.domain] == l { // its place was given up before
		delete(c.parted, l.domain)
		c.queue.LookAgain()
		wake.Up(c.more)
		return
	}
	again := c.skipped || len(l.pending) > 0
	for some := true; some; {
		select { // workers may be there, and take one too
		case id := <-l.pending:
			c.queue.End(id)
		default:
			some = false
		}
	}
	l.leave()
	delete(c.lanes, l.domain)
	if again {
		c.left[l.domain] = time.Now()
		c.queue.LookAgain()
		wake.Up(c.more)
	}
}
