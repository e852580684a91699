package verdicts

import (
	"regexp"
	"slices"
	"strings"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

var (
	addressPattern = regexp.MustCompile(
		`[A-Za-z0-9][A-Za-z0-9._+-]*@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}`)
	infoPattern = regexp.MustCompile(
		`https?://([A-Za-z0-9.-]+\.[A-Za-z]{2,24})/(?:\S*/)?listinfo/([A-Za-z0-9._-]+)`)
	idPattern  = regexp.MustCompile(`<([^<>@\s]+)>`)
	tagPattern = regexp.MustCompile(`\[([^\[\]]+)\]`)
)

// notPosting are ends of addresses that lists have beside the one that mail is posted to.
var notPosting = []string{
	"-request", "-leave", "-join", "-owner", "-admin", "-bounces", "-unsubscribe", "-subscribe",
	"-help", "+unsubscribe", "+help", "+owner",
}

// ListAt is the list with a posting address.
func ListAt(posting string) *record.Forwarder {
	posting = strings.ToLower(message.CanonicalAddress(posting))
	if message.Domain(posting) == "" || !strings.Contains(posting, "@") {
		return nil
	}
	return &record.Forwarder{Domain: message.Domain(posting), Posting: posting, List: true}
}

// list is the list that a message came through: its posting address, as what it put on the message
// tells; nil if none. said is whether the words about the pair speak of a list: then the text may
// tell as well.
func (v *views) list(said bool) *record.Forwarder {
	for _, address := range []string{v.posted(), v.rewrittenFrom(), v.listID()} {
		if l := ListAt(address); l != nil {
			return l
		}
	}
	if !said {
		return nil
	}
	for _, address := range []string{v.named(), v.info(), v.tagged()} {
		if l := ListAt(address); l != nil {
			return l
		}
	}
	return nil
}

// listWrittenTo is the list that a message says it came through, if its author wrote to that.
func (v *views) listWrittenTo() *record.Forwarder {
	l := ListAt(v.posted())
	for _, a := range slices.Concat(v.sent.To, v.sent.Cc) {
		if l != nil && strings.EqualFold(a.Addr, l.Posting) {
			return l
		}
	}
	return nil
}

// Mentions reports whether a list's posting address stands in either message of a pair.
func (p *Pair) Mentions(l *record.Forwarder) bool {
	v := newViews(p)
	return strings.Contains(v.textSent+strings.ToLower(v.textIn), l.Posting)
}

// posted is the address in a List-Post (RFC 2369, section 3.4) that the original does not have.
func (v *views) posted() string {
	had := v.sent.Headers("list-post")
	for _, value := range v.received.Headers("list-post") {
		if address := addressPattern.FindString(value); address != "" && !slices.Contains(had, value) {
			return address
		}
	}
	return ""
}

// rewrittenFrom is the address that stands in From where the author's moved to Reply-To.
func (v *views) rewrittenFrom() string {
	if len(v.sent.From) != 1 || len(v.received.From) != 1 {
		return ""
	}
	author, from := v.sent.From[0].Addr, v.received.From[0].Addr
	for _, a := range v.received.ReplyTo {
		if a.Addr == author && !strings.EqualFold(author, from) {
			return from
		}
	}
	return ""
}

// listID makes an address of a List-Id (RFC 2919) that the original does not have: name.host, where
// nothing in the message has the same in another spelling.
func (v *views) listID() string {
	had := v.sent.Headers("list-id")
	for _, value := range v.received.Headers("list-id") {
		id := idPattern.FindStringSubmatch(value)
		if id == nil || slices.Contains(had, value) {
			continue
		}
		for _, address := range addressPattern.FindAllString(v.textIn, -1) {
			if strings.EqualFold(strings.Replace(address, "@", ".", 1), id[1]) {
				return address
			}
		}
		if name, host, ok := strings.Cut(id[1], "."); ok && strings.Contains(host, ".") {
			return name + "@" + host
		}
	}
	return ""
}

// named is the first address that the body has more than what was sent, as in a footer; else the
// first in an address field that is nowhere in what was sent.
func (v *views) named() string {
	had := strings.ToLower(body(v.sent))
	for _, place := range []struct{ text, had string }{
		{body(v.received), had}, {fields(v.received), v.textSent},
	} {
		for _, address := range addressPattern.FindAllString(place.text, -1) {
			lower := strings.ToLower(address)
			local, _, _ := strings.Cut(lower, "@")
			ends := func(end string) bool { return strings.HasSuffix(local, end) }
			if !slices.ContainsFunc(notPosting, ends) && !strings.Contains(place.had, lower) {
				return address
			}
		}
	}
	return ""
}

// info makes an address of the page about a list.
func (v *views) info() string {
	for _, m := range infoPattern.FindAllStringSubmatch(v.textIn, -1) {
		if !strings.Contains(v.textSent, strings.ToLower(m[0])) {
			return m[2] + "@" + m[1]
		}
	}
	return ""
}

// tagged is the address among those written to that the tag in the subject names.
func (v *views) tagged() string {
	if v.sent.Subject == v.received.Subject {
		return ""
	}
	tag := tagPattern.FindStringSubmatch(v.received.Subject)
	if tag == nil {
		return ""
	}
	for _, a := range slices.Concat(v.sent.To, v.sent.Cc) {
		local, _, _ := strings.Cut(a.Addr, "@")
		if strings.EqualFold(local, tag[1]) {
			return a.Addr
		}
	}
	return ""
}
