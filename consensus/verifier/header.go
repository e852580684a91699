package verifier

import (
	"slices"
	"strings"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// header is what a finding takes from a message's header, read once; From as it was before relays
// rewrote it, where the configured map of addresses says what it was.
type header struct {
	from    string   // first address in From
	domains []string // of all addresses in From, sorted, each once; "" stands for an address without one
	to      []string // addresses in To and Cc
	replyTo []string // addresses in Reply-To
}

func readHeader(raw []byte, rewritten record.AddressMap) *header {
	m := message.ParseHeader(raw)
	h := new(header)
	for i, a := range m.From {
		from := rewritten.Original(a.Addr)
		h.domains = append(h.domains, message.Domain(from))
		if i == 0 {
			h.from = from
		}
	}
	slices.Sort(h.domains)
	h.domains = slices.Compact(h.domains)
	for _, a := range slices.Concat(m.To, m.Cc) {
		h.to = append(h.to, a.Addr)
	}
	for _, a := range m.ReplyTo {
		h.replyTo = append(h.replyTo, a.Addr)
	}
	return h
}

// addresses reports whether To or Cc has one of addrs, in any letter case.
func (h *header) addresses(addrs []string) bool {
	return slices.ContainsFunc(addrs, func(addr string) bool {
		addr = message.CanonicalAddress(addr)
		return slices.ContainsFunc(h.to, func(to string) bool { return strings.EqualFold(to, addr) })
	})
}

// shown is an address as a sentence may have it: printable ASCII, and not
// longer than addresses are. What else is in it becomes a question mark.
func shown(addr string) string {
	const longest = 254 // RFC 5321, section 4.5.3.1.3, without the angle brackets
	addr = strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return '?'
		}
		return r
	}, addr)
	return addr[:min(len(addr), longest)]
}
