package screen

import (
	"slices"
	"strings"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// Labels that say where a message is. They are the mail store's words, which a test holds.
const (
	labelInbox      = "inbox"
	labelSpam       = "spam"
	labelQuarantine = "quarantine" // held: kept out of every other list

	verdictPrefix = "verdict/"
)

// Policies of DMARC that Decide heeds or does not (RFC 9989, section 4.7).
const (
	policyNone   = "none"
	policyReject = "reject"
)

// VerdictLabel is the label that carries a verdict.
func VerdictLabel(v record.Verdict) string { return verdictPrefix + string(v) }

// Invalid says what becomes of mail with an invalid record.
type Invalid string

// What can become of mail with an invalid record.
const (
	InvalidSpam       Invalid = "spam"
	InvalidQuarantine Invalid = "quarantine"
	InvalidDiscard    Invalid = "discard" // accepted and dropped
	InvalidRefuse     Invalid = "refuse"  // not accepted
)

// ParseInvalid reads one of those words.
func ParseInvalid(word string) (i Invalid, ok bool) {
	i = Invalid(word)
	return i, slices.Contains([]Invalid{InvalidSpam, InvalidQuarantine, InvalidDiscard, InvalidRefuse}, i)
}

// Policy is the node's own taste. It decides where mail goes, never what its verdict is.
type Policy struct {
	Invalid Invalid // empty: spam
}

// Decision is where one copy of a message goes.
type Decision struct {
	// Labels are the verdict's own and, where the mail is kept, that of its place. What every new
	// mail gets, such as unread, is not among them.
	Labels  []string
	Hold    bool     // for a person to look at, under labelQuarantine
	Refuse  string   // not to be taken at all, for this reason; empty: it is
	Discard bool     // to be taken and dropped
	Reasons []string // why it goes there, the weightiest first
}

// place is a label with the reason for it.
type place struct {
	label string
	why   []string
}

// Decide says where a message goes. It is the only place that does, at the arrival of a message and
// whenever its verdict changes; of what is stored already, Refuse and Discard are not heeded: mail
// is never deleted by a verdict.
func Decide(p Policy, f Finding, e Evidence) Decision {
	d := Decision{Labels: []string{VerdictLabel(f.Verdict)}}
	var at place
	switch f.Verdict {
	case record.Differs:
		at = changed(f)
	case record.Replayed:
		at = replayed(f, e)
	case record.Missing:
		at = missing(f, e)
	case record.Invalid:
		at = invalid(p, f, &d)
	case record.Unrecorded:
		at = unrecorded(f, e, &d)
	default:
		at = place{label: labelInbox}
	}
	if d.Hold {
		at.label = labelQuarantine
	}
	d.Labels = append(d.Labels, at.label)
	d.Reasons = at.why
	return d
}

// changed goes to the inbox, with what was changed, if honest relays make all of its differences.
func changed(f Finding) place {
	switch {
	case f.Decisive:
		return place{labelSpam, []string{"it was changed as no honest relay changes mail"}}
	case f.Before:
		return place{labelSpam, []string{"it was changed, and its record was used before or is too old"}}
	}
	return place{labelInbox, []string{"what was changed on its way is what relays and mailing lists change: it is said with the verdict"}}
}

// replayed is spam. That the account has itself written to the address that the record is for, as
// to a mailing list, or called such mail no spam, is a reason for the mail to be here, and makes it
// no better than replayed.
func replayed(f Finding, e Evidence) place {
	if f.Unnamed && !f.Before && !f.Decisive {
		for _, addr := range f.RecordedFor {
			for _, r := range e {
				if r.Method == MethodHistory && r.Result == Pass && r.About == addr {
					return place{labelInbox, []string{"it was recorded for " + addr + "; " + r.Reason + ", and nothing that counts was changed"}}
				}
			}
		}
	}
	if f.Decisive {
		return place{labelSpam, []string{"it was changed as no honest relay changes mail, and sent to you by somebody who only has a copy"}}
	}
	return place{labelSpam, []string{"it may be genuine, but it was sent to you by somebody who only has a copy"}}
}

// missing is spam unless another method says that the domain itself sent it. Of our own domains
// none can: our mail has our record.
func missing(f Finding, e Evidence) place {
	if f.Untold {
		return place{labelSpam, []string{"whom it claims to be from cannot be told: it may be somebody of our own, whose mail has our record"}}
	}
	if f.Own {
		return place{labelSpam, []string{"it claims one of our own domains, whose mail has our record"}}
	}
	if len(f.Domains) > 0 && !slices.ContainsFunc(f.Domains, func(d string) bool { return !authenticated(e, d) }) {
		return place{labelInbox, []string{"it has no record of its sender's organisation, but that domain's own signature or server"}}
	}
	return place{labelSpam, []string{"the record that mail of its sender's organisation has is missing"}}
}

// authenticated reports whether a domain signed the message itself, or a chain of relays that is
// trusted says that it had. A source gives arc=pass only for a chain whose sealers are trusted.
func authenticated(e Evidence, domain string) bool {
	return domain != "" && (e.passes("dkim", domain) || e.passes(MethodDMARC, domain) || e.passes(MethodARC, domain))
}

// invalid goes where the policy says. What is invalid only because this node's chain may not be as
// far as the sender's is never refused or dropped.
func invalid(p Policy, f Finding, d *Decision) place {
	switch {
	case p.Invalid == InvalidQuarantine:
		d.Hold = true
		return place{why: []string{"mail with an invalid record is put apart here"}}
	case p.Invalid == InvalidDiscard && f.Lasting:
		d.Discard = true
	case p.Invalid == InvalidRefuse && f.Lasting:
		d.Refuse = "mail with an invalid record is not taken here: " + first(f.Reasons)
	}
	return place{labelSpam, []string{"its record is invalid"}}
}

// unrecorded is mail of a domain whose mail has no record. What such a domain says of itself in the
// DNS counts (RFC 9989): mail that is not from it goes where it wants it, but what it wants refused
// is held for a person, since mailing lists and forwarders make mail fail that is genuine. What one
// of these signs that the account has named is in the inbox.
func unrecorded(f Finding, e Evidence, d *Decision) place {
	if by := slices.IndexFunc(e, func(r Result) bool { return r.Method == MethodForwarder && r.Result == Pass }); by >= 0 {
		return place{labelInbox, []string{e[by].Reason}} // as it is known to send on what fails
	}
	var aside []string
	for _, r := range e {
		if r.Method == MethodListed && r.Result == Fail {
			aside = append(aside, "it was brought by "+r.About+": "+r.Reason)
		}
		if !speaksAgainst(r) {
			continue
		}
		why := unproven(r)
		switch {
		case (r.Result == Fail || r.Policy == "") && authenticated(e, r.About):
			continue // a relay that is trusted, or its own signature, says that it was from there
		case r.Result == Fail && r.Policy == policyReject:
			d.Hold = true
			aside = append([]string{why + ", which wants such mail refused: it may still be genuine if a mailing list or a forwarder sent it on"}, aside...)
		case r.Result == Fail:
			aside = append(aside, why+", which wants such mail put aside")
		default:
			aside = append(aside, why)
		}
	}
	if len(aside) > 0 {
		return place{labelSpam, aside}
	}
	return place{labelInbox, history(f, e)}
}

// speaksAgainst reports whether a DMARC result may keep a message out of the inbox. A policy that
// is not known may be one that does: who sends a message can have the DNS not answer.
func speaksAgainst(r Result) bool {
	if r.Method != MethodDMARC || r.Policy == policyNone || r.Result == Pass {
		return false
	}
	return r.Policy != "" || r.Result == TempError || r.Result == PermError
}

// unproven says of a DMARC result that is no pass what it is about.
func unproven(r Result) string {
	switch {
	case r.About == "":
		return "whom it claims to be from cannot be told: " + r.Reason
	case r.Result == Fail:
		return "it claims to be from " + r.About + ", and neither a signature nor the server that sent it is of that domain"
	}
	why := "whether it is from " + r.About + " could not be found out when it arrived, "
	if r.Policy == "" {
		return why + "nor what that domain wants done with other mail"
	}
	return why + "and that domain wants other mail put aside"
}

// history says what the account had to do with the sender, where that is a reason to look closer:
// mail without a record from somebody unknown.
func history(f Finding, e Evidence) []string {
	why := []string{"nothing speaks against it"}
	if d := message.Domain(f.From); e.passes(MethodDMARC, d) {
		why = append(why, "a signature or the server that sent it is of "+d)
	}
	for _, r := range e {
		if r.Method == MethodHistory && r.About == f.From && r.Reason != "" {
			why = append(why, r.Reason)
		}
	}
	return why
}

func first(reasons []string) string {
	if len(reasons) == 0 {
		return "it cannot be checked"
	}
	return reasons[0]
}

// Moves turns a change from one decision to the next into label changes for a message that has the
// labels has. A message that its reader has moved since stays there; only the verdict's label
// changes then.
func Moves(has []string, was, now Decision) (add, remove []string) {
	for i := range min(len(was.Labels), len(now.Labels)) {
		before, after := was.Labels[i], now.Labels[i]
		moved := !strings.HasPrefix(before, verdictPrefix) && !slices.Contains(has, before)
		if before != after && !moved {
			add, remove = append(add, after), append(remove, before)
		}
	}
	return add, remove
}
