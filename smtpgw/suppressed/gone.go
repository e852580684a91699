package suppressed

import (
	"fmt"
	"strings"
	"time"

	"cairn/mailstore"
	"cairn/smtpgw/address"
	"cairn/smtpgw/reply"
)

// Said is the reply that counts for one recipient of a mail.
type Said struct {
	Recipient string // an address as in RCPT, or without its angle brackets
	Reply     reply.Reply
	Remote    bool // another server has replied so, not this node
}

// Gone are those of whom the other side says that they are gone for good. all are all recipients of
// one attempt, or of one report: a reply that others had too, and that does not name them, says
// nothing of each.
func Gone(all []Said) (gone []Said) {
	for i, f := range all {
		if !f.Remote || !f.Reply.Permanent() {
			continue
		}
		switch reply.Status(f.Reply) {
		case "5.1.1", "5.1.6", "5.2.1": // RFC 3463: no such mailbox, moved, disabled
		default:
			continue
		}
		shared := false
		for j, other := range all {
			shared = shared || i != j && other.Reply == f.Reply
		}
		if !shared || strings.Contains(strings.ToLower(f.Reply.Text), strings.ToLower(address.Path(f.Recipient))) {
			gone = append(gone, f)
		}
	}
	return gone
}

// PutGone puts those who are gone on the list of an account, from now on within some time; 0: not
// at all. isLocal reports whether a domain is one of ours: its addresses are never on a list. The
// error may be ErrFull.
func PutGone(tx *mailstore.Tx, isLocal func(domain string) bool, within time.Duration, account mailstore.AccountID, gone []Said, now time.Time) error {
	if within <= 0 {
		return nil
	}
	for _, f := range gone {
		m, err := address.Parse(f.Recipient, true)
		if err != nil || isLocal(m.Domain) {
			continue
		}
		s := Entry{Account: account, Since: now, Until: now.Add(within), Why: reply.OneLine(f.Reply.String())}
		if err = Put(tx, m, s); err != nil {
			return fmt.Errorf("suppress an address: %w", err)
		}
	}
	return nil
}
