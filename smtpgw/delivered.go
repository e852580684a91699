package smtpgw

import (
	"slices"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/dsn"
	"cairn/smtpgw/reply"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/trace"
)

// Who sends mail from outside may ask to be told that it was delivered (RFC 3461). He is told of
// what came into an inbox, and only where SPF passes for him: else whoever forges a sender would
// have reports brought to him. Of failures he hears in the session.

// ReportTo has success reports queued. Without it there are none.
func (d *Delivery) ReportTo(queue *outbox.Queue) { d.reports = queue }

// reportSuccess queues the report on an arrival to who has sent it, in the transaction that stores
// the mail.
func (l *landing) reportSuccess(tx *mailstore.Tx, shares []*share) error {
	if l.d.reports == nil || l.a.From == "" || !l.isProven() {
		return nil
	}
	var told []dsn.Told
	for _, s := range shares {
		if s.decision.Hold || !slices.Contains(s.decision.Labels, mailstore.LabelInbox) {
			continue
		}
		for _, rcpt := range s.linked {
			if asked := l.a.DSN.Of(rcpt); asked.Notify&outbox.NotifySuccess != 0 {
				told = append(told, dsn.Told{Address: rcpt, Original: asked.Original, Action: "delivered", Reply: reply.With(250, "2.0.0 stored")})
			}
		}
	}
	if len(told) == 0 {
		return nil
	}
	acct, err := l.d.dir.PostmasterAccount(&tx.Reader)
	if err != nil {
		return err
	}
	about := dsn.Notification{
		Hostname: l.d.hostname, Domain: l.d.dir.Home(), Name: trace.NewRef(), Written: l.d.now(),
		From: l.a.From, Ref: l.ref, EnvID: l.a.DSN.EnvID, Accepted: l.a.Received, Whole: l.a.DSN.Full,
	}
	text, err := about.Failed(l.a.Raw, told)
	if err != nil { // the mail is worth more than the report
		l.d.log.Error("smtp: write a report on success", "mail", l.ref, "err", err)
		return nil
	}
	_, err = l.d.reports.SubmitTx(tx, outbox.Envelope{Ref: l.ref, Account: acct.ID, Recipients: []string{l.a.From}, RequireTLS: l.a.RequireTLS}, text)
	l.told = err == nil
	return err
}

// isProven reports whether the server that brought an arrival may send for its envelope sender.
func (l *landing) isProven() bool {
	return slices.ContainsFunc(l.found.gathered, func(r screen.Result) bool {
		return r.Method == "spf" && r.Result == screen.Pass && r.Property == "smtp.mailfrom" && r.About == l.a.From
	})
}
