package grammar

import "bytes"

// Pieces is a multipart body cut at its boundary lines (RFC 2046, section 5.1.1).
type Pieces struct {
	Preamble, Epilogue []byte
	Parts              [][]byte // without the line end that belongs to the boundary
	Open               bool     // the last boundary line is not there: the last part ends with the body
	Padded             []int    // the boundary lines, from 0, with white space behind the boundary
}

// Boundary reports whether s is a boundary of RFC 2046 without a space or an apostrophe.
func Boundary(s string) bool {
	if s == "" || len(s) > 70 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && bytes.IndexByte([]byte(`()+_,-./:=?`), c) < 0 {
			return false
		}
	}
	return true
}

// Split cuts a multipart body. Every line that begins with two hyphens and the boundary, in
// whatever letter case and behind a bare CR too, has to be a boundary line, with nothing but white
// space behind it, and no line of preamble or epilogue may begin with two hyphens. At most limit
// parts are cut.
func Split(body []byte, boundary string, limit int) (p Pieces, ok bool) {
	if !Boundary(boundary) {
		return p, false
	}
	delimiter := []byte("--" + boundary)
	start, closed := -1, false // of the part that is open
	for at := 0; !closed; {
		i := lineWith(body, delimiter, at)
		if i < 0 {
			return p.unclosed(body, start, delimiter)
		}
		end := beforeLine(body, i)
		if start < 0 {
			p.Preamble = body[:end]
		} else {
			if len(p.Parts) == limit {
				return p, false
			}
			p.Parts = append(p.Parts, body[start:max(start, end)])
		}
		line, rest := CutLine(body[i:])
		line = line[len(delimiter):]
		bare := bytes.TrimRight(line, " \t")
		if len(bare) < len(line) {
			p.Padded = append(p.Padded, len(p.Parts))
		}
		switch string(bare) {
		case "":
		case "--":
			closed = true
		default:
			return p, false
		}
		at = len(body) - len(rest)
		start = at
	}
	p.Epilogue = body[start:]
	if likeBoundary(p.Preamble) || likeBoundary(p.Epilogue) {
		return p, false
	}
	return p, len(p.Parts) > 0 && !lookAlike(body, delimiter)
}

// unclosed ends a multipart without a last boundary line.
func (p Pieces) unclosed(body []byte, start int, delimiter []byte) (Pieces, bool) {
	if start < 0 || len(bytes.TrimSpace(body[start:])) == 0 {
		return p, false
	}
	p.Parts, p.Open = append(p.Parts, body[start:]), true
	return p, !likeBoundary(p.Preamble) && !lookAlike(body, delimiter)
}

// likeBoundary reports whether a line looks like a boundary line: two hyphens and something behind
// them. Two hyphens alone set off a signature.
func likeBoundary(text []byte) bool {
	for at := 0; ; {
		i := lineWith(text, []byte("--"), at)
		if i < 0 {
			return false
		}
		line, _ := CutLine(text[i:])
		if len(bytes.TrimRight(line[2:], " \t")) > 0 {
			return true
		}
		at = i + 2
	}
}

// lookAlike reports whether a line begins like a boundary line but for letter case, or what would
// be a boundary line stands behind a bare CR, at which some programs end lines.
func lookAlike(body, delimiter []byte) bool {
	alike := func(at int) bool {
		return bytes.EqualFold(body[at:min(len(body), at+len(delimiter))], delimiter)
	}
	other := func(at int) bool { return alike(at) && !bytes.HasPrefix(body[at:], delimiter) }
	return other(0) || anyBehind(body, "\n--", other) || anyBehind(body, "\r--", alike)
}

// anyBehind reports whether is holds of the place behind the first octet of any mark in body.
func anyBehind(body []byte, mark string, is func(at int) bool) bool {
	for at := 0; ; {
		i := bytes.Index(body[at:], []byte(mark))
		if i < 0 {
			return false
		}
		at += i + 1
		if is(at) {
			return true
		}
	}
}

// lineWith returns where the next line begins that starts with prefix, at or behind at; -1 if none
// does. at is the start of a line.
func lineWith(body, prefix []byte, at int) int {
	if bytes.HasPrefix(body[at:], prefix) {
		return at
	}
	i := bytes.Index(body[at:], append([]byte{'\n'}, prefix...)) // with the LF, or hyphens would match everywhere
	if i < 0 {
		return -1
	}
	return at + i + 1
}

// beforeLine is where what stands before the line at i ends, without its line end.
func beforeLine(body []byte, i int) int {
	if i > 0 && body[i-1] == '\n' {
		i--
		if i > 0 && body[i-1] == '\r' {
			i--
		}
	}
	return i
}
