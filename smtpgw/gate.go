package smtpgw

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"

	"cairn/mailstore"
)

// gate turns an error into what the peer hears. A cause that is nobody's
// business but ours becomes "451 4.3.0" with a reference under which the log
// has it: ref, that of the mail if it has one.
func gate(log *slog.Logger, during, ref string, err error) *Refusal {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal
	}
	if errors.Is(err, context.Canceled) {
		log.Info("smtp: interrupted", "during", during, "err", err)
		return refusef(421, 4, 3, 2, "this server is shutting down; try again later")
	}
	if errors.Is(err, mailstore.ErrDiskFull) {
		log.Error("smtp: the disk is full", "during", during, "err", err)
		return refusef(452, 4, 3, 1, "no room left here, nothing was accepted; try again later")
	}
	if ref == "" {
		ref = newRef()
	}
	log.Error("smtp: temporary failure", "during", during, "mail", ref, "err", err)
	return refusef(451, 4, 3, 0, "local problem, nothing was accepted; try again later (reference %s)", ref)
}

// newRef returns a fresh opaque name: 16 hex digits.
func newRef() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
