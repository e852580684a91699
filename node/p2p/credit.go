package p2p

import (
	"sync"
	"time"
)

// credit is what somebody may still use of something: it grows with time, up to what may be saved
// up.
type credit struct {
	left float64
	at   time.Time
}

// grow adds one for every gap that has passed, up to most.
func (c *credit) grow(now time.Time, gap time.Duration, most int) {
	c.left = min(c.left+float64(now.Sub(c.at))/float64(gap), float64(most))
	c.at = now
}

// lenience bounds how many messages of one caller are ignored: each costs its sender nothing, and
// this node the looking at it and the memory of having seen it. Messages of a caller whose credit
// is used up are dropped unseen until it has grown again.
type lenience struct {
	gap     time.Duration // a caller earns one message per gap,
	most    int           // and saves up this many
	mu      sync.Mutex
	callers map[caller]*lent
}

type lent struct {
	credit
	dropped int // messages dropped since the last breach was noted
}

// forgiven is what callers are forgiven in gossip.
type forgiven struct {
	blocks *lenience
	items  *lenience // batches and events
}

// breachAfter is how many dropped messages count as one breach of the rules.
const breachAfter = 1000

func newLenience(gap time.Duration, most int) *lenience {
	return &lenience{gap: gap, most: most, callers: make(map[caller]*lent)}
}

// ignored books a message that was ignored.
func (l *lenience) ignored(from caller, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.callers[from]
	if c == nil {
		c = &lent{credit: credit{left: float64(l.most), at: now}}
		l.callers[from] = c
	}
	c.grow(now, l.gap, l.most)
	c.left--
}

// drops reports whether the next message of a caller is to be dropped, and whether that is a
// breach.
func (l *lenience) drops(from caller, now time.Time) (drop, breach bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.callers[from]
	if c == nil {
		return false, false
	}
	if c.grow(now, l.gap, l.most); c.left >= 1 {
		return false, false
	}
	c.dropped++
	return true, c.dropped%breachAfter == 0
}

// forget drops the entries of those that have all their credit back.
func (l *lenience) forget(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for from, c := range l.callers {
		if c.grow(now, l.gap, l.most); c.left >= float64(l.most) {
			delete(l.callers, from)
		}
	}
}
