package record

import (
	"slices"
	"strings"

	"cairn/mailstore/message"
)

// Header is what a message's header says of who wrote it and to whom; From as it was before relays
// rewrote it, where the map that ReadHeader was given says what it was.
type Header struct {
	From    string   // first address in From
	Domains []string // of all addresses in From, whichever program reads it, sorted, each once; "" stands for an address without one
	To      []string // addresses in To and Cc
	ReplyTo []string // addresses in Reply-To

	shown  []string // what programs show behind an at sign as if it were an author's domain
	nobody bool     // some program may find no author in From
}

// ReadHeader reads the header of a message.
func ReadHeader(raw []byte, rewritten AddressMap) *Header {
	m := message.ParseHeader(raw)
	h := new(Header)
	for i, a := range m.From {
		from := rewritten.Original(a.Addr)
		h.Domains = append(h.Domains, message.Domain(from))
		if i == 0 {
			h.From = from
		}
	}
	claims := message.ClaimsOf(raw)
	h.Domains = append(h.Domains, claims.Authors...) // whom another program takes for the author
	h.shown, h.nobody = claims.Shown, claims.Nobody
	slices.Sort(h.Domains)
	h.Domains = slices.Compact(h.Domains)
	for _, a := range slices.Concat(m.To, m.Cc) {
		h.To = append(h.To, a.Addr)
	}
	for _, a := range m.ReplyTo {
		h.ReplyTo = append(h.ReplyTo, a.Addr)
	}
	return h
}

// Claims returns which of own a mail claims to anybody who sees it, with sender in its envelope, or
// message.AnyDomain; empty if none: a domain of its authors, or what is shown behind an at sign in
// their names and comments, in Sender and, where some program finds no author, in the envelope.
func (h *Header) Claims(sender string, own []string) string {
	for _, domain := range h.Domains {
		if slices.Contains(own, domain) || domain == message.AnyDomain {
			return domain
		}
	}
	shown := h.shown
	if h.nobody {
		shown = slices.Concat(shown, message.ClaimsOf([]byte("Sender: "+sender)).Shown)
	}
	return message.Claimed(shown, own)
}

// AddressedTo reports whether To or Cc has one of addrs, in any letter case.
func (h *Header) AddressedTo(addrs []string) bool {
	return slices.ContainsFunc(addrs, func(addr string) bool {
		addr = message.CanonicalAddress(addr)
		return slices.ContainsFunc(h.To, func(to string) bool { return strings.EqualFold(to, addr) })
	})
}

// Author returns the address of a message's author and the domains that it is from. They are those
// in From, except where a forwarder put its own there: then the one in Reply-To that the original
// record has as the author's.
func (h *Header) Author(original *Token) (from string, domains []string) {
	if !original.HasAuthor(h.From) {
		if i := slices.IndexFunc(h.ReplyTo, original.HasAuthor); i >= 0 {
			return h.ReplyTo[i], []string{message.Domain(h.ReplyTo[i])}
		}
	}
	return h.From, h.Domains
}

// AuthorIn is Author of what a comparison found recorded: of a message that stands whole inside
// another one the header inside tells, whoever sent what is around it.
func (h *Header) AuthorIn(d *message.Dissection, c Comparison, original *Token) (from string, domains []string) {
	if slices.ContainsFunc(c.Parts, func(p Part) bool { return p.Kind == WrappedWhole }) {
		for _, leaf := range d.Body().Leaves {
			if leaf.Inner != nil {
				return ReadHeader(leaf.Inner, nil).Author(original)
			}
		}
	}
	return h.Author(original)
}
