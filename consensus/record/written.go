package record

import (
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"cairn/mailstore/message"
)

// readWritten finds out to whom the author wrote: the mailboxes of To and Cc that were there when the
// message was recorded, and their domains.
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

// under reports whether a host is a domain, in it, or above it and in what its owner has registered, whose
// page is behind www too.
func under(host, domain string) bool {
	host = strings.ToLower(strings.Trim(host, "."))
	if host == domain || strings.HasSuffix(host, "."+domain) {
		return true
	}
	whole, err := publicsuffix.EffectiveTLDPlusOne(domain)
	return err == nil && (host == "www."+whole || strings.HasSuffix(domain, "."+host) && (host == whole || strings.HasSuffix(host, "."+whole)))
}
