package p2p

import (
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/mailstore/logration"
)

// peerLines is what is told in the log about nodes that are not enrolled, and again about those
// that are: a log is not filled by whoever connects again and again.
var peerLines = logration.Rate{Lines: 50, Gap: 10 * time.Second}

// peerLog rations the lines about peers.
type peerLog struct {
	log                  *slog.Logger
	strangers, ofMembers *logration.Ration
}

func newPeerLog(log *slog.Logger, now time.Time) *peerLog {
	return &peerLog{log: log, strangers: logration.New(peerLines, now), ofMembers: logration.New(peerLines, now)}
}

// of is where a line about a peer goes.
func (l *peerLog) of(enrolled bool, now time.Time) *slog.Logger {
	if enrolled {
		return l.ofMembers.Of(l.log, now)
	}
	return l.strangers.Of(l.log, now)
}

// logOf is where a line about a peer goes.
func (h *Host) logOf(p peer.ID) *slog.Logger { return h.peerLog.of(h.enrolled(p), time.Now()) }
