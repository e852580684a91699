package lists

import (
	"fmt"
	"slices"
	"strings"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/message"
	"cairn/smtpgw/rawheader"
)

// Labels of what came for a list, in the list's own account.
const (
	// LabelRequireTLS: it came with REQUIRETLS, and goes to members so (RFC 8689).
	LabelRequireTLS = "requiretls"

	LabelPosted   = "posted"   // it was sent on
	LabelHeld     = "held"     // it waits for somebody to call it approved
	LabelApproved = "approved" // set by hand: send it on although it was held
)

// Standing is what a stored message's record says about it now.
type Standing struct {
	Verdict record.Verdict // empty: it has none
	Author  bool           // an organisation recorded it that is trusted for the domain of its author
}

// post is what decides whether mail for a list is sent on.
type post struct {
	from    string   // envelope sender
	authors []string // addresses in From
	Standing
	member bool // the only author is one
	labels []string
	header []byte
	raw    []byte
	inHour int // posts that were sent on in this hour
}

// isRecorded reports whether the record of a post says that it is as it was written.
func (p *post) isRecorded() bool {
	return p.Verdict == record.Verified || p.Verdict == record.Pending
}

// outcome is what becomes of mail for a list.
type outcome uint8

const (
	leave  outcome = iota // stays in the list's account, and no word changes that
	hold                  // stays until it is approved
	sendOn                //
)

// judge decides about a post. Loops and reports are never sent on; else mail
// that is approved is, and what its record and author speak for.
func (l *List) judge(p post) (outcome, string) {
	approved := slices.Contains(p.labels, LabelApproved)
	if slices.Contains(p.labels, LabelPosted) {
		return leave, "it was sent on before"
	}
	if why := l.loops(p); why != "" {
		return leave, why
	}
	if approved {
		return sendOn, "approved"
	}
	recorded := p.isRecorded()
	switch {
	case slices.Contains(p.labels, mailstore.LabelSpam):
		return hold, "it was filed under spam"
	case !recorded && p.Verdict != record.Vouched:
		return hold, fmt.Sprintf("its verdict is %q", p.Verdict)
	case l.Post == PostMembers && !(recorded && p.Author):
		// Who else recorded it may have written any author into it.
		return hold, fmt.Sprintf("nobody who speaks for %q recorded it", strings.Join(p.authors, ", "))
	case l.Post == PostMembers && !p.member:
		return hold, fmt.Sprintf("its author %q is no member", strings.Join(p.authors, ", "))
	case p.inHour >= l.PerHour:
		return hold, fmt.Sprintf("%d were sent on in this hour", p.inHour)
	}
	return sendOn, string(p.Verdict)
}

// loops tells why a post must not be sent on whoever wants it; "" if it may.
func (l *List) loops(p post) string {
	if p.from == "" {
		return "it is a report: it has no sender"
	}
	for f := range rawheader.Fields(p.header) {
		switch value := strings.ToLower(f.Value()); {
		case f.Is("list-id") && strings.Contains(value, "<"+l.ID()+">"), f.Is("delivered-to") && strings.Trim(value, " \t\r\n<>") == l.Address:
			return "it went through this list before"
		case f.Is("auto-submitted") && strings.HasPrefix(strings.TrimSpace(value), "auto-replied"):
			return "it is an automatic answer" // RFC 3834, section 5
		}
	}
	if tokens, _ := record.Tokens(p.raw); len(tokens) >= record.MaxHops {
		return fmt.Sprintf("it was sent on %d times: it goes in circles", len(tokens)-1)
	}
	return ""
}

// postOf reads what decides about a stored message.
func postOf(m mailstore.Message, raw []byte, labels []string) post {
	header, _ := rawheader.Split(raw)
	p := post{from: m.From, header: header, raw: raw, labels: labels}
	for _, a := range message.ParseHeader(header).From {
		p.authors = append(p.authors, a.Addr)
	}
	return p
}
