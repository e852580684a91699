package smtpgw

import "cairn/consensus/record"

// Meter counts what becomes of mail. Its methods return at once, and may be called by several
// goroutines.
type Meter interface {
	// Taken counts a message that was answered with 250 by a listener, or taken from cairn send.
	Taken(by Mode)
	// Refused counts a reply 4xx or 5xx to MAIL, RCPT or a message. stage is "MAIL", "RCPT" or
	// "message".
	Refused(by Mode, stage string, code int)
	// Filed counts an arrival that is stored, with its verdict.
	Filed(v record.Verdict)
	// SignedIn counts attempts to.
	SignedIn(ok bool)
}

// unmetered counts nothing.
type unmetered struct{}

func (unmetered) Taken(Mode)                {}
func (unmetered) Refused(Mode, string, int) {}
func (unmetered) Filed(record.Verdict)      {}
func (unmetered) SignedIn(bool)             {}
