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
	header     gomessage.Header
	kind       string // media type, lower case
	params     map[string]string
	name       string // canonical file name, may be empty
	attachment bool   // Content-Disposition says so
	body       []byte // still transfer-encoded, LF line ends
	depth      int
}

// leaves returns the leaf parts of an entity in their order. Multiparts deeper than maxDepth, or without boundary lines, are leaves themselves.
func leaves(header gomessage.Header, body []byte, fallback string, depth int, found []part) []part {
	kind, params := contentType(header, fallback)
	if strings.HasPrefix(kind, "multipart/") {
		var pieces [][]byte
		if depth < maxDepth && len(found) < maxParts {
			pieces = splitMultipart(body, params["boundary"], maxParts-len(found))
		}
		if pieces != nil {
			child := "text/plain"
			if kind == "multipart/digest" { // RFC 2046, section 5.1.5
				child = "message/rfc822"
			}
			for _, piece := range pieces {
				partHeader, partBody := readHeader(piece)
				found = leaves(partHeader, partBody, child, depth+1, found)
			}
			return found
		}
		if depth < maxDepth {
			kind = "text/plain" // people see it so
		} else {
			kind = "application/octet-stream"
		}
	}
	p := part{header: header, kind: kind, params: params, body: body, depth: depth}
	disposition, dispositionParams := mediaType(header.Get("Content-Disposition"))
	p.attachment = disposition == "attachment"
	p.name = partName(header, dispositionParams, params)
	return append(found, p)
}

// inline returns Text or HTML for a part that is shown as the message's body, Attachment for any other.
func (p *part) inline() Type {
	switch {
	case p.attachment || p.name != "":
		return Attachment
	case p.kind == "text/plain":
		return Text
	case p.kind == "text/html":
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
