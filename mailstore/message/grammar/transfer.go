package grammar

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// maxEncodedLine is the longest line of base64 and quoted-printable. RFC 2045 has 76, but much honest
// mail goes a little beyond, and programs read it alike.
const maxEncodedLine = MaxLine

// Encoding is a Content-Transfer-Encoding (RFC 2045, section 6).
type Encoding uint8

// The encodings. Identity stands for 7bit, 8bit and binary, which mean the same octets.
const (
	Identity Encoding = iota
	QuotedPrintable
	Base64Encoding
)

// TransferEncoding reads the value of a Content-Transfer-Encoding field: one of the five names. With
// white space around it, some programs decode nothing: it is no name then. What follows a semicolon
// is passed over; plain is false then, since some programs do not.
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

// Base64 decodes a body in base64: lines of the alphabet, each but the last of whole groups of four,
// since some programs decode line by line; padding at the end only. Empty lines may follow. Bits that padding leaves over count for nothing.
func Base64(b []byte) ([]byte, bool) {
	b = trimLineEnds(b)
	out, n := make([]byte, base64.StdEncoding.DecodedLen(len(b))), 0
	for rest := b; len(rest) > 0; {
		var line []byte
		line, rest = CutLine(rest)
		if len(line)%4 != 0 || len(line) == 0 || len(line) > maxEncodedLine {
			return joinedBase64(b)
		}
		got, err := base64.StdEncoding.Decode(out[n:], line)
		padding := len(line) - len(bytes.TrimRight(line, "="))
		if err != nil || got != len(line)/4*3-padding || padding > 0 && len(rest) > 0 { // the decoder passes over a CR
			return nil, false
		}
		n += got
	}
	return out[:n], true
}

// joinedBase64 is Base64 for lines that end inside of a group of four characters.
func joinedBase64(b []byte) ([]byte, bool) {
	clean := make([]byte, 0, len(b))
	for len(b) > 0 {
		var line []byte
		line, b = CutLine(b)
		if len(line) == 0 || len(line) > maxEncodedLine || len(line)%4 != 0 && len(b) > 0 {
			return nil, false
		}
		clean = append(clean, line...)
	}
	return decodeBase64(clean)
}

// decodeBase64 decodes characters of base64 without line ends, in their own memory.
func decodeBase64(clean []byte) ([]byte, bool) {
	if bytes.IndexByte(clean, '\r') >= 0 || bytes.IndexByte(clean, '\n') >= 0 { // the decoder would pass over them
		return nil, false
	}
	n, err := base64.StdEncoding.Decode(clean, clean)
	return clean[:n], err == nil
}

// Quoted decodes a body in quoted-printable: printable ASCII and tabs, right escapes, lines of at
// most 998 characters. Line ends of the result are CRLF. padded says that there is white space at
// line ends, which some programs drop (RFC 2045, section 6.7, rule 3), lower that there are
// hexadecimal digits in lower case, which some decode wrongly (rule 1).
func Quoted(b []byte) (octets []byte, padded, lower, ok bool) {
	out, n := make([]byte, len(b)+bytes.Count(b, []byte("\n"))), 0
	for len(b) > 0 {
		ended := bytes.IndexByte(b, '\n') >= 0
		line, rest := CutLine(b)
		b = rest
		if len(line) > maxEncodedLine {
			return nil, false, false, false
		}
		soft := false
		for i := 0; i < len(line); i++ {
			c := line[i]
			if c == '=' && i == len(line)-1 {
				soft = true
				break
			}
			if c == '=' && i+2 < len(line) {
				lower = lower || line[i+1] >= 'a' || line[i+2] >= 'a'
				if c, ok = unhex(line[i+1], line[i+2]); !ok {
					return nil, false, false, false
				}
				i += 2
			} else if !isQuotedPlain(c) {
				return nil, false, false, false
			}
			out[n] = c
			n++
		}
		if soft && !ended {
			return nil, false, false, false
		}
		padded = padded || len(line) > 0 && isBlank(line[len(line)-1])
		if ended && !soft {
			n += copy(out[n:], "\r\n")
		}
	}
	return out[:n], padded, lower, true
}

// isQuotedPlain reports whether an octet stands for itself in quoted-printable.
func isQuotedPlain(c byte) bool { return c == '\t' || ' ' <= c && c <= '~' && c != '=' }

func trimLineEnds(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
		if len(b) > 0 && b[len(b)-1] == '\r' {
			b = b[:len(b)-1]
		}
	}
	return b
}
