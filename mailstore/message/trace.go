package message

import (
	"net/netip"
	"slices"
	"strings"

	"cairn/mailstore/message/grammar"
)

// TokenHeader is the name of the header field that carries a record's token; TokenField is how a
// Dissection has it.
const (
	TokenHeader = "Cairn-Record"
	TokenField  = "cairn-record"
)

// unfoldedRecord reports whether a flaw is a long line of a record's token, which some relays
// unfold. A program that cuts the line finds no field in the pieces: only what a token may have is
// in it, and so no colon.
func unfoldedRecord(s *grammar.Section, flaw grammar.FoundFlaw) bool {
	if flaw.Flaw != grammar.LongLine || flaw.Field != TokenField {
		return false
	}
	for _, value := range s.Values(TokenField) {
		if strings.ContainsFunc(value, func(c rune) bool { return !strings.ContainsRune(tokenCharacters, c) }) {
			return false
		}
	}
	return true
}

const tokenCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_ \t" // base64url and white space

// trace holds what the Received fields of a message say about its way.
type trace struct {
	route, origin, version string
}

// readTrace reads the Received fields (RFC 5321, section 4.4) below the topmost token, all of them
// if there is none: that is the part of the way that lay before the message was recorded, so the
// sealed and the arrived copy agree on it.
func readTrace(h header) trace {
	var hops []string
	below := false
	for i := range h {
		switch f := &h[i]; {
		case f.is(TokenHeader) && !below:
			hops, below = nil, true
		case f.is("Received"):
			hops = append(hops, plain(f.unfolded()))
		}
	}
	return traceOf(hops)
}

func traceOf(hops []string) (t trace) {
	if len(hops) == 0 {
		return t
	}
	t.route = strings.Join(hops, "\n")
	t.version = withProtocol(hops[0])
	t.origin = fromAddress(hops[len(hops)-1])
	return t
}

// withProtocol returns the protocol of a hop's "with" clause in upper case, e.g. "ESMTPS".
func withProtocol(hop string) string {
	words := strings.Fields(dropComments(hop))
	for i, word := range words[:max(0, len(words)-1)] {
		if strings.EqualFold(word, "with") {
			return strings.ToUpper(strings.Trim(words[i+1], ";"))
		}
	}
	return ""
}

// fromAddress returns the last IP address in a hop's "from" clause: its TCP-info is what the
// receiving host saw itself.
func fromAddress(hop string) string {
	if !hasWord(hop, "from ") {
		return ""
	}
	for i := range len(hop) { // a letter may be longer in another case: no place in lower case is one in hop
		if hasWord(hop[i:], " by ") {
			hop = hop[:i]
			break
		}
	}
	found := ""
	for _, word := range strings.FieldsFunc(hop, func(r rune) bool { return strings.ContainsRune(" ()[]<>;,=", r) }) {
		if len(word) > 5 && strings.EqualFold(word[:5], "ipv6:") {
			word = word[5:]
		}
		if addr, err := netip.ParseAddr(word); err == nil {
			found = addr.Unmap().String()
		}
	}
	return found
}

// hasWord reports whether s begins with an ASCII word, in whatever case.
func hasWord(s, word string) bool {
	return len(s) >= len(word) && strings.EqualFold(s[:len(word)], word)
}

// readTrace makes the components of the Received fields below the topmost token, of all if there is
// none.
func (d *Dissection) readTrace() { d.TraceBelow(0) }

// TraceBelow makes the components that tell of the way those below another token: number n from the
// top, from 0.
func (d *Dissection) TraceBelow(n int) {
	d.head = slices.DeleteFunc(d.head, func(c Component) bool {
		return c.Type == Route || c.Type == OriginatingAddress || c.Type == SMTPVersion
	})
	for _, c := range traceComponents(d.hops(n)) {
		d.add(c)
	}
	slices.SortStableFunc(d.head, compareComponents)
}

// hops are the Received fields below a token, all if there is none: number n from the top, from 0;
// below none if n is negative.
func (d *Dissection) hops(n int) (hops []string) {
	for _, f := range d.section.Fields {
		switch {
		case f.Name == TokenField && n >= 0:
			hops = nil
			n--
		case f.Name == "received":
			hops = append(hops, plain(f.Value))
		}
	}
	return hops
}

func traceComponents(hops []string) []Component {
	t := traceOf(hops)
	return []Component{
		{Type: Route, Reading: Canonical, content: []byte(t.route)},
		{Type: OriginatingAddress, Reading: Canonical, content: []byte(t.origin)},
		{Type: SMTPVersion, Reading: Canonical, content: []byte(t.version)},
	}
}

// LowestHops returns the components that tell of the way if that was the n lowest of all Received
// fields, wherever among them the tokens stand; nil if there are not so many.
func (d *Dissection) LowestHops(n int) []Component {
	hops := d.hops(-1)
	if n > len(hops) {
		return nil
	}
	return slices.DeleteFunc(traceComponents(hops[len(hops)-n:]), func(c Component) bool { return c.Size() == 0 })
}
