package smtpgw

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"github.com/emersion/go-smtp"

	"cairn/mailstore"
)

// replyf makes an SMTP reply: a code, an enhanced status code (RFC 3463) and a
// text for the peer's eyes.
func replyf(code, class, subject, detail int, format string, args ...any) *smtp.SMTPError {
	return &smtp.SMTPError{
		Code:         code,
		EnhancedCode: smtp.EnhancedCode{class, subject, detail},
		Message:      fmt.Sprintf(format, args...),
	}
}

// gate turns any error into the reply that the peer gets; go-smtp would show
// the text of any other error, and make it permanent. A cause that is nobody's
// business but ours becomes "451 4.3.0" with a reference under which the log
// has it: ref, that of the mail if it has one.
func gate(log *slog.Logger, during, ref string, err error) error {
	if err == nil {
		return nil
	}
	var reply *smtp.SMTPError
	if errors.As(err, &reply) {
		return reply
	}
	if errors.Is(err, context.Canceled) {
		log.Info("smtp: interrupted", "during", during, "err", err)
		return replyf(421, 4, 3, 2, "this server is shutting down; try again later")
	}
	if errors.Is(err, mailstore.ErrDiskFull) {
		log.Error("smtp: the disk is full", "during", during, "err", err)
		return replyf(452, 4, 3, 1, "no room left here, nothing was accepted; try again later")
	}
	if ref == "" {
		ref = newRef()
	}
	log.Error("smtp: temporary failure", "during", during, "mail", ref, "err", err)
	return replyf(451, 4, 3, 0, "local problem, nothing was accepted; try again later (reference %s)", ref)
}

// newRef returns a fresh opaque name: 16 hex digits.
func newRef() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
