package message

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// room bounds the header sections of a message and its parts, together: each field costs many times
// its bytes. What is beyond is one stray line.
type room struct{ lines, bytes int }

// maxHeaders is far above what mail has; gateways refuse less.
var maxHeaders = room{lines: 16 << 10, bytes: 1 << 20}

// take reports whether there is room for a line of so many bytes, and takes it.
func (r *room) take(size int) bool {
	r.lines--
	r.bytes -= size
	return r.lines >= 0 && r.bytes >= 0
}

// entity is a message or a part of one.
type entity struct {
	header header
	stray  []string // lines of the header that not every mail program takes for a part of it, canonical
	body   []byte   // still transfer-encoded, with line ends as they came: a large one is not copied
	room   *room    // for the headers of its parts
}

// readMessage splits a message. A byte order mark or an mbox "From " line in front belongs to the
// file that it was in.
func readMessage(raw []byte) entity {
	r := maxHeaders
	return readEntity(WithoutMboxLine(raw), &r)
}

// readEntity splits an entity. Lines that are no header fields are no part of the header; they are
// kept as stray.
func readEntity(b []byte, r *room) entity {
	head, body := cutHeader(b)
	block, stray := headerBlock(unixLines(head), r)
	return entity{header: readHeader(block), stray: stray, body: body, room: r}
}

// cutHeader returns b up to and with its first empty line, and what follows that.
func cutHeader(b []byte) (head, body []byte) {
	for rest := b; ; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			return b, nil
		}
		empty := len(bytes.TrimRight(rest[:i], "\r")) == 0
		if rest = rest[i+1:]; empty {
			return b[:len(b)-len(rest)], rest
		}
	}
}

// headerBlock returns the clean header fields of b, which has LF line ends and at most its last
// line empty, and the stray lines among them. A field with white space before its colon counts and
// is stray too: there some mail programs see the start of the body.
func headerBlock(b []byte, r *room) (block []byte, stray []string) {
	rest := b
	clean, keep, odd := []byte(nil), false, true // keep and odd: the field that a folded line goes on
	for len(rest) > 0 {
		line, next := cutLine(rest)
		if len(line) == 0 {
			block = b[:len(b)-len(rest)]
			break
		}
		if !r.take(len(line)) {
			block = b[:len(b)-len(rest)]
			rest, _, _ = bytes.Cut(rest, []byte("\n\n"))
			stray = append(stray, fmt.Sprintf("beyond all bounds: %x", sha256.Sum256(rest)))
			break
		}
		if !isBlank(line[0]) {
			keep = isField(line)
			odd = !keep || isBlank(line[bytes.IndexByte(line, ':')-1])
		}
		if odd {
			if text := plain(string(line)); text != "" {
				stray = append(stray, text)
			}
		}
		switch {
		case keep && clean != nil:
			clean = append(append(clean, line...), '\n')
		case !keep && clean == nil: // from here on a copy is needed
			clean = append(make([]byte, 0, len(rest)+64), b[:len(b)-len(rest)]...)
		}
		rest = next
		block = b[:len(b)-len(rest)]
	}
	if clean != nil {
		block = clean
	}
	return block, stray
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// isField reports whether line starts a header field (RFC 5322, section 2.2), white space before
// the colon allowed.
func isField(line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return false
	}
	name := bytes.TrimRight(line[:colon], " \t")
	for _, c := range name {
		if c < 33 || c > 126 {
			return false
		}
	}
	return len(name) > 0
}

// phrase is the canonical form of words that people read: encoded words decoded, NFC, white space
// collapsed.
func phrase(s string) string {
	if isASCII([]byte(s)) && !strings.Contains(s, "=?") {
		return collapse(s)
	}
	return collapse(norm.NFC.String(decodeWords(s)))
}

// plain is the canonical form of values that take no encoded words: UTF-8, white space collapsed.
func plain(s string) string { return collapse(string(decodeCharset("", []byte(s)))) }

// collapse turns each run of white space into one space and drops it at both ends.
func collapse(s string) string {
	blank := true // before
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf || c < ' ' || c == ' ' && blank {
			return strings.Join(strings.Fields(s), " ")
		}
		blank = c == ' '
	}
	return strings.TrimSuffix(s, " ")
}
