package courier

import (
	"slices"
	"strings"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/reply"
)

// Who sent a mail is told once that it is still on its way to some, after some hours (RFC 5321,
// section 4.5.4.1, leaves that open; RFC 3464, section 2.3.3, has the form). The attempt that finds
// it so writes the notice, and one is made when the time has come.

// attemptBy moves an attempt to the moment at which the sender would be told, if it lies between.
func (c *Courier) attemptBy(e *outbox.Entry, now, again time.Time) time.Time {
	tell := e.Created.Add(c.cfg.Sending.Delay)
	if e.From != "" && now.Before(tell) && again.After(tell) {
		return tell
	}
	return again
}

// isLate reports whether the sender of an entry is to be told that it waits, unless he was.
func (c *Courier) isLate(e *outbox.Entry, raw []byte, now time.Time) bool {
	return e.From != "" && now.Sub(e.Created) >= c.cfg.Sending.Delay && !c.cfg.Clock.Distrust() && !isAutomatic(raw)
}

// isAutomatic reports whether nobody has written a message who could wait for it to arrive: its
// Auto-Submitted field says something else than "no" (RFC 3834, section 5), or it is sent in bulk.
func isAutomatic(raw []byte) bool {
	header, _ := rawheader.Split(raw)
	for f := range rawheader.Fields(header) {
		value, _, _ := strings.Cut(strings.ToLower(f.Unfolded()), ";")
		switch value = strings.TrimSpace(value); {
		case f.Is("auto-submitted") && value != "no":
			return true
		case f.Is("precedence") && slices.Contains([]string{"bulk", "list", "junk"}, value):
			return true
		}
	}
	return false
}

// tellDelay queues the notice about all of a message that waits and was tried, unless there was
// one. It reports whether it did.
func (c *Courier) tellDelay(tx *mailstore.Tx, e *outbox.Entry, raw []byte, now time.Time) (told bool, err error) {
	if known, err := c.queue.ToldDelay(&tx.Reader, e); err != nil || known {
		return false, err
	}
	entries, err := c.queue.EntriesOf(&tx.Reader, mailstore.Ref{Account: e.Account, Message: e.Message})
	if err != nil && !outbox.IsDamaged(err) {
		return false, err
	}
	var waiting []fate
	for i := range entries {
		other := &entries[i]
		if other.Attempts == 0 || c.queue.Withheld(other.ID) {
			continue
		}
		for _, rcpt := range other.Recipients {
			if other.DSN.Wants(rcpt, outbox.NotifyDelay) {
				waiting = append(waiting, fate{rcpt: rcpt, reply: lastReply(other, rcpt), action: "delayed", original: other.DSN.Of(rcpt).Original})
			}
		}
	}
	if len(waiting) == 0 {
		return false, nil
	}
	notice, err := delayNotice(e, raw, waiting, c.cfg.Hostname, c.dir.Home(), e.Created.Add(c.cfg.Sending.Expire), now)
	if err != nil {
		c.log.Error("courier: write a report", "mail", e.Ref, "err", err)
		return false, nil
	}
	if err := c.queue.TellDelay(tx, e); err != nil {
		return false, err
	}
	return true, c.submitReport(tx, e.Ref, e.From, notice, e.RequireTLS)
}

// lastReply is what an entry remembers of its latest attempt for a recipient: see summarise.
func lastReply(e *outbox.Entry, rcpt string) reply.Reply {
	said := e.LastError
	if _, own, several := strings.Cut("; "+said, "; <"+rcpt+"> "); several {
		said, _, _ = strings.Cut(own, "; <")
	}
	return reply.Parse(said)
}
