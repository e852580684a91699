package record

import (
	"slices"
	"strings"

	"cairn/mailstore/message"
)

// readWritten finds out to whom the author wrote: the mailboxes of To and Cc that were there when
// the message was recorded, and their domains.
func (c *comparer) readWritten() {
	c.addressees = map[string]bool{}
	same := map[message.Type]bool{}
	for _, t := range []message.Type{message.To, message.Cc} {
		theirs := c.received(t)
		for _, r := range c.origin.of(t) {
			same[t] = same[t] || slices.ContainsFunc(theirs, func(a *arrival) bool { return r.is(a.digest) })
		}
	}
	for _, m := range c.d.Mailboxes() {
		if hint := m.Hint(); same[m.Field] || c.origin.has(hint.Label, hint.Value) {
			m.Addr = strings.ToLower(m.Addr)
			c.written = append(c.written, m)
			c.addressees[m.Addr], c.addressees[message.Domain(m.Addr)] = true, true
		}
	}
}

// within reports whether a host is a domain or in it; nothing is in none.
func within(host, domain string) bool {
	return domain != "" && (host == domain || strings.HasSuffix(host, "."+domain))
}

// under reports whether a host is a domain, in it, or, where its first label says that it is one of
// lists or mail, the one above it, behind www too.
func under(host, domain string) bool {
	host = strings.ToLower(strings.Trim(host, "."))
	if within(host, domain) {
		return true
	}
	label, above, _ := strings.Cut(domain, ".")
	return strings.Contains(above, ".") && slices.Contains(sites, label+".") && strings.TrimPrefix(host, "www.") == above
}
