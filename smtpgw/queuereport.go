package smtpgw

import (
	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/trace"
)

// QueueReport queues a mail in ASCII with a report of ours to another domain, in a transaction;
// Queued is to be called once that is committed. The null sender sends it, so nobody is told by
// mail that it failed, and no copy of it stays.
func (s *Submitter) QueueReport(tx *mailstore.Tx, to string, raw []byte, aboutTLS bool) error {
	m, err := address.Parse(to, false)
	if err != nil {
		return err
	}
	acct, err := s.dir.PostmasterAccount(&tx.Reader)
	if err != nil {
		return err
	}
	env := outbox.Envelope{Ref: trace.NewRef(), Account: acct.ID, Recipients: []string{m.String()}, TLSReport: aboutTLS}
	return queueOnward(tx, s.queue, env, raw, s.now())
}

// Queued has what was queued recorded.
func (s *Submitter) Queued() { s.queue.WakeSealer() }
