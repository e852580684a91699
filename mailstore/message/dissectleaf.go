package message

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"cairn/mailstore/message/grammar"
)

// decoded undoes a leaf's transfer encoding. ok is false outside the grammar; of text white space
// at line ends is inside, since it does not count there, unless it says which lines flow on.
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
		r.looseQuoted(lower)
		return octets, ok && (text || !padded)
	}
	return n.body, true
}

func (r *bodyReader) looseQuoted(lower bool) {
	if lower {
		r.loose("quoted-printable with lower-case digits")
	}
}

// attachment takes any other leaf.
func (r *bodyReader) attachment(n *node, leaf *Leaf) {
	leaf.Index = uint16(len(r.contents[Attachment]))
	c, exact := r.attachmentContent(n, leaf)
	r.contents[Attachment] = append(r.contents[Attachment], c)
	r.contents[AttachmentOctets] = append(r.contents[AttachmentOctets], exact)
	name := Component{Reading: Canonical, content: []byte(n.names), OtherFolds: n.otherFolds()}
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
	text := strings.HasPrefix(n.kind, "text/")
	var octets []byte
	long, ok := r.largeAttachment(n)
	if ok && (long == nil || !long.large.isLong(text)) {
		octets, ok = r.decoded(n, false)
		long = nil
	}
	switch {
	case !ok || n.media.Get("boundary") != "": // some programs see parts in it
		charset := ""
		if text { // the layout has none of it
			charset = r.rawCharset(n, strings.ToLower(n.media.Get("charset")))
		}
		return Component{Reading: AsOctets, content: joinOctets(n.cte, charset, n.body)}, Component{Reading: Canonical}
	case long != nil && text:
		return r.longText(n, long), *long
	case long != nil:
		return *long, Component{Reading: Canonical}
	}
	exact = Component{Reading: Canonical, content: octets}
	if text {
		return r.textContent(n, octets, ok, &exact), exact
	}
	// Lines under another type (signatures, keys, reports): a relay that turns them into base64
	// gives them one line end or the other.
	if mayBeLines(len(octets), bytes.Count(octets, []byte("\r"))) && utf8.Valid(octets) && bytes.IndexByte(octets, 0) < 0 {
		return Component{Reading: Canonical, content: bytes.TrimRight(unixEnds(octets), "\n")}, exact
	}
	return exact, Component{Reading: Canonical}
}

func (r *bodyReader) identity(n *node) bool {
	e, _, ok := grammar.TransferEncoding(orIdentity(n.cte))
	return ok && e == grammar.Identity
}

var charsetPattern = regexp.MustCompile(`^\s*=\s*["']?([a-z0-9_.:-]{1,40})`)

// metaCharset is the charset that HTML names in a <meta> of its first kilooctet, line ends being
// one, at most 200 octets behind that, as browsers look for it.
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
