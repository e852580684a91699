package smtpgw

import (
	"time"

	"cairn/mailstore"
	"cairn/smtpgw/address"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/suppressed"
)

// Suppress puts an address on an account's list by hand. mailstore.ErrNotFound when there is no
// such account; a *Refusal says that it is no address.
func (s *Submitter) Suppress(tx *mailstore.Tx, account mailstore.AccountID, addr string, within time.Duration) (suppressed.Entry, error) {
	m, err := address.Parse(addr, true)
	if err != nil {
		return suppressed.Entry{}, err
	}
	if s.dir.IsLocal(m.Domain) {
		return suppressed.Entry{}, suppressed.ErrOwn
	}
	if _, err := tx.Account(account); err != nil {
		return suppressed.Entry{}, err
	}
	now := s.now()
	if err := suppressed.Put(tx, m, suppressed.Entry{Account: account, Since: now, Until: now.Add(within)}); err != nil {
		return suppressed.Entry{}, err
	}
	return suppressed.Get(&tx.Reader, account, m)
}

// Unsuppress takes an address off an account's list, and returns what the list said of it, nothing
// where that was damaged; mailstore.ErrNotFound when it is not there.
func (s *Submitter) Unsuppress(tx *mailstore.Tx, account mailstore.AccountID, addr string) (suppressed.Entry, error) {
	m, err := address.Parse(addr, true)
	if err != nil {
		return suppressed.Entry{}, err
	}
	was, err := suppressed.Get(&tx.Reader, account, m)
	if err != nil {
		was = suppressed.Entry{Account: account, Address: m.String()}
	}
	return was, suppressed.Remove(tx, account, m)
}

// UnsuppressCommand ends the refusal of mail to an address that is suppressed.
const UnsuppressCommand = "cairn queue suppressed rm"

// notSuppressed is the refusal of a recipient who is on the sender's list.
func (s *Submitter) notSuppressed(who poster, m address.Mailbox) error {
	if who.from == "" {
		return nil
	}
	var known *suppressed.Entry
	err := s.store.View(func(r *mailstore.Reader) (err error) {
		known, err = suppressed.Find(r, who.account, m, s.now())
		return err
	})
	if err != nil || known == nil {
		return err
	}
	return refuse.With(550, 5, 1, 1, "<%s> is gone, as its server has said or the administrator; mail to it is taken again from %s, or after: "+UnsuppressCommand,
		address.Shown(m.String()), known.Until.Format("2006-01-02 15:04 UTC"))
}
