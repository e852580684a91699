package smtpgw

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/directory"
	"cairn/smtpgw/reply"
	"cairn/smtpgw/suppressed"
)

// goneFor are the recipients of an attempt of whom the other side says that they are gone for good.
// A reply that others had too, and that does not name them, says nothing of each.
func goneFor(out []fate) (gone []fate) {
	for i, f := range out {
		if !f.remote || !f.reply.Permanent() {
			continue
		}
		switch reply.Status(f.reply) {
		case "5.1.1", "5.1.6", "5.2.1": // RFC 3463: no such mailbox, moved, disabled
		default:
			continue
		}
		shared := false
		for j, other := range out {
			shared = shared || i != j && other.reply == f.reply
		}
		if !shared || strings.Contains(strings.ToLower(f.reply.Text), strings.ToLower(address.Path(f.rcpt))) {
			gone = append(gone, f)
		}
	}
	return gone
}

// suppressGone puts those who are gone on the list of the account that has sent to them.
func (c *Courier) suppressGone(tx *mailstore.Tx, e *outbox.Entry, gone []fate, now time.Time) error {
	if e.From == "" {
		return nil
	}
	err := suppressGone(tx, c.dir, c.cfg.Suppress, e.Account, gone, now)
	if errors.Is(err, suppressed.ErrFull) {
		c.log.Warn("an address that is gone is not suppressed: the list of the account is full", "mail", e.Ref, "addresses", suppressed.Max, "next", "cairn queue suppressed ls")
		return nil
	}
	return err
}

// suppressGone puts those who are gone on the list of an account, for some time; 0: not at all. The
// error may be suppressed.ErrFull.
func suppressGone(tx *mailstore.Tx, dir directory.Directory, within time.Duration, account mailstore.AccountID, gone []fate, now time.Time) error {
	if within <= 0 {
		return nil
	}
	for _, f := range gone {
		m, err := address.Parse(f.rcpt, true)
		if err != nil || dir.IsLocal(m.Domain) {
			continue
		}
		s := suppressed.Entry{Account: account, Since: now, Until: now.Add(within), Why: reply.OneLine(f.reply.String())}
		if err = suppressed.Put(tx, m, s); err != nil {
			return fmt.Errorf("suppress an address: %w", err)
		}
	}
	return nil
}
