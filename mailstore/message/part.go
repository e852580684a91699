package message

import (
	"strings"

	gomessage "github.com/emersion/go-message"
)

const (
	maxDepth = 16   // of nested multiparts and embedded messages
	maxParts = 1024 // leaves of one message
)

// part is a leaf of the MIME tree.
type part struct {
	header gomessage.Header
	kind   string // media type, lower case
	params map[string]string
	name   string // canonical file name, may be empty
	marked bool   // as an attachment, by Content-Disposition
	role   Type   // Text, HTML or Attachment
	body   []byte // still transfer-encoded, LF line ends
	depth  int
}

// shown keeps track of which bodies a mail program shows. Of the parts of a multipart/alternative or related it shows one text or HTML, so only the
// first of each counts as the body; were more counted, wrapping the author's text and a foreign one into an alternative would hide the former and
// look like a footer.
type shown struct {
	single        bool    // one of each kind at most
	blocked, seen [2]bool // text, HTML
}

// inside returns the state for the parts of a multipart.
func (s *shown) inside(kind string) *shown {
	child := &shown{single: kind == "multipart/alternative" || kind == "multipart/related"}
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

// leaves returns the leaf parts of an entity in their order.
func leaves(header gomessage.Header, body []byte, depth int) []part {
	return appendLeaves(nil, header, body, "text/plain", depth, &shown{})
}

// appendLeaves walks one entity. Multiparts deeper than maxDepth, or without boundary lines, are leaves themselves.
func appendLeaves(found []part, header gomessage.Header, body []byte, fallback string, depth int, state *shown) []part {
	kind, params := contentType(header, fallback)
	if strings.HasPrefix(kind, "multipart/") {
		if depth >= maxDepth || len(found) >= maxParts {
			kind = "application/octet-stream"
		} else if pieces := splitMultipart(body, params["boundary"], maxParts-len(found)); pieces != nil {
			child := "text/plain"
			if kind == "multipart/digest" { // RFC 2046, section 5.1.5
				child = "message/rfc822"
			}
			inner := state.inside(kind)
			for _, piece := range pieces {
				partHeader, partBody := readHeader(piece)
				found = appendLeaves(found, partHeader, partBody, child, depth+1, inner)
			}
			state.leave(inner)
			return found
		} else {
			kind = "text/plain" // people see it so
		}
	}
	p := part{header: header, kind: kind, params: params, body: body, depth: depth}
	disposition, dispositionParams := mediaType(header.Get("Content-Disposition"))
	p.marked = disposition == "attachment"
	p.name = partName(header, dispositionParams, params)
	p.role = p.roleIn(state)
	return append(found, p)
}

// roleIn returns Text or HTML for a part that is shown as the message's body, Attachment for any other.
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

// decoded returns the part's bytes without their transfer encoding.
func (p *part) decoded() []byte {
	return decodeTransfer(p.header.Get("Content-Transfer-Encoding"), p.body)
}

// text returns the decoded part as canonical text.
func (p *part) text() []byte { return canonicalText(decodeCharset(p.params["charset"], p.decoded())) }
