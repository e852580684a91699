package smtpgw

import (
	"context"

	"cairn/consensus"
	"cairn/mailstore"
)

// ProtocolLocal is the Protocol of mail that this node brings itself: from its
// own queue, or from a program that hands it over without SMTP.
const ProtocolLocal = "LOCAL"

// Peer is who brought a message.
type Peer struct {
	Addr     string         // network address, or libp2p peer ID of a stream
	Node     *consensus.Key // libp2p node key when the connection is a stream from one
	Helo     string         // what the peer called itself
	Protocol string         // for Received, RFC 3848: SMTP, ESMTP, UTF8SMTP; ProtocolLocal
}

// Arrival is a message that has come for local recipients.
type Arrival struct {
	Raw        []byte   // as it came in, before our trace fields; not to be changed
	From       string   // envelope sender; empty for the null sender
	Recipients []string // envelope recipients: local part as given, domain as A-label
	Peer       Peer
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
	// AuthResult is written into Authentication-Results as the result of the
	// method x-cairn: pass, policy, neutral, fail or none, and the reason,
	// such as "verdict=pending".
	AuthResult() (result, reason string)
	// Admit gives the labels of rcpt's copy. store is false when this record
	// was accepted before for this recipient from this courier: the peer gets
	// its 250 and no second copy is made.
	Admit(tx *mailstore.Tx, rcpt string) (labels []string, store bool, err error)
	// Stored links rcpt's stored copy with its living verdict.
	Stored(tx *mailstore.Tx, rcpt string, m mailstore.Message) error
}
