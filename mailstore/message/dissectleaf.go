package message

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cairn/mailstore/message/grammar"
)

// decoded undoes a leaf's transfer encoding. ok is false outside the grammar; of text white space at
// line ends is inside, since it does not count there, unless it says which lines flow on.
func (r *bodyReader) decoded(n *node, text bool) (octets []byte, ok bool) {
	encoding, plain, ok := grammar.TransferEncoding(orIdentity(n.cte))
	if !ok {
		return nil, false
	}
	if !plain {
		r.loose("Content-Transfer-Encoding " + clip(n.cte))
	}
	switch encoding {
	case grammar.Base64Encoding:
		return grammar.Base64(n.body)
	case grammar.QuotedPrintable:
		octets, padded, lower, ok := grammar.Quoted(n.body)
		if lower {
			r.loose("quoted-printable with lower-case digits")
		}
		return octets, ok && (text || !padded)
	}
	return n.body, true
}

// text takes a leaf that is shown as text.
func (r *bodyReader) text(n *node, leaf *Leaf) {
	var c Component // an empty one has its number, but no component
	if len(n.body) > maxSpread*r.rooms.text {
		c = r.longText(n, nil)
	} else {
		octets, ok := r.decoded(n, !n.flowed())
		c = r.textContent(n, octets, ok, nil)
	}
	leaf.Index = uint16(len(r.contents[n.role]))
	if leaf.Reading = c.Reading; c.Reading == Canonical {
		leaf.Text = c.Content
	}
	r.contents[n.role] = append(r.contents[n.role], c)
	if block := signatureBlock(leaf.Text); n.role == Text && len(block) > 0 {
		r.contents[SignatureBlock] = []Component{{Reading: Canonical, Content: block}}
	}
}

// textContent is the content of a text that was decoded to octets, if it could be: canonical and with
// its charset where that is not UTF-8 or ASCII, else its octets with all that says how to read them.
// exact is the component of the octets of an attachment, by which one too long to be read counts.
func (r *bodyReader) textContent(n *node, octets []byte, ok bool, exact *Component) Component {
	charset := strings.ToLower(n.media.Get("charset"))
	meta := charset == "" && n.kind == "text/html"
	if meta {
		charset = metaCharset(octets)
	}
	size := characters(charset, octets, maxOctets*r.rooms.text)
	switch {
	case ok && size > r.rooms.text:
		return r.longText(n, exact)
	case !ok || wide(charset) || !r.plainLines(n, octets):
		return r.withLenient(n, r.rawText(n, charset))
	}
	r.rooms.text -= size
	lines := unixEnds(octets)
	text, label, ok := grammar.Text(charset, lines)
	if meta && ok && !isASCII(text) {
		r.loose("HTML that names its charset itself") // not all programs look there
	}
	if !ok {
		if !modal(charset) { // white space at line ends is shown by nobody
			lines = canonicalLines(lines)
		}
		encoding := r.encodingOf(n, charset, lines)
		if !n.typed && !isASCII(lines) {
			charset = Untyped
		}
		return r.withLenient(n, Component{Reading: AsOctets, Content: joinOctets(encoding, charset, withoutEnd(lines, charset))})
	}
	switch {
	case n.flowed() && strings.EqualFold(n.media.Get("delsp"), "yes"): // most programs show a space where a line was broken
		text = bytes.TrimRight(text, "\n")
	case n.flowed():
		text = canonicalLines(grammar.Unflow(text))
	case n.kind == "text/html":
		text = canonicalMarkup(text)
	default:
		text = canonicalLines(text)
	}
	if n.kind == "text/plain" { // the normal form of markup may mean something else: style sheets compare code points
		text = grammar.Normal(text)
	}
	return Component{Reading: Canonical, Content: text, Label: label}
}

// maxOctets are the most that a character has in UTF-8, maxSpread those in quoted-printable with soft
// line ends of lines of more than 12 characters.
const maxOctets, maxSpread = 4, 16

// rawText is the content of a text that is not decoded: its encoding as it stands, its charset and its
// octets.
func (r *bodyReader) rawText(n *node, charset string) Component {
	return Component{Reading: AsOctets, Content: joinOctets(n.cte, r.rawCharset(n, charset), withoutEnd(n.body, charset))}
}

func (r *bodyReader) rawCharset(n *node, charset string) string {
	if !n.typed && (!r.identity(n) || !isASCII(n.body)) {
		return Untyped
	}
	return charset
}

// longText is the content of a text that nobody reads to its end: that of rawText, but for the name
// of an encoding that is identity; of an attachment the digest of exact, which is what it decodes to.
func (r *bodyReader) longText(n *node, exact *Component) Component {
	charset := strings.ToLower(n.media.Get("charset"))
	switch {
	case !r.identity(n) && (exact == nil || grammar.Packed(n.body)):
		return r.rawText(n, charset)
	case exact != nil && !n.typed && !isASCII(exact.Content), exact == nil && !n.typed && !isASCII(n.body):
		charset = Untyped
	}
	cte := ""
	if e, plain, _ := grammar.TransferEncoding(orIdentity(n.cte)); !plain || e != grammar.Identity {
		cte = n.cte
	}
	if exact != nil {
		return Component{Reading: AsOctets, Content: append(octetsHead(digested+cte, charset, sha256.Size), exact.remember()...)}
	}
	return Component{Reading: AsOctets, Content: joinOctets(cte, charset, withoutEnd(n.body, charset))}
}

// plainLines reports whether a decoded text is lines and nothing else. With what is not counts its
// encoding, since programs show it by that: CRs inside of lines and NULs, and what looks like a file
// or parts, before decoding or behind it.
func (r *bodyReader) plainLines(n *node, octets []byte) bool {
	return !hasBareCR(octets) && bytes.IndexByte(octets, 0) < 0 &&
		(r.identity(n) || !grammar.Packed(n.body)) && !grammar.Packed(octets) && !grammar.Enclosed(octets)
}

// flowed reports whether lines of a text flow on (RFC 3676).
func (n *node) flowed() bool {
	return n.kind == "text/plain" && strings.EqualFold(n.media.Get("format"), "flowed")
}

// Untyped is the charset of text that is not ASCII where there is no Content-Type: some programs guess
// another then than where there is one without a charset. No charset is called so.
const Untyped = "\x00"

// What stands before the name of an encoding where the octets are not those that it made of them. No
// field's value begins so.
const decoded, digested, hashed = " ", "  ", "   "

// encodingOf is the transfer encoding of a text that was decoded, where that is one and a program may
// take it for a sign of what octets are that do not fit their charset; else empty.
func (r *bodyReader) encodingOf(n *node, charset string, lines []byte) string {
	if r.identity(n) || grammar.Known(charset) && !modal(charset) || isASCII(lines) {
		return ""
	}
	return decoded + strings.ToLower(n.cte)
}

// withLenient adds what a text would be if no CR stood alone in it, as some filters leave them.
func (r *bodyReader) withLenient(n *node, c Component) Component {
	if len(n.body) > maxText || !bytes.Contains(n.body, []byte("\r\r\n")) {
		return c
	}
	clean := *n
	clean.body = unixLines(n.body)
	octets, ok := r.decoded(&clean, !n.flowed())
	if without := r.textContent(&clean, octets, ok, nil); without.Reading == Canonical {
		c.Lenient = without.Content
	}
	return c
}

// joinOctets is the content of what programs may read differently: transfer encoding and charset as
// they stand there, one a line, and the octets with LF line ends; of more than maxText their SHA-256.
func joinOctets(cte, charset string, octets []byte) []byte {
	if len(octets) > maxText { // nobody looks into them for what was changed
		digest := sha256.Sum256(octets)
		return append(octetsHead(hashed+cte, charset, len(digest)), digest[:]...)
	}
	return appendUnix(octetsHead(cte, charset, len(octets)), octets)
}

// octetsHead is what joinOctets puts before so many octets.
func octetsHead(cte, charset string, room int) []byte {
	head := cte + "\n" + charset + "\n"
	return append(make([]byte, 0, len(head)+room), head...)
}

// withLines is a head and what follows it, with LF line ends and without empty lines at its end.
func withLines(head string, octets []byte) []byte {
	out := appendUnix(append(make([]byte, 0, len(head)+len(octets)), head...), octets)
	return out[:len(head)+len(bytes.TrimRight(out[len(head):], "\n"))]
}

// withoutEnd is text without the empty lines at its end, where they are some.
func withoutEnd(octets []byte, charset string) []byte {
	if wide(charset) {
		return octets
	}
	return bytes.TrimRight(octets, "\r\n")
}

// attachment takes any other leaf.
func (r *bodyReader) attachment(n *node, leaf *Leaf) {
	leaf.Index = uint16(len(r.contents[Attachment]))
	c, exact := r.attachmentContent(n, leaf)
	r.contents[Attachment] = append(r.contents[Attachment], c)
	r.contents[AttachmentOctets] = append(r.contents[AttachmentOctets], exact)
	name := Component{Reading: Canonical, Content: []byte(n.names), OtherFolds: n.otherFolds()}
	if n.oddNames {
		name.Reading = AsOctets
	}
	r.names = append(r.names, name)
}

// attachmentContent returns the content of an attachment, and its exact octets where the content
// leaves something open.
func (r *bodyReader) attachmentContent(n *node, leaf *Leaf) (c, exact Component) {
	if strings.HasPrefix(n.kind, "message/") {
		return r.messageContent(n, leaf)
	}
	octets, ok := r.decoded(n, false)
	if !ok || n.media.Get("boundary") != "" { // some programs see parts in it
		charset := ""
		if strings.HasPrefix(n.kind, "text/") { // the layout has none of it
			charset = r.rawCharset(n, strings.ToLower(n.media.Get("charset")))
		}
		return Component{Reading: AsOctets, Content: joinOctets(n.cte, charset, n.body)}, Component{Reading: Canonical}
	}
	exact = Component{Reading: Canonical, Content: octets}
	if strings.HasPrefix(n.kind, "text/") {
		return r.textContent(n, octets, ok, &exact), exact
	}
	// Lines under another type (signatures, keys, reports): a relay that turns them into base64 gives
	// them one line end or the other.
	if len(octets)-bytes.Count(octets, []byte("\r")) <= maxText && utf8.Valid(octets) && bytes.IndexByte(octets, 0) < 0 {
		return Component{Reading: Canonical, Content: bytes.TrimRight(unixEnds(octets), "\n")}, exact
	}
	return exact, Component{Reading: Canonical}
}

func (r *bodyReader) identity(n *node) bool {
	e, _, ok := grammar.TransferEncoding(orIdentity(n.cte))
	return ok && e == grammar.Identity
}

// messageContent is the content of an embedded message: type, index and digest of each of its
// components, so that what a relay re-packs inside is told from what it changes. Its octets and its
// own encoding are in exact, since programs save it as a file and some show its header as it stands.
// Of other types of message, the content is the groups of header fields in them.
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
				exact.Content = withLines(strings.ToLower(n.cte)+"\n", body)
				c = Component{Reading: Canonical, Content: content}
				if rest, headless := bytes.CutPrefix(body, []byte("\r\n")); headless && !isField(firstLine(rest)) {
					c.Lenient = joinOctets(n.cte, "", withoutEnd(rest, "")) // relays put in the empty line that was missing
				}
				return c, exact
			}
		}
		return Component{Reading: AsOctets, Content: joinOctets(n.cte, "", withoutEnd(body, ""))}, exact
	case "message/delivery-status", "message/disposition-notification", "message/feedback-report", "message/global-delivery-status":
		if r.identity(n) { // not all programs decode any other
			exact.Content = withLines("", n.body) // shown as it stands by some
			return r.fieldGroups(n.body), exact
		}
	}
	return Component{Reading: AsOctets, Content: joinOctets(n.cte, "", withoutEnd(n.body, ""))}, exact
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
			return Component{Reading: AsOctets, Content: joinOctets("", "", withoutEnd(body, ""))}
		}
		for _, f := range s.Fields {
			out = append(append(append(append(out, f.Name...), ": "...), f.Value...), '\n')
		}
		rest = s.Body
		out = append(out, '\n')
	}
	return Component{Reading: Canonical, Content: bytes.TrimRight(out, "\n")}
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
			trace.Content = append(append(append(append(trace.Content, f.Name...), ": "...), f.Value...), '\n')
		}
	}
	list := append(append(d.head, body.Components...), trace)
	slices.SortStableFunc(list, compareComponents)
	for _, c := range list {
		if c.Type == Layout && c.Index == 1 {
			continue
		}
		if c.Type == MIME || len(c.Content) == 0 {
			continue
		}
		digest := c.Digest()
		content = append(content, byte(c.Type))
		content = binary.BigEndian.AppendUint16(content, c.Index)
		content = append(content, digest[:]...)
	}
	return content, body.Loose, true
}

var charsetPattern = regexp.MustCompile(`^\s*=\s*["']?([a-z0-9_.:-]{1,40})`)

// metaCharset is the charset that HTML names in a <meta> of its first kilooctet, line ends being one, at most 200 octets
// behind that, as browsers look for it.
func metaCharset(html []byte) string {
	const meta, name, reach = "<meta", "charset", 200
	head := unixEnds(html[:min(len(html), 2*1024)])
	head = bytes.ToLower(head[:min(len(head), 1024)])
	for at := 0; ; {
		i := bytes.Index(head[at:], []byte(name))
		if i < 0 {
			return ""
		}
		i += at
		at = i + len(name)
		start := bytes.LastIndex(head[:i], []byte(meta)) + len(meta)
		if start < len(meta) || i-start > reach || bytes.IndexByte(head[start:i], '>') >= 0 {
			continue
		}
		if m := charsetPattern.FindSubmatch(head[at:]); m != nil {
			return string(m[1])
		}
	}
}
