package grammar

import (
	"bytes"
	"strings"
)

// maxEncodedLine is the longest line of base64 and quoted-printable. RFC 2045 has 76, but much
// honest mail goes a little beyond, and programs read it alike.
const maxEncodedLine = MaxLine

// Encoding is a Content-Transfer-Encoding (RFC 2045, section 6).
type Encoding uint8

// The encodings. Identity stands for 7bit, 8bit and binary, which mean the same octets.
const (
	Identity Encoding = iota
	QuotedPrintable
	Base64Encoding
)

// TransferEncoding reads the value of a Content-Transfer-Encoding field: one of the five names.
// With white space around it, some programs decode nothing: it is no name then. What follows a
// semicolon is passed over; plain is false then, since some programs do not.
func TransferEncoding(value string) (e Encoding, plain, ok bool) {
	name, _, tail := strings.Cut(value, ";")
	if tail {
		name = strings.TrimRight(name, " \t")
	}
	switch strings.ToLower(name) {
	case "7bit", "8bit", "binary":
		return Identity, !tail, true
	case "quoted-printable":
		return QuotedPrintable, !tail, true
	case "base64":
		return Base64Encoding, !tail, true
	}
	return Identity, false, false
}

// Base64 decodes a body in base64: lines of the alphabet, each of whole groups of four, since some
// programs decode line by line; padding at the end only. Empty lines may follow. Bits that padding
// leaves over count for nothing.
func Base64(b []byte) ([]byte, bool) {
	b = trimLineEnds(b)
	if !base64Lines(b) { // before there is room for what it decodes to
		return nil, false
	}
	out, n := make([]byte, len(b)/4*3), 0
	for len(b) > 0 {
		line, rest := CutLine(b)
		got, ok := putLine(out[n:], line, len(rest) == 0)
		if !ok {
			return nil, false
		}
		b, n = rest, n+got
	}
	return out[:n], true
}

// Base64Pieces is Base64 for what is too long to be held decoded: each gets it piece by piece, and
// may not keep a piece. Where ok is false, what it got counts for nothing.
func Base64Pieces(b []byte, each func(piece []byte)) (ok bool) {
	b = trimLineEnds(b)
	if !base64Lines(b) {
		return false
	}
	out, n := make([]byte, pieceSize), 0
	for len(b) > 0 {
		line, rest := CutLine(b)
		got, ok := putLine(out[n:], line, len(rest) == 0)
		if !ok {
			return false
		}
		if b, n = rest, n+got; len(out)-n < maxEncodedLine {
			each(out[:n])
			n = 0
		}
	}
	each(out[:n])
	return true
}

// pieceSize is the room for a piece of Base64Pieces and QuotedPieces, in octets.
const pieceSize = 32 << 10

// putLine writes the n octets that a line of base64Lines stands for into out, which has room for
// them. Padding is at the end of the last line only.
func putLine(out, line []byte, last bool) (n int, ok bool) {
	end, padding := [4]byte(line[len(line)-4:]), 0
	if last && end[3] == '=' {
		line, end[3], padding = line[:len(line)-4], 'A', 1
		if end[2] == '=' {
			end[2], padding = 'A', 2
		}
	}
	if !putGroups(out, line) {
		return 0, false
	}
	n = len(line) / 4 * 3
	if padding == 0 {
		return n, true
	}
	if !putGroups(out[n:], end[:]) {
		return 0, false
	}
	return n + 3 - padding, true
}

// base64Lines reports whether every line is as long as one of base64 may be.
func base64Lines(b []byte) bool {
	for len(b) > 0 {
		var line []byte
		line, b = CutLine(b)
		if len(line)%4 != 0 || len(line) == 0 || len(line) > maxEncodedLine {
			return false
		}
	}
	return true
}

// putGroups writes what groups of four characters of base64 stand for into out, which has room for
// it; false if one is not of the alphabet.
func putGroups(out, b []byte) bool {
	all := uint32(0)
	for ; len(b) >= 4 && len(out) >= 3; b, out = b[4:], out[3:] {
		group := base64Values[0][b[0]] | base64Values[1][b[1]] | base64Values[2][b[2]] | base64Values[3][b[3]]
		all |= group
		out[0], out[1], out[2] = byte(group>>16), byte(group>>8), byte(group)
	}
	return all <= 0xffffff
}

// base64Values are what a character stands for in each place of a group, with the highest bit set
// for what is none.
var base64Values = func() (values [4][256]uint32) {
	for place := range values {
		for c := range values[place] {
			values[place][c] = 1 << 31
		}
		for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
			values[place][c] = uint32(i) << (18 - 6*place)
		}
	}
	return values
}()

// Quoted decodes a body in quoted-printable: printable ASCII and tabs, right escapes, lines of at
// most 998 characters. Line ends of the result are CRLF. padded says that there is white space at
// line ends, which some programs drop (RFC 2045, section 6.7, rule 3), lower that there are
// hexadecimal digits in lower case, which some decode wrongly (rule 1).
func Quoted(b []byte) (octets []byte, padded, lower, ok bool) {
	out, n := make([]byte, len(b)+bytes.Count(b, []byte("\n"))), 0
	q := quoted{rest: b}
	for len(q.rest) > 0 {
		got, ok := q.line(out[n:])
		if !ok {
			return nil, false, false, false
		}
		n += got
	}
	return out[:n], q.padded, q.lower, true
}

// QuotedPieces is to Quoted what Base64Pieces is to Base64.
func QuotedPieces(b []byte, each func(piece []byte)) (padded, lower, ok bool) {
	out, n := make([]byte, pieceSize), 0
	q := quoted{rest: b}
	for len(q.rest) > 0 {
		got, ok := q.line(out[n:])
		if !ok {
			return false, false, false
		}
		if n += got; len(out)-n < maxEncodedLine+len("\r\n") {
			each(out[:n])
			n = 0
		}
	}
	each(out[:n])
	return q.padded, q.lower, true
}

// quoted is a body in quoted-printable that is read line by line, see Quoted.
type quoted struct {
	rest          []byte
	padded, lower bool
}

// line writes what the next line stands for, with its end, into out, which has room for it.
func (q *quoted) line(out []byte) (n int, ok bool) {
	line, rest := CutLine(q.rest)
	ended := len(line) < len(q.rest)
	q.rest = rest
	if len(line) > maxEncodedLine {
		return 0, false
	}
	soft := ended && len(line) > 0 && line[len(line)-1] == '='
	if soft {
		line = line[:len(line)-1]
	} else if len(line) > 0 && isBlank(line[len(line)-1]) {
		q.padded = true
	}
	for len(line) > 0 {
		c := line[0]
		switch {
		case quotedPlain[c]:
			line = line[1:]
		case c == '=' && len(line) > 2:
			high, low := line[1], line[2]
			if c, ok = unhex(high, low); !ok {
				return 0, false
			}
			q.lower = q.lower || high >= 'a' || low >= 'a'
			line = line[3:]
		default:
			return 0, false
		}
		out[n] = c
		n++
	}
	if ended && !soft {
		n += copy(out[n:], "\r\n")
	}
	return n, true
}

// quotedPlain are the octets that stand for themselves in quoted-printable.
var quotedPlain = func() (plain [256]bool) {
	for c := range plain {
		plain[c] = c == '\t' || ' ' <= c && c <= '~' && c != '='
	}
	return plain
}()

func trimLineEnds(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
		if len(b) > 0 && b[len(b)-1] == '\r' {
			b = b[:len(b)-1]
		}
	}
	return b
}
