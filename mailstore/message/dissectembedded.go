package message

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"cairn/mailstore/message/grammar"
)

// messageContent is the content of an embedded message: type, index and digest of each of its
// components, so that what a relay re-packs inside is told from what it changes. Its octets and its
// own encoding are in exact, since programs save it as a file and some show its header as it
// stands. Of other types of message, the content is the groups of header fields in them.
func (r *bodyReader) messageContent(n *node, leaf *Leaf) (c, exact Component) {
	exact.Reading = Canonical
	switch n.kind {
	case "message/rfc822", "message/global":
		leaf.Inner = n.body
		if n.depth >= agreedDepth || !r.identity(n) {
			break
		}
		body := WithoutMboxLine(n.body)
		if len(body) != len(n.body) { // list software takes it out
			r.loose("in front of an embedded message: " + strings.ToValidUTF8(string(firstLine(n.body)), "?"))
		}
		if take(&r.rooms.embedded, len(body)-bytes.Count(body, []byte("\n"))) { // every LF has its CR
			if content, loose, ok := r.embeddedContent(n.span.From(len(n.body)-len(body)), n.depth+1, n.open); ok {
				for _, what := range loose {
					r.loose(what)
				}
				exact.content = withLines(strings.ToLower(n.cte)+"\n", body)
				c = Component{Reading: Canonical, content: content}
				if rest, headless := bytes.CutPrefix(body, []byte("\r\n")); headless && !isField(firstLine(rest)) {
					c.Lenient = joinOctets(n.cte, "", withoutEnd(rest, "")) // relays put in the empty line that was missing
				}
				return c, exact
			}
		}
		return Component{Reading: AsOctets, content: joinOctets(n.cte, "", withoutEnd(body, ""))}, exact
	case "message/delivery-status", "message/disposition-notification", "message/feedback-report", "message/global-delivery-status":
		if r.identity(n) { // not all programs decode any other
			exact.content = withLines("", n.body) // shown as it stands by some
			return r.fieldGroups(n.body), exact
		}
	}
	return Component{Reading: AsOctets, content: joinOctets(n.cte, "", withoutEnd(n.body, ""))}, exact
}

func firstLine(b []byte) []byte {
	line, _ := grammar.CutLine(b)
	return line
}

// fieldGroups is the content of a report: its fields unfolded, one a line, an empty line between
// groups.
func (r *bodyReader) fieldGroups(body []byte) Component {
	var out []byte
	groups := 0
	for rest := body; len(rest) > 0; groups++ {
		s := r.readHeader(rest)
		if len(s.Flaws) > 0 || s.Size > grammar.MaxHeader || groups == maxParts {
			return Component{Reading: AsOctets, content: joinOctets("", "", withoutEnd(body, ""))}
		}
		for _, f := range s.Fields {
			out = append(append(append(append(out, f.Name...), ": "...), f.Value...), '\n')
		}
		rest = s.Body
		out = append(out, '\n')
	}
	return Component{Reading: Canonical, content: bytes.TrimRight(out, "\n")}
}

// embeddedContent is the content of a message inside the message. All its header fields count: no
// relay adds any there. ok is false if it is outside the grammar. loose is what programs may differ
// about in it if it arrives so.
func (r *bodyReader) embeddedContent(raw grammar.Span, depth int, open []string) (content []byte, loose []string, ok bool) {
	s := r.readHeader(raw.Octets)
	if len(s.Flaws) > 0 {
		return nil, nil, false
	}
	d := Dissection{section: s}
	d.readHeader()
	inner := bodyReader{Body: &Body{}, contents: map[Type][]Component{}, rooms: r.rooms, open: open}
	inner.read(&s, raw.From(s.Size), depth, [32]byte{})
	body := inner.Body
	r.beyond = r.beyond || body.beyond
	if len(body.Odd) > 0 || body.Open {
		return nil, nil, false
	}
	trace := Component{Type: Route, Reading: Canonical}
	for _, f := range s.Fields {
		if class := classOf(f.Name); (class == fieldTrace || class == fieldStripped) && !slices.Contains(packingFields, f.Name) || f.Name == "mime-version" {
			trace.content = append(append(append(append(trace.content, f.Name...), ": "...), f.Value...), '\n')
		}
	}
	list := append(append(d.head, body.Components...), trace)
	slices.SortStableFunc(list, compareComponents)
	for _, c := range list {
		if c.Type == Layout && c.Index == 1 {
			continue
		}
		if c.Type == MIME || c.Size() == 0 {
			continue
		}
		digest := c.Digest()
		content = append(content, byte(c.Type))
		content = binary.BigEndian.AppendUint16(content, c.Index)
		content = append(content, digest[:]...)
	}
	return content, body.Loose, true
}
