package courier

import (
	"time"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/dsn"
	"cairn/smtpgw/trace"
)

// bounce writes the report to the sender of e about recipients that will not get the message, and
// those that have it of whom he wants to be told.
func bounce(e *outbox.Entry, raw []byte, failed []fate, hostname, domain string, now time.Time) ([]byte, error) {
	return notification(e, hostname, domain, now).Failed(raw, toldOf(failed))
}

// delayNotice writes the report to the sender of e about recipients that do not have the message
// yet, and for whom it is tried until some time.
func delayNotice(e *outbox.Entry, raw []byte, waiting []fate, hostname, domain string, until, now time.Time) ([]byte, error) {
	return notification(e, hostname, domain, now).Delayed(raw, toldOf(waiting), until)
}

func notification(e *outbox.Entry, hostname, domain string, now time.Time) *dsn.Notification {
	return &dsn.Notification{
		Hostname: hostname, Domain: domain, Name: trace.NewRef(), Written: now,
		From: e.From, Ref: e.Ref, EnvID: e.DSN.EnvID, Accepted: e.Created, Whole: e.DSN.Full,
	}
}

func toldOf(fates []fate) []dsn.Told {
	told := make([]dsn.Told, len(fates))
	for i, f := range fates {
		told[i] = dsn.Told{Address: f.rcpt, Original: f.original, Action: f.action, Reply: f.reply}
	}
	return told
}
