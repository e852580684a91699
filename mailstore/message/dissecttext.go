package message

import (
	"bytes"
	"crypto/sha256"
	"strings"

	"cairn/mailstore/message/grammar"
)

// text takes a leaf that is shown as text.
func (r *bodyReader) text(n *node, leaf *Leaf) {
	var c Component // an empty one has its number, but no component
	if len(n.body) > maxSpread*r.rooms.text {
		c = r.longText(n, nil)
	} else {
		octets, ok := r.decoded(n, !n.flowed())
		c = r.textContent(n, octets, ok, nil)
		leaf.Signatures = n.signatures(octets)
	}
	leaf.Index = uint16(len(r.contents[n.role]))
	if leaf.Lines = n.lines; n.flowed() && n.lines == nil {
		leaf.Lines = []byte{}
	}
	if leaf.Reading = c.Reading; c.Reading == Canonical {
		leaf.Text = c.content
	}
	r.contents[n.role] = append(r.contents[n.role], c)
	if block := signatureBlock(leaf.Text); n.role == Text && len(block) > 0 {
		r.contents[SignatureBlock] = []Component{{Reading: Canonical, content: block}}
	}
}

// textContent is the content of a text that was decoded to octets, if it could be: canonical and
// with its charset where that is not UTF-8 or ASCII, else its octets with all that says how to read
// them. exact is the component of the octets of an attachment, by which one too long to be read
// counts.
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
		return r.withLenient(n, octets, ok, r.rawText(n, charset))
	}
	r.rooms.text -= size
	lines := unixEnds(octets)
	text, label, ok := grammar.Text(charset, lines)
	if n.flowed() {
		if n.lines = lines; ok {
			n.lines = grammar.Normal(text)
		}
	}
	if meta && ok && !isASCII(text) {
		r.loose("HTML that names its charset itself") // not all programs look there
	}
	if !ok {
		if !modal(charset) { // white space at line ends is shown by nobody, but for what signatures says
			lines = canonicalLines(lines)
		}
		encoding := r.encodingOf(n, charset, lines)
		if !n.typed && !isASCII(lines) {
			charset = Untyped
		}
		return r.withLenient(n, octets, ok, Component{Reading: AsOctets, content: joinOctets(encoding, charset, withoutEnd(lines, charset))})
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
	return Component{Reading: Canonical, content: text, Label: label}
}

// maxOctets are the most that a character has in UTF-8, maxSpread those in quoted-printable with
// soft line ends of lines of more than 12 characters.
const maxOctets, maxSpread = 4, 16

// rawText is the content of a text that is not decoded: its encoding as it stands, its charset and
// its octets.
func (r *bodyReader) rawText(n *node, charset string) Component {
	return Component{Reading: AsOctets, content: joinOctets(n.cte, r.rawCharset(n, charset), withoutEnd(n.body, charset))}
}

func (r *bodyReader) rawCharset(n *node, charset string) string {
	if !n.typed && (!r.identity(n) || !isASCII(n.body)) {
		return Untyped
	}
	return charset
}

// longText is the content of a text that nobody reads to its end: that of rawText, but for the name
// of an encoding that is identity; of an attachment the digest of exact, which is what it decodes
// to.
func (r *bodyReader) longText(n *node, exact *Component) Component {
	charset := strings.ToLower(n.media.Get("charset"))
	switch {
	case !r.identity(n) && (exact == nil || grammar.Packed(n.body)):
		return r.rawText(n, charset)
	case exact != nil && !n.typed && !exact.isASCII(), exact == nil && !n.typed && !isASCII(n.body):
		charset = Untyped
	}
	cte := ""
	if e, plain, _ := grammar.TransferEncoding(orIdentity(n.cte)); !plain || e != grammar.Identity {
		cte = n.cte
	}
	if exact != nil {
		return Component{Reading: AsOctets, content: append(octetsHead(digested+cte, charset, sha256.Size), exact.remember()...)}
	}
	return Component{Reading: AsOctets, content: joinOctets(cte, charset, withoutEnd(n.body, charset))}
}

// plainLines reports whether a decoded text is lines and nothing else. With what is not counts its
// encoding, since programs show it by that: CRs inside of lines and NULs, and what looks like a
// file or parts, before decoding or behind it.
func (r *bodyReader) plainLines(n *node, octets []byte) bool {
	return !hasBareCR(octets) && bytes.IndexByte(octets, 0) < 0 &&
		(r.identity(n) || !grammar.Packed(n.body)) && !grammar.Packed(octets) && !grammar.Enclosed(octets)
}

// flowed reports whether lines of a text flow on (RFC 3676).
func (n *node) flowed() bool {
	return n.kind == "text/plain" && strings.EqualFold(n.media.Get("format"), "flowed")
}

// Untyped is the charset of text that is not ASCII where there is no Content-Type: some programs
// guess another then than where there is one without a charset. No charset is called so.
const Untyped = "\x00"

// What stands before the name of an encoding where the octets are not those that it made of them.
// No field's value begins so.
const decoded, digested, hashed = " ", "  ", "   "

// encodingOf is the transfer encoding of a text that was decoded, where that is one and a program
// may take it for a sign of what octets are that do not fit their charset; else empty.
func (r *bodyReader) encodingOf(n *node, charset string, lines []byte) string {
	if r.identity(n) || grammar.Known(charset) && !modal(charset) || isASCII(lines) {
		return ""
	}
	return decoded + strings.ToLower(n.cte)
}

// withLenient adds what a text would be if no CR stood alone before a line end of it, as some
// filters leave them, or encode them, and no white space behind an encoding that is none, as others
// pad it.
func (r *bodyReader) withLenient(n *node, octets []byte, ok bool, c Component) Component {
	clean := *n
	switch alone := []byte("\r\r\n"); {
	case len(n.body) > maxText:
		return c
	case isPaddedIdentity(n.cte):
		clean.cte = ""
		octets, ok = r.decoded(&clean, !n.flowed())
	case bytes.Contains(n.body, alone):
		clean.body = unixLines(n.body)
		octets, ok = r.decoded(&clean, !n.flowed())
	case ok && bytes.Contains(octets, alone):
		octets = unixLines(octets)
	default:
		return c
	}
	if without := r.textContent(&clean, octets, ok, nil); without.Reading == Canonical {
		c.Lenient = without.content
	}
	return c
}

// isPaddedIdentity reports whether a transfer encoding is identity, but for white space around it.
func isPaddedIdentity(cte string) bool {
	name := strings.TrimRight(cte, " ")
	e, _, ok := grammar.TransferEncoding(name)
	return ok && e == grammar.Identity && name != cte
}

// joinOctets is the content of what programs may read differently: transfer encoding and charset as
// they stand there, one a line, and the octets with LF line ends; of more than maxText their
// SHA-256.
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
