package smtpgw

import (
	"net/netip"

	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/authres/assess"
)

// Judged is what is to be reported on a stored mail to the domain of one of its authors (RFC 9990).
type Judged struct {
	assess.Judged
	Source   netip.Addr // who brought it
	Envelope string     // domain of the envelope sender; empty: the null sender
	Inbox    bool       // somebody has it in the inbox
	Aside    bool       // somebody has it in spam, or held
}

// judge tells what is to be reported on an arrival that is stored.
func (l *landing) judge() {
	if l.d.hears == nil || !l.inbox && !l.aside {
		return
	}
	for _, j := range l.a.Judged {
		l.d.hears(Judged{Judged: j, Source: l.a.Client, Envelope: maildomain.Canonical(maildomain.OfAddress(l.a.From)), Inbox: l.inbox, Aside: l.aside})
	}
}
