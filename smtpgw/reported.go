package smtpgw

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/message"
	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/authres/dmarc"
	"cairn/smtpgw/dsn"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/reply"
	"cairn/smtpgw/returnpath"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/suppressed"
)

// What another server reports to a signed return path changes what is known of the recipient: it
// had accepted the mail, and could not deliver it. The report itself is mail like any other.

// reported is a report that an arrival brings.
type reported struct {
	paths []returnpath.Path
	says  *dsn.Report
}

// reportIn is the report of an arrival to return paths; nil: it brings none. The error may be a
// refusal.
func (d *Delivery) reportIn(a *arrival.Arrival, rcpts []address.Mailbox) (*reported, error) {
	if a.From != "" {
		return nil, nil
	}
	var paths []returnpath.Path
	err := d.store.View(func(r *mailstore.Reader) error {
		for _, m := range rcpts {
			p, err := d.returnPathOf(r, m)
			if err != nil {
				return err
			}
			if p != nil {
				paths = append(paths, *p)
			}
		}
		return nil
	})
	if err != nil || len(paths) == 0 {
		return nil, err
	}
	says, err := dsn.Parse(a.Raw)
	if errors.Is(err, dsn.ErrNone) || errors.Is(err, dsn.ErrBounds) {
		return nil, nil // an answer of a person's program, or nothing that is understood
	}
	if err == nil {
		err = d.settled(paths, says)
	}
	return &reported{paths, says}, err
}

// settled is the refusal, for now, of a report on a recipient of whom it is not noted yet that
// anybody took the mail: a report may be faster than that, or the reply was lost.
func (d *Delivery) settled(paths []returnpath.Path, says *dsn.Report) error {
	return d.store.View(func(r *mailstore.Reader) error {
		for _, p := range paths {
			waits, err := outbox.Waits(r, mailstore.Ref{Account: p.Account, Message: p.Message}, p.Entry, func(rcpt string) bool {
				_, failed := outcomeIn(says, outbox.Outcome{Recipient: rcpt}, d.now())
				return failed
			})
			if err != nil {
				return err
			}
			if waits {
				return refuse.With(451, 4, 3, 0, "whether the mail of this report was taken is not noted here yet; try again later")
			}
		}
		return nil
	})
}

// count makes what a report says the outcome of the mail.
func (l *landing) count(tx *mailstore.Tx) error {
	if l.report == nil {
		return nil
	}
	for _, p := range l.report.paths {
		sent := mailstore.Ref{Account: p.Account, Message: p.Message}
		proven := false
		changed, alone, err := outbox.Reported(tx, sent, p.Entry, func(o outbox.Outcome) (outbox.Outcome, bool) {
			proven = l.provesGone(o)
			return outcomeIn(l.report.says, o, l.a.Received)
		})
		if err != nil {
			return err
		}
		l.counted += len(changed)
		if !alone || !proven {
			continue // it may be from another one of those who left together, or from anybody
		}
		said := make([]suppressed.Said, len(changed))
		for i, o := range changed {
			said[i] = suppressed.Said{Recipient: o.Recipient, Reply: reply.Parse(o.Reply), Remote: true}
		}
		err = suppressed.PutGone(tx, l.d.dir.IsLocal, l.d.suppress, p.Account, suppressed.Gone(said), l.a.Received)
		if err != nil && !errors.Is(err, suppressed.ErrFull) {
			return err
		}
	}
	return nil
}

// provesGone reports whether a report on a recipient is of his own mail server's, or of the one
// that took the mail, and on that very address: what it calls the original one is the word of who
// sent the mail (RFC 3461, section 4.2). It shows in the name of the server that brings it, in the
// address of the one that took the mail, or in a signature on what such a server has written, since
// any user's mail may bear one. A return path proves nothing: whoever reads what a list outside has
// sent on finds it in the header, as what SPF passed for.
func (l *landing) provesGone(was outbox.Outcome) bool {
	named := slices.ContainsFunc(l.report.says.Recipients, func(to dsn.Recipient) bool {
		return to.Action == "failed" && sameMailbox(to.Final, was.Recipient)
	})
	if !named {
		return false
	}
	by := maildomain.Canonical(was.By)
	of := []string{dmarc.Registered(maildomain.Canonical(maildomain.OfAddress(was.Recipient))), dmarc.Registered(by)}
	server := serverIn(l.a.Raw)
	return slices.ContainsFunc(l.found.gathered, func(r screen.Result) bool {
		if r.Method == "iprev" { // of which the reason is the name that leads to the client
			return r.Result == screen.Pass && by != "" && maildomain.Canonical(r.Reason) == by
		}
		domain := dmarc.Registered(r.About)
		return r.Result == screen.Pass && r.About != "" && slices.Contains(of, domain) &&
			(r.Method == "spf" && r.Property == "smtp.helo" || r.Method == "dkim" && domain == server)
	})
}

// serverIn is whose mail server the author of a message says to be (RFC 3464, section 2; RFC 2142,
// section 5), by the name that somebody has registered; empty: he says nothing of the kind.
func serverIn(raw []byte) string {
	header, _ := rawheader.Split(raw)
	authors := message.ParseHeader(header).From
	if rawheader.Count(header, "from") != 1 || len(authors) != 1 {
		return ""
	}
	local, domain, _ := strings.Cut(authors[0].Addr, "@")
	if !strings.EqualFold(local, "postmaster") && !strings.EqualFold(local, "mailer-daemon") {
		return ""
	}
	return dmarc.Registered(maildomain.Canonical(domain))
}

// outcomeIn is what a report makes of an outcome; ok is false if it says of that recipient, by the
// address that the mail left for, no failure.
func outcomeIn(says *dsn.Report, was outbox.Outcome, now time.Time) (o outbox.Outcome, ok bool) {
	for _, to := range says.Recipients {
		if to.Action != "failed" || !sameMailbox(cmp.Or(to.Original, to.Final), was.Recipient) && !sameMailbox(to.Final, was.Recipient) {
			continue
		}
		if to.Status[0] == '2' {
			continue // it contradicts itself (RFC 3464, section 2.3.4)
		}
		o = outbox.Outcome{Recipient: was.Recipient, State: outbox.Refused, Time: now, By: cmp.Or(says.By, was.By)}
		if to.Status[0] != '5' { // nobody took it there in the time that it was kept
			o.State = outbox.GivenUp
		}
		o.Reply = replyReported(to).String()
		return o, true
	}
	return o, false
}

// replyReported is the reply that a report tells of, with the status of the report where the reply
// has none.
func replyReported(to dsn.Recipient) reply.Reply {
	text := reply.OneLine(to.Diagnostic)
	if code, _, said, ok := reply.ReadLine(text); ok && code/100 == 5 && to.Status[0] == '5' {
		if given := reply.Status(reply.With(code, said)); given != "5.0.0" || to.Status == given {
			return reply.With(code, said)
		}
		return reply.With(code, to.Status+" "+said)
	}
	return reply.With(550, strings.TrimSpace(to.Status+" "+text))
}

// sameMailbox reports whether a report means a recipient.
func sameMailbox(said, rcpt string) bool {
	if strings.EqualFold(said, address.Path(rcpt)) {
		return true
	}
	m, err := address.Parse(said, true)
	if err != nil {
		return false
	}
	of, err := address.Parse(rcpt, true)
	return err == nil && m.Key() == of.Key()
}
