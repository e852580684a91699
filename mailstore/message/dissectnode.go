package message

import (
	"bytes"
	"slices"
	"strings"

	"cairn/mailstore/message/grammar"
)

// node is an entity of a body: a container or a leaf.
type node struct {
	kind        string
	line        string // of the layout
	media       grammar.Media
	disposition grammar.Media
	names       string // file names, see fileNames
	oddNames    bool
	files       [2]writtenFile // that of the disposition, that of the type
	typed       bool           // it has a Content-Type
	headless    bool           // a part without any header field
	cte         string         // Content-Transfer-Encoding, see encodingValue
	span        grammar.Span
	body        []byte // its octets
	parts       []*node
	preamble    string
	epilogue    string
	role        Type
	lines       []byte // of a text that is format=flowed, as they stand
	depth       int
	open        []string // of an embedded message: boundaries of the containers around it
}

// node reads one entity and, of a container, its parts.
func (r *bodyReader) node(fields []grammar.Field, body grammar.Span, fallback string, depth int) *node {
	n := &node{span: body, body: body.Octets, depth: depth, kind: fallback}
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
			n.setType(r, &f)
		case "content-disposition":
			n.setDisposition(r, &f)
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
	n.typed = seen["content-type"]
	n.setLine(others)
	if !seen["content-type"] && (fallback != "text/plain" || n.disposition.Named) {
		n.line = "default " + n.line // not all programs know that of multipart/digest, and some go by a file name
	}
	switch {
	case strings.HasPrefix(n.kind, "multipart/"):
		r.split(n)
	case strings.HasPrefix(n.kind, "message/"):
		n.open = slices.Clone(r.open)
	}
	return n
}

// oddIfFolded notes that a file name may be folded inside of its quotes, where some programs keep
// the line end.
func oddIfFolded(m *grammar.Media, f *grammar.Field) {
	switch {
	case !m.Named || !f.QuoteFolded:
	case m.OddFile: // for more than that
		m.File = f.Folded
	default:
		m.OddFile, m.File = true, f.Value
	}
}

func (n *node) setType(r *bodyReader, f *grammar.Field) {
	value := f.Value
	m, ok := grammar.MediaType(value)
	n.files[1] = fileIn(&m, f, "name")
	oddIfFolded(&m, f)
	if m.Tail {
		r.loose("a semicolon behind Content-Type")
	}
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
			m.Named, m.OddFile, m.File = true, true, f.Folded
		}
		if major, minor, ok := strings.Cut(m.Kind, "/"); !ok || major == "" || minor == "" {
			m.Kind = "text/plain"
		}
	}
	n.media, n.kind = m, m.Kind
}

func (n *node) setDisposition(r *bodyReader, f *grammar.Field) {
	value := f.Value
	m, ok := grammar.Disposition(value)
	n.files[0] = fileIn(&m, f, "filename")
	oddIfFolded(&m, f)
	if !ok {
		r.odd("Content-Disposition %q", clip(value))
		lenient := readMediaType(value)
		m = grammar.Media{Kind: lenient.kind}
		if lenient.params["filename"] != "" {
			m.Named, m.OddFile, m.File = true, true, f.Folded
		}
	}
	n.disposition = m
}

// LayoutField is before each field on a line of the layout: no value has a line end in it.
const LayoutField = "\n\t"

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
		b.WriteString(LayoutField + "content-disposition: " + mediaLine(withoutFile(n.disposition)))
	}
	for _, f := range namedFields(others) {
		b.WriteString(LayoutField + strings.ReplaceAll(strings.TrimSuffix(f.Lines, "\n"), "\n", LayoutField))
	}
	n.line = b.String()
	n.names, n.oddNames = fileNames(&n.media, &n.disposition)
}

// LayoutHeadless is before the line of a part that has no header field at all.
const LayoutHeadless = "headless "

// setHeadless notes whether a part has no header field: of such a one some programs show less, so
// it is another part than one that has.
func (n *node) setHeadless(headless bool) {
	if n.headless = headless; headless {
		n.line = LayoutHeadless + n.line
	}
}

// firstEmptyLine is the number of the first empty line of a body, from 1; 0 if there is none.
func firstEmptyLine(body []byte) int {
	if bytes.HasPrefix(body, []byte("\r\n")) {
		return 1
	}
	before, _, found := bytes.Cut(body, []byte("\r\n\r\n"))
	if !found {
		return 0
	}
	return bytes.Count(before, []byte("\r\n")) + 2
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
		return string(namesAsOctets(disposition.File, typ.File)), true
	case !disposition.Named || disposition.File == "":
		return typ.File, false
	case !typ.Named || typ.File == disposition.File || typ.File == "":
		return disposition.File, false
	}
	return disposition.File + "\n" + typ.File, false
}

// encodingValue is the value of a Content-Transfer-Encoding, with a blank behind it if there is
// white space around it or nothing else: not all programs see past that.
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
