// Package gate is the one place at which whatever goes wrong becomes a reply. Causes go to the log,
// never to the peer.
package gate

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/diskroom"
	"cairn/mailstore/logration"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/trace"
)

// Gate is what errors pass on their way to a peer. Its methods may be called from any goroutine.
type Gate struct {
	full logration.Trouble
}

// Refusal turns an error into what the peer hears. A cause that is nobody's
// business but ours becomes "451 4.3.0" with a reference under which the log
// has it: ref, that of the mail if it has one. A full disk is told of once a
// minute: peers come again and again, and the log may be on that disk.
func (g *Gate) Refusal(log *slog.Logger, during, ref string, err error) *refuse.Refusal {
	if refusal, ok := errors.AsType[*refuse.Refusal](err); ok {
		return refusal
	}
	if errors.Is(err, context.Canceled) {
		log.Info("smtp: interrupted", "during", during, "err", err)
		return refuse.With(421, 4, 3, 2, "this server is shutting down; try again later")
	}
	if errors.Is(err, mailstore.ErrDiskFull) {
		if g.full.News(mailstore.ErrDiskFull, time.Now()) {
			log.Error("smtp: the disk is full", "during", during, "mail", ref, "err", err, "try", diskroom.NextFull)
		}
		return refuse.With(452, 4, 3, 1, "no room left here, nothing was accepted; try again later")
	}
	if ref == "" {
		ref = trace.NewRef()
	}
	log.Error("smtp: temporary failure", "during", during, "mail", ref, "err", err)
	return refuse.With(451, 4, 3, 0, "local problem, nothing was accepted; try again later (reference %s)", ref)
}
