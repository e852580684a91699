package record

import (
	"slices"
	"strings"

	"cairn/mailstore/message"
)

// readWritten finds out to whom the author wrote: the mailboxes of To and Cc that were there when the
// message was recorded, and their domains.
func (c *comparer) readWritten() {
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
			c.hosts.add(message.Domain(m.Addr))
		}
	}
}

// ownHost reports whether a host is one that the author wrote to, or the known forwarder's, or of
// the same domain.
func (c *comparer) ownHost(host string) bool {
	f := c.with.Forwarder
	return f != nil && under(host, f.Domain) || c.hosts.has(host)
}

// under reports whether a host is a domain, in it, or the domain above it.
func under(host, domain string) bool {
	var s hostSet
	s.add(domain)
	return s.has(host)
}

// hostSet are domains, and those above them that have a dot.
type hostSet struct{ domains, above map[string]bool }

func (s *hostSet) add(domain string) {
	if s.domains == nil {
		s.domains, s.above = map[string]bool{}, map[string]bool{}
	}
	if s.domains[domain] {
		return
	}
	s.domains[domain] = true
	for up := range domainsAbove(domain) {
		if strings.Contains(up, ".") {
			s.above[up] = true
		}
	}
}

// has reports whether a host is one of the domains, in one, or above one.
func (s *hostSet) has(host string) bool {
	host = strings.ToLower(strings.Trim(host, "."))
	if s.domains[host] || s.above[host] {
		return true
	}
	for up := range domainsAbove(host) {
		if s.domains[up] {
			return true
		}
	}
	return false
}

const maxLabels = 128 // of a domain (RFC 1035, section 2.3.4)

// domainsAbove goes through the domains above one, the longest first.
func domainsAbove(domain string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for range maxLabels {
			_, up, ok := strings.Cut(domain, ".")
			if !ok || !yield(up) {
				return
			}
			domain = up
		}
	}
}
