package p2p

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// What peers do is told in lines of the log, of which nodes that are not enrolled, and those that are, have a credit each: a log is not
// filled by whoever connects again and again.
const (
	peerLines   = 50
	peerLineGap = 10 * time.Second
)

// peerLog rations the lines about peers.
type peerLog struct {
	log, debug           *slog.Logger
	mu                   sync.Mutex
	strangers, ofMembers lent
}

func newPeerLog(log *slog.Logger, now time.Time) *peerLog {
	full := lent{credit: credit{left: peerLines, at: now}}
	return &peerLog{log: log, debug: slog.New(lowered{log.Handler()}), strangers: full, ofMembers: full}
}

// of is where something about a peer is told: when the credit is used up, at level debug. The next line that is told says how many
// before it were not.
func (l *peerLog) of(enrolled bool, now time.Time) *slog.Logger {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &l.strangers
	if enrolled {
		c = &l.ofMembers
	}
	if c.grow(now, peerLineGap, peerLines); c.left < 1 {
		c.dropped++
		return l.debug
	}
	c.left--
	log := l.log
	if c.dropped > 0 {
		log = log.With("lines_left_out", c.dropped)
	}
	c.dropped = 0
	return log
}

// logOf is where something about a peer is told.
func (h *Host) logOf(p peer.ID) *slog.Logger { return h.peerLog.of(h.enrolled(p), time.Now()) }

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
