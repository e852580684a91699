// Package arrival has what a message is that has come for local recipients, and what those are that
// judge it.
package arrival

import (
	"context"
	"net/netip"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/authres/assess"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/trace"
)

// Arrival is a message that has come for local recipients.
type Arrival struct {
	Raw        []byte   // as it came in, before our trace fields; not to be changed
	From       string   // envelope sender; empty for the null sender
	Recipients []string // envelope recipients: local part as given, domain as A-label
	Peer       trace.Peer
	Received   time.Time  // set by Delivery; of what is handed over by the session
	DSN        outbox.DSN // what its sender asked about reports
	RequireTLS bool       // it came with REQUIRETLS (RFC 8689), and goes on so
	Unrecorded string     // why this node brings mail of its own without a token, if it does

	Judged []assess.Judged // set by a source: what is to be reported to domains of its authors
	Client netip.Addr      // who brought it, for that
}

// Checker looks at an arrival before it is stored. An error is a temporary
// failure: the peer is told to come again. Check may be called from many
// goroutines.
type Checker interface {
	Check(ctx context.Context, a *Arrival) (Assessment, error)
}

// Assessment is what a Checker found out about one arrival. All its methods
// are called from one goroutine at a time. Admit and Stored run within the
// delivery transaction, which may be run again from the start when the
// transactions it was grouped with grew too big.
type Assessment interface {
	// Found is what the checker found out about the message as a whole, for
	// Authentication-Results and filters.
	Found() screen.Finding
	// Admit judges rcpt's copy, which goes to account. again is true when this
	// record was accepted before for this recipient from this courier: the peer
	// gets its 250 and no second copy is made.
	Admit(tx *mailstore.Tx, account mailstore.AccountID, rcpt string) (f screen.Finding, again bool, err error)
	// Stored links rcpt's stored copy with its living verdict.
	Stored(tx *mailstore.Tx, rcpt string, m mailstore.Message) error
}

// Source gives evidence about an arrival beside its record: SPF, DKIM, DMARC,
// ARC, an engine's opinion. An error is a temporary failure: the peer is told
// to come again. Gather may be called from many goroutines and is given the
// time of one delivery; it bounds what it asks of others itself.
type Source interface {
	Gather(ctx context.Context, a *Arrival) ([]screen.Result, error)
}

// AccountSource gives evidence that depends on the account a copy goes to. It
// is asked within the delivery transaction, so it reads rd alone, and little
// of it. gathered is what the sources of the arrival say. What it says is kept with the copy and
// shown to nobody else.
type AccountSource interface {
	About(rd *mailstore.Reader, account mailstore.AccountID, f screen.Finding, gathered screen.Evidence) ([]screen.Result, error)
}

// Sources are all that give evidence beside the Checker.
type Sources struct {
	Arrival []Source
	Account []AccountSource
}

// Landing is an arrival that was judged, and waits to be stored.
type Landing interface {
	// Put stores it for all its recipients, in a transaction that may be run again from the start.
	// The error may be the refusal.
	Put(tx *mailstore.Tx) error
	// Tell tells the log of it, once the transaction is durable.
	Tell()
}
