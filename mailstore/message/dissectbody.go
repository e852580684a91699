package message

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cairn/mailstore/message/grammar"
)

// Bounds within which a body is taken apart, so that none costs more than a tenth of a second. What
// is beyond them counts by its octets. Octets are counted with LF line ends: a relay may exchange
// those.
const (
	agreedDepth = 8        // of nested multiparts and embedded messages
	maxLines    = 1 << 19  // of a body; with more it has no parts
	partHeaders = 1 << 20  // octets of the headers of all parts
	maxText     = 1 << 20  // characters of all texts
	fieldCost   = 32       // octets that each field of those headers counts for beside its own
	maxEmbedded = 32 << 20 // octets of all embedded messages, those inside others again
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

	top *node
}

// Leaf is a part of a body that has no parts.
type Leaf struct {
	Type  Type     // Text, HTML or Attachment
	Index uint16   // of its component
	Kind  string   // media type, in lower case
	Path  []string // lines of the containers around it, from the outside
	In    []int    // their numbers in the body
	Line  string   // what the layout says of it
	Text  []byte   // of Text and HTML inside the grammar: canonical
	Inner []byte   // of message/rfc822: the embedded message
}

// Hint is the value of the leaf's hint: its number u16, the containers around it from the outside
// and itself, one a line.
func (l *Leaf) Hint(number int) []byte { return LayoutHint(number, l.Path, l.Line) }

// LayoutHint is Leaf.Hint for a leaf with that number, containers and line.
func LayoutHint(number int, path []string, line string) []byte {
	return append([]byte{byte(number >> 8), byte(number)}, strings.Join(append(slices.Clone(path), line), "\n")...)
}

// node is an entity of a body: a container or a leaf.
type node struct {
	kind        string
	line        string // of the layout
	media       grammar.Media
	disposition grammar.Media
	names       string // file names, see fileNames
	oddNames    bool
	cte         string // Content-Transfer-Encoding, see encodingValue
	body        []byte
	parts       []*node
	preamble    string
	epilogue    string
	role        Type
	depth       int
	open        []string // of an embedded message: boundaries of the containers around it
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

// readBody reads the body of a message; octets is the content of its component Octets.
func readBody(s *grammar.Section, octets []byte) *Body {
	r := bodyReader{
		Body: &Body{}, contents: map[Type][]Component{},
		rooms: &rooms{headers: partHeaders, text: maxText, embedded: maxEmbedded},
	}
	r.read(s, 0, octets)
	return r.Body
}

// read reads the body of a message at that depth. Of one that is embedded there are no octets: an odd
// one is not taken apart.
func (r *bodyReader) read(s *grammar.Section, depth int, octets []byte) {
	var packaging []grammar.Field
	for _, f := range s.Fields {
		if classOf(f.Name) == fieldPackage {
			packaging = append(packaging, f)
		}
	}
	if depth == 0 && max(bytes.Count(s.Body, []byte("\n")), bytes.Count(s.Body, []byte("\r"))) > maxLines {
		r.odd("more than %d lines", maxLines)
		r.top = &node{kind: "application/octet-stream"}
		r.list(octets, packaging)
		return
	}
	r.top = r.node(packaging, s.Body, "text/plain", depth)
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
	return n.kind != "text/plain" || !ok || e != grammar.Identity || n.disposition.Kind != "" || !isASCII(n.body)
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

// node reads one entity and, of a container, its parts.
func (r *bodyReader) node(fields []grammar.Field, body []byte, fallback string, depth int) *node {
	n := &node{body: body, depth: depth, kind: fallback}
	n.media.Kind = fallback
	var others []grammar.Field
	seen := map[string]bool{}
	for _, f := range fields {
		if strings.HasPrefix(f.Name, "content-") && seen[f.Name] {
			r.odd("a part has %s twice", f.Name)
			continue
		}
		seen[f.Name] = true
		switch f.Name {
		case "content-type":
			n.setType(r, f.Value)
		case "content-disposition":
			n.setDisposition(r, f.Value)
		case "content-transfer-encoding":
			n.cte = encodingValue(f)
		case "mime-version":
			if depth > 0 && !isVersion1(f.Value) {
				others = append(others, f)
			}
		default:
			// What else is of no account at the top is acted upon in parts, or put there by nobody.
			if class := classOf(f.Name); depth > 0 && !slices.Contains(packingFields, f.Name) || class != fieldTrace && class != fieldStripped {
				others = append(others, f)
			}
		}
	}
	n.setLine(others)
	if !seen["content-type"] && fallback != "text/plain" {
		n.line = "default " + n.line // not all programs know that of multipart/digest
	}
	switch {
	case strings.HasPrefix(n.kind, "multipart/"):
		r.split(n)
	case strings.HasPrefix(n.kind, "message/"):
		n.open = slices.Clone(r.open)
	}
	return n
}

func (n *node) setType(r *bodyReader, value string) {
	m, ok := grammar.MediaType(value)
	if !ok {
		r.odd("Content-Type %q", clip(value))
		lenient := readMediaType(value)
		m = grammar.Media{Kind: lenient.kind}
		for _, name := range []string{"boundary", "charset", "format", "delsp"} {
			if v := lenient.params[name]; v != "" {
				m.Params = append(m.Params, grammar.Param{Name: name, Value: v})
			}
		}
		if name := lenient.params["name"]; name != "" {
			m.Named, m.OddFile, m.File = true, true, value
		}
		if major, minor, ok := strings.Cut(m.Kind, "/"); !ok || major == "" || minor == "" {
			m.Kind = "text/plain"
		}
	}
	n.media, n.kind = m, m.Kind
}

func (n *node) setDisposition(r *bodyReader, value string) {
	m, ok := grammar.Disposition(value)
	if !ok {
		r.odd("Content-Disposition %q", clip(value))
		lenient := readMediaType(value)
		m = grammar.Media{Kind: lenient.kind}
		if lenient.params["filename"] != "" {
			m.Named, m.OddFile, m.File = true, true, value
		}
	}
	n.disposition = m
}

// more goes on a line of the layout: no value has a line end in it.
const more = "\n\t"

// withoutFile is m without the file name that another component tells. An empty one is in none.
func withoutFile(m grammar.Media) *grammar.Media {
	m.Named = m.Named && m.File == ""
	return &m
}

// setLine makes the line of the layout, and the file names.
func (n *node) setLine(others []grammar.Field) {
	var b strings.Builder
	b.WriteString(n.typeLine())
	if n.disposition.Kind != "" {
		b.WriteString(more + "content-disposition: " + mediaLine(withoutFile(n.disposition)))
	}
	for _, f := range namedFields(others) {
		b.WriteString(more + strings.ReplaceAll(strings.TrimSuffix(f.Lines, "\n"), "\n", more))
	}
	n.line = b.String()
	n.names, n.oddNames = fileNames(&n.media, &n.disposition)
}

// typeLine is the media type with all parameters but those that other components tell: boundary of
// a container, charset of a text, name of a leaf.
func (n *node) typeLine() string {
	m := n.media
	container := strings.HasPrefix(n.kind, "multipart/")
	m.Params = slices.DeleteFunc(slices.Clone(m.Params), func(p grammar.Param) bool {
		return p.Name == "boundary" && container || p.Name == "charset" && strings.HasPrefix(n.kind, "text/")
	})
	if container {
		return mediaLine(&m)
	}
	return mediaLine(withoutFile(m))
}

// fileNames is the name under which a part is saved: that of the disposition, the type's where
// there is no other, both where they differ.
func fileNames(typ, disposition *grammar.Media) (names string, odd bool) {
	switch {
	case typ.OddFile || disposition.OddFile:
		return "filename: " + disposition.File + "\nname: " + typ.File, true
	case !disposition.Named || disposition.File == "":
		return typ.File, false
	case !typ.Named || typ.File == disposition.File || typ.File == "":
		return disposition.File, false
	}
	return disposition.File + "\n" + typ.File, false
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
	pieces, ok := grammar.Split(n.body, boundary, maxParts)
	switch {
	case !grammar.Boundary(written):
		r.odd("boundary %q", clip(boundary))
		ok = false
	case slices.ContainsFunc(r.open, func(other string) bool {
		return strings.HasPrefix(other, boundary) || strings.HasPrefix(boundary, other)
	}):
		r.odd("boundary %q and the one around it begin alike", clip(boundary))
		ok = false
	case !ok:
		r.odd("boundary lines of %q", clip(boundary))
	}
	r.Open = r.Open || pieces.Open
	if pieces.Padded {
		r.loose("white space behind a boundary")
	}
	if !ok {
		pieces = grammar.Pieces{Parts: splitMultipart(unixEnds(n.body), boundary, maxParts-r.leaves)}
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
		s := r.readPart(piece)
		if len(s.Flaws) > 0 {
			r.odd("%s of a part", s.Flaws[0].Flaw)
		}
		r.leaves++
		n.parts = append(n.parts, r.node(s.Fields, s.Body, fallback, n.depth+1))
	}
	r.open = r.open[:len(r.open)-1]
	n.preamble, n.epilogue = gapText(pieces.Preamble), gapText(pieces.Epilogue)
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
	r.rooms.headers -= min(s.Size+fieldCost*len(s.Fields), r.rooms.headers)
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

// list numbers the contents, folds what is beyond each type's Max and adds the layout.
func (r *bodyReader) list(octets []byte, packaging []grammar.Field) {
	r.contents[AttachmentName] = r.names
	for _, t := range []Type{Text, HTML, SignatureBlock, Attachment, AttachmentName, AttachmentOctets} {
		row, _ := t.Info()
		for _, c := range foldComponents(t, r.contents[t], row.Max) {
			if len(c.Content) > 0 || t == Attachment {
				r.Components = append(r.Components, c)
			}
		}
	}
	layout := Component{Type: Layout, Reading: Canonical, Content: []byte(r.version + r.top.layout(0))}
	if len(r.Odd) > 0 {
		digest := sha256.Sum256(octets)
		layout.Reading, layout.Content = AsOctets, append(digest[:], packagingLines(slices.Clone(packaging))...)
	}
	r.Components = append(r.Components, layout)
	if gaps := r.top.gaps(); len(gaps) > 0 {
		r.Components = append(r.Components, Component{Type: Layout, Index: 1, Reading: Canonical, Content: []byte(strings.Join(gaps, "\n"))})
	}
}

// layout is the tree from n on, a line for each entity with its depth.
func (n *node) layout(depth int) string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(depth) + " " + n.line + "\n")
	for _, part := range n.parts {
		b.WriteString(part.layout(depth + 1))
	}
	return b.String()
}

// Gaps reports whether any text stands before or behind the parts.
func (b *Body) Gaps() bool { return len(b.top.gaps()) > 0 }

// gapText is what stands before or behind parts, empty if that is white space alone.
func gapText(gap []byte) string { return string(canonicalLines(unixEnds(gap))) }

// gaps are what stands before and behind the parts of n and of what is in it, outer multiparts first;
// a line of two hyphens is before each that stands behind.
func (n *node) gaps() (list []string) {
	if n.preamble != "" {
		list = append(list, n.preamble)
	}
	if n.epilogue != "" {
		list = append(list, "--", n.epilogue)
	}
	for _, part := range n.parts {
		list = append(list, part.gaps()...)
	}
	return list
}

// foldComponents numbers contents of one type; beyond limit the last one holds the digests.
func foldComponents(t Type, list []Component, limit int) []Component {
	if len(list) > limit {
		var digests []byte
		for i := range list[limit-1:] {
			digest := list[limit-1+i].Digest()
			digests = append(digests, digest[:]...)
		}
		list = append(list[:limit-1:limit-1], Component{Type: t, Reading: Canonical, Content: digests})
	}
	for i := range list {
		list[i].Type, list[i].Index = t, uint16(i)
	}
	return list
}

// encodingValue is the value of a Content-Transfer-Encoding, with a blank behind it if there is white
// space around it or nothing else: not all programs see past that.
func encodingValue(f grammar.Field) string {
	if f.Padded || f.Value == "" {
		return f.Value + " "
	}
	return f.Value
}

func orIdentity(cte string) string {
	if cte == "" {
		return "7bit"
	}
	return cte
}

// clip shortens a value for a reason.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if runes := []rune(s); len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return s
}

// isVersion1 reports whether a MIME-Version is 1.0, with or without a comment behind it.
func isVersion1(value string) bool {
	return value == "1.0" || strings.HasPrefix(value, "1.0 (") && strings.IndexByte(value, ')') == len(value)-1
}
