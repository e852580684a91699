package message

import (
	"bufio"
	"bytes"
	"strings"

	gomessage "github.com/emersion/go-message"
	"github.com/emersion/go-message/textproto"
	"golang.org/x/text/unicode/norm"
)

// readHeader splits an entity with LF line ends into its header and its body. Lines that are no header fields (mbox "From " lines, garbage) are
// passed over, since go-message's reader would give up there.
func readHeader(b []byte) (gomessage.Header, []byte) {
	block, body := headerBlock(b)
	header, _ := textproto.ReadHeader(bufio.NewReader(bytes.NewReader(block)))
	return gomessage.Header{Header: header}, body
}

// headerBlock returns the clean header fields of b and what follows the first empty line.
func headerBlock(b []byte) (block, body []byte) {
	rest := b
	clean, keep := []byte(nil), false
	for len(rest) > 0 {
		line, next := cutLine(rest)
		if len(line) == 0 {
			block, body = b[:len(b)-len(rest)], next
			break
		}
		folded := line[0] == ' ' || line[0] == '\t'
		good := folded && keep || !folded && isField(line)
		if !folded {
			keep = good
		}
		switch {
		case good && clean != nil:
			clean = append(append(clean, line...), '\n')
		case !good && clean == nil: // from here on a copy is needed
			clean = append(make([]byte, 0, len(rest)+64), b[:len(b)-len(rest)]...)
		}
		rest = next
		block = b[:len(b)-len(rest)]
	}
	if clean != nil {
		block = clean
	}
	return block, body
}

// isField reports whether line starts a header field (RFC 5322, section 2.2), white space before the colon allowed.
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

// values returns the unfolded, undecoded values of all fields of that name, from the top.
func values(h gomessage.Header, name string) []string {
	var all []string
	for fields := h.FieldsByKey(name); fields.Next(); {
		all = append(all, fields.Value())
	}
	return all
}

// phrase is the canonical form of words that people read: encoded words decoded, NFC, white space collapsed.
func phrase(s string) string {
	return collapse(norm.NFC.String(decodeWords(s)))
}

// plain is the canonical form of values that take no encoded words: UTF-8, white space collapsed.
func plain(s string) string { return collapse(string(decodeCharset("", []byte(s)))) }

// collapse turns each run of white space into one space and drops it at both ends.
func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }
