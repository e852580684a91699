// Package asked has what senders ask about reports (RFC 3461): it is read from commands and written
// into them, and tells whom to tell of what.
package asked

import (
	"fmt"
	"strings"

	"github.com/emersion/go-smtp"

	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/refuse"
)

const (
	// MaxEnvID bounds an ENVID, in octets: RFC 3461, section 4.4.
	MaxEnvID = 100
	// maxOriginal bounds an ORCPT with its type, in octets: section 4.2.
	maxOriginal = 500
)

var notifyWords = []struct {
	word smtp.DSNNotify
	bit  outbox.Notify
}{
	{smtp.DSNNotifyNever, outbox.NotifyNever}, {smtp.DSNNotifySuccess, outbox.NotifySuccess},
	{smtp.DSNNotifyFailure, outbox.NotifyFailure}, {smtp.DSNNotifyDelayed, outbox.NotifyDelay},
}

// Of is what a RCPT command asks.
func Of(opts *smtp.RcptOptions) (a outbox.Asked, err error) {
	if opts == nil {
		return a, nil
	}
	for _, given := range opts.Notify {
		for _, n := range notifyWords {
			if n.word == given {
				a.Notify |= n.bit
			}
		}
	}
	if opts.OriginalRecipient != "" {
		a.Original = strings.ToLower(string(opts.OriginalRecipientType)) + ";" + opts.OriginalRecipient
	}
	if len(a.Original) > maxOriginal || strings.ContainsFunc(a.Original, address.IsControl) {
		return a, refuse.With(501, 5, 5, 4, "ORCPT is longer than %d octets, or has control characters (RFC 3461, section 4.2)", maxOriginal)
	}
	return a, nil
}

// MailParameters are those of a MAIL command.
func MailParameters(d *outbox.DSN) string {
	var b strings.Builder
	switch {
	case d.Full:
		b.WriteString(" RET=FULL")
	case d.HDRS:
		b.WriteString(" RET=HDRS")
	}
	if d.EnvID != "" {
		b.WriteString(" ENVID=" + xtext(d.EnvID))
	}
	return b.String()
}

// RcptParameters are those of a RCPT command. An original address that is not ASCII is left out: it
// has a form of its own (RFC 6533), and another side may not know that.
func RcptParameters(a outbox.Asked) string {
	var b strings.Builder
	var words []string
	for _, n := range notifyWords {
		if a.Notify&n.bit != 0 {
			words = append(words, string(n.word))
		}
	}
	if len(words) > 0 {
		b.WriteString(" NOTIFY=" + strings.Join(words, ","))
	}
	if kind, address, _ := strings.Cut(a.Original, ";"); kind == "rfc822" && maildomain.IsASCII(address) {
		b.WriteString(" ORCPT=rfc822;" + xtext(address))
	}
	return b.String()
}

// xtext is the form that values of these parameters have (RFC 3461, section 4).
func xtext(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c >= '!' && c <= '~' && c != '+' && c != '=' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "+%02X", c)
		}
	}
	return b.String()
}

// ToTell are those of outcomes that the sender asked to be told of, with what he called them. What
// another side that knows DSN has accepted, it tells of itself.
func ToTell(e *outbox.Entry, known []outbox.Outcome, handedOn bool) (tell []outbox.Outcome) {
	for _, o := range known {
		what := outbox.NotifyFailure
		if o.State == outbox.Accepted {
			if what = outbox.NotifySuccess; handedOn {
				continue
			}
		}
		if e.DSN.Wants(o.Recipient, what) {
			o.Original = e.DSN.Of(o.Recipient).Original
			tell = append(tell, o)
		}
	}
	return tell
}
