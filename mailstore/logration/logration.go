// Package logration bounds the lines of a log that others can bring about, so that nobody fills a
// disk by them. Lines beyond a credit are told at level debug, and the next line within it says how
// many were. Trouble that stays is told once a minute.
package logration

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Rate is how much is told: so many lines at once, and after that one more each gap.
type Rate struct {
	Lines int
	Gap   time.Duration
}

// credit is how many lines may still be told.
type credit struct {
	left    float64
	at      time.Time
	leftOut int // lines since the last that was told
}

func newCredit(r Rate, now time.Time) *credit { return &credit{left: float64(r.Lines), at: now} }

// grow adds what has been earned since it was looked at last.
func (c *credit) grow(r Rate, now time.Time) {
	c.left = min(c.left+float64(now.Sub(c.at))/float64(r.Gap), float64(r.Lines))
	c.at = now
}

// of is where the next line goes that would go to log.
func (c *credit) of(r Rate, log *slog.Logger, now time.Time) *slog.Logger {
	if c.grow(r, now); c.left < 1 {
		c.leftOut++
		return slog.New(lowered{log.Handler()})
	}
	c.left--
	if c.leftOut > 0 {
		log = log.With("lines_left_out", c.leftOut)
	}
	c.leftOut = 0
	return log
}

// Ration is one credit of lines. Its methods may be called from any goroutine.
type Ration struct {
	rate Rate
	mu   sync.Mutex
	all  *credit
}

// New returns a Ration of which nothing has been used.
func New(r Rate, now time.Time) *Ration { return &Ration{rate: r, all: newCredit(r, now)} }

// Of is where one line goes that would go to log: beyond the credit, to level debug.
func (r *Ration) Of(log *slog.Logger, now time.Time) *slog.Logger {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all.of(r.rate, log, now)
}

// Rations is a credit of lines for each of those who have a name, as far as they are remembered;
// the others share one. Its methods may be called from any goroutine.
type Rations struct {
	rate   Rate
	most   int // names that are remembered
	mu     sync.Mutex
	named  map[string]*credit
	others *credit
}

// NewRations returns Rations that remember at most so many names.
func NewRations(r Rate, most int, now time.Time) *Rations {
	return &Rations{rate: r, most: most, named: make(map[string]*credit), others: newCredit(r, now)}
}

// Of is where one line about name goes that would go to log: beyond the credit, to level debug.
func (r *Rations) Of(name string, log *slog.Logger, now time.Time) *slog.Logger {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.named[name]
	if c == nil && len(r.named) >= r.most {
		r.forget(now)
	}
	switch {
	case c == nil && len(r.named) < r.most:
		c = newCredit(r.rate, now)
		r.named[name] = c
	case c == nil:
		c = r.others
	}
	return c.of(r.rate, log, now)
}

// forget drops the credits that are whole again. Lines of theirs that were left out and not told of
// are counted with those of others.
func (r *Rations) forget(now time.Time) {
	for name, c := range r.named {
		if c.grow(r.rate, now); c.left >= float64(r.rate.Lines) {
			r.others.leftOut += c.leftOut
			delete(r.named, name)
		}
	}
}

// lowered tells everything at level debug.
type lowered struct{ to slog.Handler }

func (l lowered) Enabled(ctx context.Context, _ slog.Level) bool {
	return l.to.Enabled(ctx, slog.LevelDebug)
}

func (l lowered) Handle(ctx context.Context, r slog.Record) error {
	r.Level = slog.LevelDebug
	return l.to.Handle(ctx, r)
}

func (l lowered) WithAttrs(attrs []slog.Attr) slog.Handler { return lowered{l.to.WithAttrs(attrs)} }

func (l lowered) WithGroup(name string) slog.Handler { return lowered{l.to.WithGroup(name)} }
