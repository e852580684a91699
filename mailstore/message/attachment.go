package message

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// canonical returns the canonical content of an attachment: text as canonical text, an embedded
// message as a digest of its own components, else the decoded bytes.
func (p *part) canonical() []byte {
	switch {
	case p.kind == "message/rfc822" || p.kind == "message/global":
		if p.depth < maxDepth {
			return embedded(p.decoded(), p.depth+1)
		}
	case strings.HasPrefix(p.kind, "text/"):
		return p.text()
	}
	b := p.decoded()
	if utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 {
		// Lines of text under another type (signatures, keys, reports): when a relay turns 7bit
		// into base64, it fixes one line end or the other, and the last one may stay behind as the
		// boundary's.
		return bytes.TrimRight(unixLines(b), "\n")
	}
	return b
}

// embedded returns a line-independent digest list of a message inside the message: type, index and
// SHA-256 of each of its components, so that what an honest relay does to the inner parts changes
// nothing.
func embedded(raw []byte, depth int) []byte {
	var out []byte
	for _, c := range componentsOf(readMessage(bytes.TrimLeft(raw, "\r\n")), depth).list() {
		hash := sha256.Sum256(c.content)
		out = append(out, byte(c.Type))
		out = binary.BigEndian.AppendUint16(out, c.Index)
		out = append(out, hash[:]...)
	}
	return out
}
