package smtpgw

import (
	"errors"
	"fmt"
	"strings"

	"cairn/mailstore"
	"cairn/smtpgw/address"
	"cairn/smtpgw/draft"
	"cairn/smtpgw/refuse"
)

// checkAuthors refuses a draft whose From or Sender is not of who submits it: each address must be
// one of the account, or one that the administrator allows. A From with several mailboxes needs a
// Sender (RFC 5322, section 3.6.2). Who sends is known here, so one is put in (RFC 6409, section
// 8.1): it is returned, empty if none is needed. Only a null sender cannot be named; then the draft
// is refused.
//
// An error is the reply for the submitter, or trouble with the store.
func (s *Submitter) checkAuthors(d *draft.Draft, who poster) (sender string, err error) {
	authors, err := d.Mailboxes("From", d.Parsed.From)
	if err != nil {
		return "", err
	}
	named := map[string][]address.Mailbox{"From": authors}
	switch hasSender := d.Count("Sender") > 0; {
	case hasSender:
		one, err := d.Mailboxes("Sender", d.Parsed.Sender)
		if err != nil {
			return "", err
		}
		if len(one) > 1 {
			return "", refuse.With(554, 5, 6, 0, "Sender field names %d mailboxes; one is allowed (RFC 5322, section 3.6.2)", len(one))
		}
		named["Sender"] = one
	case len(authors) > 1 && who.from == "":
		return "", refuse.With(554, 5, 6, 0, "From field names %d mailboxes and there is no Sender field; "+
			"add one that says who of them sends (RFC 5322, section 3.6.2)", len(authors))
	case len(authors) > 1:
		sender = who.from
	}
	err = s.store.View(func(r *mailstore.Reader) error {
		for _, field := range []string{"From", "Sender"} {
			for _, m := range named[field] {
				if err := s.mayNameItself(r, who, field, m); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return sender, err
}

// mayNameItself returns the refusal of an address in From or Sender that is not the account's. Who
// has not signed in may also name those that may be relayed and, with a null sender, anybody here:
// replies of programs and notes that a mail was read come so from people (RFC 3834, section 3.3;
// RFC 8098, section 3).
func (s *Submitter) mayNameItself(r *mailstore.Reader, who poster, field string, m address.Mailbox) error {
	switch {
	case who.relayed && mayRelay(s.dir, m, s.relay), !who.signed && s.relay.allows(m):
		return nil
	case who.relayed:
		return notRelayed(s.dir, field, m)
	}
	owner, err := s.dir.Account(r, m)
	if err == nil && (owner.ID == who.account || !who.signed && who.from == "") {
		return nil
	}
	if err != nil && !errors.Is(err, mailstore.ErrNotFound) {
		return err
	}
	own, err := r.Account(who.account)
	if err != nil {
		return err
	}
	list := s.dir.Current(own.Addresses)
	if !who.signed {
		list = append(list, s.relay...)
	}
	use := allowed(list)
	if former, err := s.dir.IsFormer(r, m); err != nil {
		return err
	} else if former {
		return s.dir.FormerDomain(field, m, use)
	}
	if who.signed {
		return refuse.With(550, 5, 7, 1, "%s <%s> is not an address of the account that you signed in to; use %s", field, address.Shown(m.String()), use)
	}
	return refuse.With(550, 5, 7, 1, "%s <%s> is not an address of this sender; use %s, or let the administrator allow it "+
		"with relay_from", field, address.Shown(m.String()), use)
}

// maxAllowed is how many addresses, and maxAllowedOctets how much text, a refusal lists: a reply
// line has 512 octets (RFC 5321, section 4.5.3.1.5).
const (
	maxAllowed       = 5
	maxAllowedOctets = 200
)

// allowed lists addresses to people, not without end.
func allowed(list []string) string {
	var b strings.Builder
	for i, a := range list {
		word := address.Shown(a)
		if strings.HasPrefix(a, "@") {
			word = "any address " + a
		}
		if i == maxAllowed || b.Len() > 0 && b.Len()+len(word) > maxAllowedOctets {
			fmt.Fprintf(&b, " (and %d more)", len(list)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(word)
	}
	if b.Len() == 0 {
		return "one of yours"
	}
	return b.String()
}
