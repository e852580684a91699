package grammar

import "bytes"

// Packed reports whether text holds what some programs take for a file of its own: uuencode (a line
// "begin 644 name", or "begin" and two spaces), its base64 variant, yEnc ("=ybegin ") or BinHex.
// Letter case and white space at the start of the line do not count.
func Packed(text []byte) bool {
	for at := 0; ; {
		i := nextMark(text[at:])
		if i < 0 {
			return false
		}
		at += i
		start := at
		for start > 0 && isBlank(text[start-1]) {
			start--
		}
		if (start == 0 || text[start-1] == '\n' || text[start-1] == '\r') && isPacked(text[at:]) {
			return true
		}
		at++
	}
}

// Enclosed reports whether text holds what some programs take for parts although its type has none: a
// line that begins like a boundary line, and below it a Content field.
func Enclosed(text []byte) bool {
	for at := 0; ; {
		i := lineWith(text, []byte("--"), at)
		if i < 0 {
			return false
		}
		_, below := CutLine(text[i:])
		const field = "content-"
		if len(below) >= len(field) && bytes.EqualFold(below[:len(field)], []byte(field)) {
			return true
		}
		at = len(text) - len(below)
	}
}

// nextMark returns where the next "begin", "=y" or "(Th" is, in any letter case.
func nextMark(b []byte) int {
	for i := 0; i+2 < len(b); i++ {
		switch b[i] {
		case 'b', 'B':
			if b[i+1]|0x20 == 'e' && b[i+2]|0x20 == 'g' {
				return i
			}
		case '=':
			if b[i+1]|0x20 == 'y' {
				return i
			}
		case '(':
			if b[i+1]|0x20 == 't' && b[i+2]|0x20 == 'h' {
				return i
			}
		}
	}
	return -1
}

func isPacked(line []byte) bool {
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
