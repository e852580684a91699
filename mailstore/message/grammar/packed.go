package grammar

import (
	"bytes"
	"encoding/binary"
)

// Packed reports whether text holds what some programs take for a file of its own: uuencode (a line
// "begin 644 name", or "begin" and two spaces), its base64 variant, yEnc ("=ybegin ") or BinHex.
// Letter case and white space at the start of the line do not count.
func Packed(text []byte) bool {
	for len(text) > 0 {
		line, below, _ := bytes.Cut(text, []byte("\n"))
		for len(line) > 0 {
			var behind []byte
			if i := bytes.IndexByte(line, '\r'); i >= 0 {
				line, behind = line[:i], line[i+1:]
			}
			if isPacked(withoutIndent(line)) {
				return true
			}
			line = behind
		}
		text = below
	}
	return false
}

// withoutIndent is a line without the white space at its start.
func withoutIndent(line []byte) []byte {
	line = skipSpaces(line)
	for len(line) > 0 && isBlank(line[0]) {
		line = line[1:]
	}
	return line
}

// skipSpaces leaves out spaces at the start, eight at a time: there may be a lot.
func skipSpaces(b []byte) []byte {
	const spaces = 0x2020202020202020
	for len(b) >= 8 && binary.LittleEndian.Uint64(b) == spaces {
		b = b[8:]
	}
	return b
}

// Enclosed reports whether text holds what some programs take for parts although its type has none:
// a line that begins like a boundary line, and below it a Content field.
func Enclosed(text []byte) bool {
	for line := text; ; {
		if !bytes.HasPrefix(line, hyphens) {
			i := bytes.Index(line, []byte("\n--"))
			if i < 0 {
				return false
			}
			line = line[i+1:]
		}
		_, line = CutLine(line)
		const field = "content-"
		if len(line) >= len(field) && bytes.EqualFold(line[:len(field)], []byte(field)) {
			return true
		}
	}
}

func isPacked(line []byte) bool {
	if len(line) == 0 || line[0]|0x20 != 'b' && line[0] != '=' && line[0] != '(' {
		return false
	}
	for _, mark := range []string{
		"=ybegin ", "begin-base64 ", "begin  ", "(this file must be converted",
	} {
		if len(line) >= len(mark) && bytes.EqualFold(line[:len(mark)], []byte(mark)) {
			return true
		}
	}
	const begin = "begin"
	return len(line) > len(begin) && bytes.EqualFold(line[:len(begin)], []byte(begin)) &&
		isBlank(line[len(begin)]) && isMode(line[len(begin)+1:])
}

// isMode reports whether b starts with three or four octal digits and white space.
func isMode(b []byte) bool {
	n := 0
	for n < len(b) && '0' <= b[n] && b[n] <= '7' {
		n++
	}
	return (n == 3 || n == 4) && n < len(b) && isBlank(b[n])
}
