package message

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cairn/mailstore/message/grammar"
)

const (
	maxDepth = 16   // of nested multiparts and embedded messages
	maxParts = 1024 // leaves of one message
)

// part is a leaf of the MIME tree.
type part struct {
	header header
	kind   string // media type, lower case
	params map[string]string
	name   string // canonical file name, may be empty
	marked bool   // as an attachment, by Content-Disposition
	role   Type   // Text, HTML or Attachment
	footer bool   // see Component
	body   []byte // still transfer-encoded, as in entity
	depth  int
}

// shown keeps track of which bodies a mail program shows. Of the parts of a multipart/alternative
// or related it shows one text or HTML, so only the first of each counts as the body; were more
// counted, wrapping the author's text and a foreign one into an alternative would hide the former
// and look like a footer.
type shown struct {
	single        bool    // one of each kind at most
	chosen        bool    // a mail program shows one of several, by its own choice
	blocked, seen [2]bool // text, HTML
}

// inside returns the state for the parts of a multipart.
func (s *shown) inside(kind string) *shown {
	child := &shown{single: kind == "multipart/alternative" || kind == "multipart/related", chosen: s.chosen || kind == "multipart/alternative"}
	for i := range s.blocked {
		child.blocked[i] = s.blocked[i] || s.single && s.seen[i]
	}
	return child
}

// leave takes over what the parts of a multipart showed.
func (s *shown) leave(child *shown) {
	for i := range s.seen {
		s.seen[i] = s.seen[i] || child.seen[i]
	}
}

// body reports whether a part of kind i is shown as the body, and notes it.
func (s *shown) body(i int) bool {
	if s.blocked[i] || s.single && s.seen[i] {
		return false
	}
	s.seen[i] = true
	return true
}

// tree is what a walk through an entity finds.
type tree struct {
	leaves []part
	odd    []string // what mail programs read differently and no other component tells, see Structure
}

// readTree walks an entity and its parts in their order.
func readTree(e entity, depth int) tree {
	var t tree
	t.walk(e, "text/plain", depth, &shown{})
	return t
}

// walk takes one entity. Multiparts deeper than maxDepth, or without boundary lines, are leaves
// themselves.
func (t *tree) walk(e entity, fallback string, depth int, state *shown) {
	typ, disposition := contentType(e.header, fallback), readMediaType(e.header.get("Content-Disposition"))
	for _, line := range e.stray {
		t.odd = append(t.odd, "line: "+line)
	}
	t.noteFurther(e, "content-type", typ.further)
	t.noteFurther(e, "content-transfer-encoding", nil)
	t.noteFurther(e, "content-disposition", disposition.further)
	kind := typ.kind
	if strings.HasPrefix(kind, "multipart/") {
		if depth >= maxDepth || len(t.leaves) >= maxParts {
			kind = "application/octet-stream"
		} else if pieces := splitMultipart(e.body, strings.TrimRight(typ.params["boundary"], " \t"), maxParts-len(t.leaves)); pieces != nil {
			child := "text/plain"
			if kind == "multipart/digest" { // RFC 2046, section 5.1.5
				child = "message/rfc822"
			}
			inner := state.inside(kind)
			for _, piece := range pieces {
				t.walk(readEntity(piece, e.room), child, depth+1, inner)
			}
			state.leave(inner)
			return
		} else {
			kind = "text/plain" // people see it so
		}
	}
	p := part{header: e.header, kind: kind, params: typ.params, body: e.body, depth: depth}
	p.marked = disposition.kind == "attachment"
	p.name = partName(disposition, typ)
	p.role = p.roleIn(state)
	p.footer = p.role == Text && !state.chosen && slices.ContainsFunc(t.leaves, func(other part) bool { return other.role != Attachment })
	t.leaves = append(t.leaves, p)
	if encodingName(e.header.get("Content-Transfer-Encoding")) == "base64" {
		if before, inside := paddingInside(e.body); inside {
			t.odd = append(t.odd, "base64: padding after "+strconv.Itoa(before)+" bytes")
		}
	}
}

// noteFurther notes the values of a field, and of its parameters, besides those that count.
func (t *tree) noteFurther(e entity, field string, params []string) {
	if all := e.header.values(field); len(all) > 1 {
		counts := plain(all[0])
		for _, value := range all[1:] {
			if value = plain(value); value != counts {
				t.odd = append(t.odd, field+": "+value)
			}
		}
	}
	for _, param := range params {
		t.odd = append(t.odd, field+"; "+param)
	}
}

// roleIn returns Text or HTML for a part that is shown as the message's body, Attachment for any
// other.
func (p *part) roleIn(state *shown) Type {
	switch {
	case p.marked || p.name != "":
		return Attachment
	case p.kind == "text/plain" && state.body(0):
		return Text
	case p.kind == "text/html" && state.body(1):
		return HTML
	}
	return Attachment
}

// decoded returns the part's bytes without their transfer encoding; those without any have LF line
// ends.
func (p *part) decoded() []byte {
	return decodeTransfer(p.header.get("Content-Transfer-Encoding"), p.body)
}

// size is the length of what decoded returns.
func (p *part) size() int {
	if encodingName(p.header.get("Content-Transfer-Encoding")) == "base64" {
		return base64Size(p.body)
	}
	return len(p.decoded())
}

// shownText is text for reading and search, of a longer one than most octets its beginning: in the
// charset that HTML names itself where nothing else does, and with lines that flow on without a
// blank (RFC 3676, section 4.1, DelSp) joined.
func (p *part) shownText(most int) []byte {
	octets, charset := p.beginning(most), p.params["charset"]
	if charset == "" && p.kind == "text/html" && !utf8.Valid(octets) {
		charset = metaCharset(octets)
	}
	text := decodeShown(charset, octets)
	if p.kind == "text/plain" && strings.EqualFold(p.params["format"], "flowed") && strings.EqualFold(p.params["delsp"], "yes") {
		text = grammar.JoinDelSp(unixEnds(text))
	}
	text = canonicalText(text)
	if end := most; len(text) > end {
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		return text[:end]
	}
	return text
}

// beginning is decoded as far as is needed for the first octets of a text, unless it is made so
// that much of it comes to nothing. Of a text that is decoded whole there may be four copies at a
// time, each three times as large.
func (p *part) beginning(most int) []byte {
	if most >= len(p.body) {
		return p.decoded()
	}
	octets, encoded := 2, 4 // for one octet of text, and for one that is decoded
	if wide(strings.ToLower(strings.Trim(p.params["charset"], " \t\"'"))) {
		octets = 4
	}
	if name := encodingName(p.header.get("Content-Transfer-Encoding")); name != "base64" && name != "quoted-printable" {
		encoded = 2 // line ends
	}
	some := *p
	some.body = p.body[:min(len(p.body), encoded*octets*most)]
	b := some.decoded()
	b = b[:min(len(b), octets*most)]
	for i := len(b) - 1; i >= max(0, len(b)-utf8.UTFMax); i-- { // a character that is cut would be none of UTF-8
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				b = b[:i]
			}
			break
		}
	}
	return b
}

// text returns the decoded part as canonical text.
func (p *part) text() []byte { return canonicalText(decodeCharset(p.params["charset"], p.decoded())) }

// label returns the canonical file name and the Content-IDs of the part: by these a mail program
// finds what stands where in the HTML.
func (p *part) label() string {
	if ids := strings.Join(messageIDs(p.header.values("Content-Id")), " "); ids != "" {
		return p.name + "\t" + ids
	}
	return p.name
}
