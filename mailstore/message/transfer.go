package message

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
)

// decodeTransfer undoes a Content-Transfer-Encoding (RFC 2045, section 6). An unknown one leaves
// the bytes as they are, with LF line ends.
func decodeTransfer(encoding string, b []byte) []byte {
	switch encodingName(encoding) {
	case "base64":
		return decodeBase64(b)
	case "quoted-printable":
		return decodeQuoted(b)
	}
	return unixLines(b)
}

func encodingName(value string) string { return strings.ToLower(collapse(value)) }

var base64Value = func() (table [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		table[c] = true
	}
	return table
}()

// decodeBase64 decodes all of b. Bytes outside the alphabet are passed over (RFC 2045, section
// 6.8); padding ends a run, and what follows it is decoded as a new run, so that nothing a mail
// program may show stays unread.
func decodeBase64(b []byte) []byte {
	out := make([]byte, base64.StdEncoding.DecodedLen(len(b))+2)
	n := 0
	var quantum [4]byte
	have := 0
	for i := 0; i < len(b); {
		if have == 0 { // whole quanta of clean input in one go
			run := i
			for run < len(b) && base64Value[b[run]] {
				run++
			}
			if run -= (run - i) % 4; run > i {
				written, _ := base64.StdEncoding.Decode(out[n:], b[i:run])
				n += written
				i = run
				continue
			}
		}
		c := b[i]
		i++
		if base64Value[c] {
			quantum[have] = c
			have++
		}
		if have == 4 || c == '=' {
			n += decodeQuantum(out[n:], quantum[:have])
			have = 0
		}
	}
	n += decodeQuantum(out[n:], quantum[:have])
	return out[:n]
}

// base64Size is the length of what decodeBase64 returns.
func base64Size(b []byte) int {
	size, run := 0, 0
	for _, c := range b {
		if base64Value[c] {
			run++
		} else if c == '=' {
			size += base64.RawStdEncoding.DecodedLen(run)
			run = 0
		}
	}
	return size + base64.RawStdEncoding.DecodedLen(run)
}

// paddingInside reports whether padding stands before the end of base64 text, and how many bytes go
// before the first. Some mail programs stop there.
func paddingInside(b []byte) (before int, inside bool) {
	pad := bytes.IndexByte(b, '=')
	if pad < 0 || !slices.ContainsFunc(b[pad:], isBase64) {
		return 0, false
	}
	for _, c := range b[:pad] {
		if isBase64(c) {
			before++
		}
	}
	return before * 3 / 4, true
}

func isBase64(c byte) bool { return base64Value[c] }

// decodeQuantum decodes up to four characters without padding; one alone carries no byte.
func decodeQuantum(out, chars []byte) int {
	if len(chars) < 2 {
		return 0
	}
	n, _ := base64.RawStdEncoding.Decode(out, chars)
	return n
}

// decodeQuoted decodes quoted-printable into lines with LF. White space at line ends is transport
// padding (RFC 2045, section 6.7, rule 3); an "=" that starts no code stands for itself.
func decodeQuoted(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		newline := bytes.IndexByte(b, '\n') >= 0
		line, rest := cutLine(b)
		line = bytes.TrimRight(line, " \t\r")
		soft := bytes.HasSuffix(line, []byte("="))
		if soft {
			line = line[:len(line)-1]
		} else if !newline {
			line = b // no line end: white space is content, as in an encoded word
		}
		out = appendQuoted(out, line)
		if newline && !soft {
			out = append(out, '\n')
		}
		b = rest
	}
	return out
}

func appendQuoted(out, line []byte) []byte {
	for {
		i := bytes.IndexByte(line, '=')
		if i < 0 {
			return append(out, line...)
		}
		out = append(out, line[:i]...)
		if i+2 < len(line) {
			high, low := hexValue(line[i+1]), hexValue(line[i+2])
			if high < 16 && low < 16 {
				out = append(out, high<<4|low)
				line = line[i+3:]
				continue
			}
		}
		out = append(out, '=')
		line = line[i+1:]
	}
}

// hexValue returns 16 for what is no hex digit.
func hexValue(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 16
}
