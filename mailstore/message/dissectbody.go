package message

import (
	"fmt"
	"slices"
	"strings"

	"cairn/mailstore/message/grammar"
)

// Bounds within which a body is taken apart, so that none costs more than a tenth of a second. What
// is beyond them counts by its octets. Octets are counted with LF line ends: a relay may exchange
// those.
const (
	agreedDepth = 8         // of nested multiparts and embedded messages
	maxLines    = 1 << 19   // of a body; with more it has no parts
	partHeaders = 256 << 10 // octets of the headers of all parts, embedded messages and reports
	maxText     = 1 << 20   // characters of all texts
	fieldCost   = 32        // octets that each field of those headers counts for beside its own
	maxEmbedded = 8 << 20   // octets of all embedded messages, those inside others again
)

// rooms is what is left of these bounds, for a message and those embedded in it together.
type rooms struct{ headers, text, embedded int }

// take takes n off a room, if it has so much.
func take(room *int, n int) bool {
	if n > *room {
		return false
	}
	*room -= n
	return true
}

// Body is the body of a message taken apart.
type Body struct {
	Components []Component // Text, HTML, SignatureBlock, Attachment, AttachmentName, AttachmentOctets, Layout
	Leaves     []Leaf      // in their order

	// Odd says why programs read the packaging differently; empty if they agree. Loose is what they
	// may differ about in a body that arrives, but is given its one sensible reading in what was
	// recorded. Open says that a multipart has no end.
	Odd, Loose []string
	Open       bool

	top    *node
	beyond bool // the limits of lines, or of headers inside
}

// Leaf is a part of a body that has no parts.
type Leaf struct {
	Type  Type     // Text, HTML or Attachment
	Index uint16   // of its component
	Kind  string   // media type, in lower case
	Path  []string // lines of the containers around it, from the outside
	In    []int    // their numbers in the body
	Line  string   // what the layout says of it
	Inner []byte   // of message/rfc822: the embedded message

	// Of Text and HTML: Text is canonical, and all that there is, only where Reading is Canonical.
	// Else nobody here knows what is read in it.
	Reading    Reading
	Text       []byte
	Lines      []byte // of a text that is format=flowed: as its lines stand, nil of any other
	Signatures []int  // of Text: lines that begin one, see SignatureHint
}

// Hint is the value of the leaf's hint: its number u16, the containers around it from the outside
// and itself, one a line, see LayoutHint.
func (l *Leaf) Hint(number int) []byte { return LayoutHint(number, l.Path, l.Line) }

// LayoutHint is Leaf.Hint for a leaf with that number, containers and line. Of the top it says no
// Content-Language: relays drop that, and the component Language has it.
func LayoutHint(number int, path []string, line string) []byte {
	lines := append(slices.Clone(path), line)
	lines[0] = withoutLanguage(lines[0])
	return append([]byte{byte(number >> 8), byte(number)}, strings.Join(lines, "\n")...)
}

func withoutLanguage(line string) string {
	before, after, found := strings.Cut(line, LayoutField+"content-language: ")
	if !found {
		return line
	}
	_, others, more := strings.Cut(after, LayoutField)
	if more {
		before += LayoutField
	}
	return before + others
}

type bodyReader struct {
	*Body
	contents   map[Type][]Component
	names      []Component // of the attachments; empty where there is none
	version    string      // MIME-Version, where it is not 1.0 and that makes a difference
	leaves     int
	rooms      *rooms
	splits     int      // multiparts that were cut
	containers int      // those of them that have parts, in the order of leaves
	where      string   // of what is read, for what is loose
	open       []string // boundaries of the containers around
}

// readBody reads the body of a message, whose lines end in CRLF; octets is the digest of its
// component Octets. A long one has no parts.
func readBody(s *grammar.Section, octets [32]byte, long bool) *Body {
	r := bodyReader{
		Body: &Body{}, contents: map[Type][]Component{},
		rooms: &rooms{headers: partHeaders, text: maxText, embedded: maxEmbedded},
	}
	if long {
		r.beyond = true
		r.odd("more than %d lines", maxLines)
		r.top = &node{kind: "application/octet-stream"}
		r.list(octets, packaging(s))
	} else {
		r.read(s, grammar.NewSpan(s.Body), 0, octets)
	}
	return r.Body
}

// packaging are the fields that say how the body is packed.
func packaging(s *grammar.Section) (fields []grammar.Field) {
	for _, f := range s.Fields {
		if classOf(f.Name) == fieldPackage {
			fields = append(fields, f)
		}
	}
	return fields
}

// read reads the body of a message at that depth. Of one that is embedded there is no digest: an
// odd one is not taken apart.
func (r *bodyReader) read(s *grammar.Section, body grammar.Span, depth int, octets [32]byte) {
	packaging := packaging(s)
	r.top = r.node(packaging, body, "text/plain", depth)
	if v := s.Values("mime-version"); depth == 0 && !r.top.agreedVersion(v, len(packaging)) {
		r.version = "MIME-Version: " + strings.Join(v, ", ") + "\n"
	}
	r.walk(r.top, nil, nil, &shown{})
	r.list(octets, packaging)
}

// agreedVersion reports whether programs agree about the values of MIME-Version, fields being the
// number of MIME fields with them.
func (n *node) agreedVersion(values []string, fields int) bool {
	if len(values) == 0 {
		return fields == 0 || !n.needsVersion()
	}
	return len(values) == 1 && isVersion1(values[0])
}

// needsVersion reports whether a program that heeds no MIME without MIME-Version (RFC 2045, section
// 4) would show something else.
func (n *node) needsVersion() bool {
	e, _, ok := grammar.TransferEncoding(orIdentity(n.cte))
	return n.kind != "text/plain" || !ok || e != grammar.Identity || n.disposition.Kind != "" || !grammar.PlainASCII(n.body) ||
		modal(strings.ToLower(n.media.Get("charset")))
}

func (r *bodyReader) odd(format string, args ...any) {
	if len(r.Odd) < 8 {
		r.Odd = append(r.Odd, fmt.Sprintf(format, args...))
	}
}

// maxLoose is how many ways are told apart; a record has room for fewer.
const maxLoose = 8

// loose notes a way once for each part, and of more than maxLoose only that there are more.
func (r *bodyReader) loose(what string) {
	what += r.where
	if len(r.Loose) > maxLoose || slices.Contains(r.Loose, what) {
		return
	}
	if len(r.Loose) == maxLoose {
		what = "and more"
	}
	r.Loose = append(r.Loose, what)
}

// split reads the parts of a multipart.
func (r *bodyReader) split(n *node) {
	written := n.media.Get("boundary")
	boundary := strings.TrimRight(written, " \t")
	if e, plain, ok := grammar.TransferEncoding(orIdentity(n.cte)); !ok || !plain || e != grammar.Identity {
		r.odd("Content-Transfer-Encoding %q of a multipart", clip(n.cte))
	}
	if n.depth >= agreedDepth || r.leaves >= maxParts {
		n.kind = "application/octet-stream"
		r.odd("too many parts, or nested too deep")
		return
	}
	r.splits++
	r.where = fmt.Sprintf(" (multipart %d)", r.splits)
	pieces, ok := grammar.Split(n.span, boundary, maxParts)
	switch {
	case !grammar.Boundary(written):
		r.odd("boundary %q", clip(boundary))
		ok = false
	case slices.ContainsFunc(r.open, func(other string) bool {
		return strings.HasPrefix(other, boundary) || strings.HasPrefix(boundary, other) ||
			strings.EqualFold(strings.TrimLeft(other, "-"), strings.TrimLeft(boundary, "-"))
	}):
		r.odd("boundary %q and the one around it are alike", clip(boundary))
		ok = false
	case !ok:
		r.odd("boundary lines of %q", clip(boundary))
	}
	r.Open = r.Open || pieces.Open
	if len(pieces.Padded) > 0 { // some programs see none then, and show it
		r.loose(fmt.Sprintf("white space behind the boundary %s, %v", boundary, pieces.Padded))
	}
	if !ok {
		pieces = grammar.Pieces{Parts: lenientParts(n.span, boundary, maxParts-r.leaves)}
		if pieces.Parts == nil {
			n.kind = "text/plain" // people see it so
			return
		}
	}
	fallback := "text/plain"
	if n.kind == "multipart/digest" { // RFC 2046, section 5.1.5
		fallback = "message/rfc822"
	}
	r.open = append(r.open, boundary)
	for _, piece := range pieces.Parts {
		s := r.readPart(piece.Octets)
		if len(s.Flaws) > 0 {
			r.odd("%s of a part", s.Flaws[0].Flaw)
		}
		r.leaves++
		part := r.node(s.Fields, piece.From(s.Size), fallback, n.depth+1)
		part.setHeadless(len(s.Fields) == 0)
		n.parts = append(n.parts, part)
	}
	r.open = r.open[:len(r.open)-1]
	n.preamble, n.epilogue = gapText(pieces.Preamble.Octets), gapText(pieces.Epilogue.Octets)
}

// readPart reads the header of a part, which may be empty.
func (r *bodyReader) readPart(piece []byte) grammar.Section {
	s := r.readHeader(piece)
	if !s.Ended {
		s.Flaws = append(s.Flaws, grammar.FoundFlaw{Flaw: grammar.NoEnd})
	}
	return s
}

// readHeader reads a header within the room that is left for those inside the message.
func (r *bodyReader) readHeader(raw []byte) grammar.Section {
	s := grammar.ReadSection(raw, r.rooms.headers)
	cost := s.Size + fieldCost*len(s.Fields)
	r.beyond = r.beyond || cost > r.rooms.headers
	r.rooms.headers -= min(cost, r.rooms.headers)
	return s
}

// walk takes the leaves in their order.
func (r *bodyReader) walk(n *node, path []string, in []int, state *shown) {
	if len(n.parts) > 0 {
		inner := state.inside(n.kind)
		r.containers++
		path, in = append(slices.Clone(path), n.line), append(slices.Clone(in), r.containers)
		for _, part := range n.parts {
			r.walk(part, path, in, inner)
		}
		state.leave(inner)
		return
	}
	r.where = fmt.Sprintf(" (part %d)", len(r.Leaves)+1)
	if n.headless && n.kind == "text/plain" { // some programs take what is above an empty line for its header
		r.loose(fmt.Sprintf("a part without a header, first empty line %d", firstEmptyLine(n.body)))
	}
	n.role = n.roleIn(state)
	leaf := Leaf{Type: n.role, Kind: n.kind, Path: path, In: in, Line: n.line}
	switch n.role {
	case Attachment:
		r.attachment(n, &leaf)
	default:
		r.text(n, &leaf)
	}
	r.Leaves = append(r.Leaves, leaf)
}

// roleIn returns Text or HTML for a part that is shown as the message's body, Attachment for any
// other.
func (n *node) roleIn(state *shown) Type {
	switch {
	case n.disposition.Kind == "attachment" || n.names != "":
		return Attachment
	case n.kind == "text/plain" && state.body(0):
		return Text
	case n.kind == "text/html" && state.body(1):
		return HTML
	}
	return Attachment
}
