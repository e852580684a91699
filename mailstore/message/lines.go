package message

import (
	"bytes"
	"slices"
)

// unixLines returns b with every line end (CR LF, or several CR before an LF) as a single LF. It
// returns b itself if there is nothing to do, so that mail kept with LF costs no copy.
func unixLines(b []byte) []byte {
	cr := bytes.IndexByte(b, '\r')
	if cr < 0 {
		return b
	}
	out := make([]byte, 0, len(b))
	for {
		out = append(out, b[:cr]...)
		end := cr
		for end < len(b) && b[end] == '\r' {
			end++
		}
		if end == len(b) || b[end] != '\n' {
			out = append(out, b[cr:end]...) // bare CRs are content
		}
		b = b[end:]
		if cr = bytes.IndexByte(b, '\r'); cr < 0 {
			return append(out, b...)
		}
	}
}

// cutLine returns the first line of b without its LF, and the rest.
func cutLine(b []byte) (line, rest []byte) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// cutBlock cuts off whole lines that together fit into a processor's cache. short says that looking
// at each of their octets is faster than searching for line ends.
func cutBlock(b []byte) (block, rest []byte, short bool) {
	const size, shortLines = 64 << 10, 8
	end := min(size, len(b))
	if i := bytes.IndexByte(b[end:], '\n'); i >= 0 {
		end += i + 1
	} else {
		end = len(b)
	}
	block = b[:end]
	return block, b[end:], end < 2*size && bytes.Count(block, []byte("\n"))*shortLines > end
}

// onWire reports whether every line of b that ends does so in CRLF.
func onWire(b []byte) bool {
	for len(b) > 0 {
		block, rest, short := cutBlock(b)
		if short && !onWireShort(block) {
			return false
		}
		for !short {
			i := bytes.IndexByte(block, '\n')
			if i < 0 {
				break
			}
			if i == 0 || block[i-1] != '\r' {
				return false
			}
			block = block[i+1:]
		}
		b = rest
	}
	return true
}

func onWireShort(b []byte) bool {
	last := byte(0)
	for _, c := range b {
		if c == '\n' && last != '\r' {
			return false
		}
		last = c
	}
	return true
}

// WireLines returns b with a CRLF for each LF that has no CR before it. It returns b itself if
// there is nothing to do.
func WireLines(b []byte) []byte {
	if onWire(b) {
		return b
	}
	out := make([]byte, 0, len(b)+bytes.Count(b, []byte("\n"))+2) // room for one more behind all
	return appendLines(out, b, "\r\n", wireShort)
}

// appendLines appends b to out, which has room for it, with end for each LF or CRLF; short does
// that for short lines.
func appendLines(out, b []byte, end string, short func(out, b []byte) []byte) []byte {
	for len(b) > 0 {
		block, rest, areShort := cutBlock(b)
		if areShort {
			out = short(out, block)
		} else {
			out = withEnds(out, block, end)
		}
		b = rest
	}
	return out
}

// wireShort appends WireLines of b to out, which has room for it.
func wireShort(out, b []byte) []byte {
	n, last := len(out), byte(0)
	out = out[:cap(out)]
	for _, c := range b {
		if c == '\n' && last != '\r' {
			out[n] = '\r'
			n++
		}
		out[n] = c
		n++
		last = c
	}
	return out[:n]
}

// unixEnds returns b with LF for each CRLF; a CR anywhere else stays.
func unixEnds(b []byte) []byte {
	if !bytes.Contains(b, []byte("\r\n")) {
		return b
	}
	return appendUnix(make([]byte, 0, len(b)), b)
}

// appendUnix appends unixEnds of b to out.
func appendUnix(out, b []byte) []byte {
	return appendLines(slices.Grow(out, len(b)), b, "\n", unixShort)
}

// unixShort appends unixEnds of b to out, which has room for it.
func unixShort(out, b []byte) []byte {
	n, last := len(out), byte(0)
	out = out[:cap(out)]
	for _, c := range b {
		if c == '\n' && last == '\r' {
			n--
		}
		out[n] = c
		n++
		last = c
	}
	return out[:n]
}

// hasBareCR reports whether a CR stands in b that no LF follows.
func hasBareCR(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '\r')
		if i < 0 || i+1 == len(b) || b[i+1] != '\n' {
			return i >= 0
		}
		b = b[i+2:]
	}
}

// withEnds appends b to out with end for each LF or CRLF.
func withEnds(out, b []byte, end string) []byte {
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return append(out, b...)
		}
		line := b[:i]
		if i > 0 && line[i-1] == '\r' {
			line = line[:i-1]
		}
		out = append(append(out, line...), end...)
		b = b[i+1:]
	}
	return out
}

// canonicalLines is text without spaces and tabs at line ends and without empty lines at its end.
func canonicalLines(b []byte) []byte {
	b = bytes.TrimRight(b, " \t\n")
	if !bytes.Contains(b, []byte(" \n")) && !bytes.Contains(b, []byte("\t\n")) {
		return b
	}
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return append(out, b...)
		}
		out = append(append(out, bytes.TrimRight(b[:i], " \t")...), '\n')
		b = b[i+1:]
	}
	return out
}

// canonicalMarkup is canonicalLines for HTML, in which white space counts inside of the quotes of a
// tag: it is part of a value there.
func canonicalMarkup(b []byte) []byte {
	b = bytes.TrimRight(b, " \t\n")
	out := make([]byte, 0, len(b))
	var tag tagScan
	for more := len(b) > 0; more; {
		var line []byte
		line, b, more = bytes.Cut(b, []byte("\n"))
		if tag.read(line); tag.quote == 0 {
			line = bytes.TrimRight(line, " \t")
		}
		if out = append(out, line...); more {
			out = append(out, '\n')
		}
		tag.read([]byte("\n"))
	}
	return out
}

// tagScan tells whether a tag is open, and inside of which quotes.
type tagScan struct {
	open  bool
	quote byte // of a value; 0 outside
	last  byte // but white space
}

func (t *tagScan) read(text []byte) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case !t.open:
			at := bytes.IndexByte(text[i:], '<')
			if at < 0 {
				return
			}
			if i += at; i+1 < len(text) {
				next := text[i+1]
				t.open = next == '/' || next == '!' || next == '?' || next|0x20 >= 'a' && next|0x20 <= 'z'
				t.last = '<'
			}
		case t.quote != 0:
			if c == t.quote {
				t.quote, t.last = 0, c
			}
		case c == '>':
			t.open = false
		case (c == '"' || c == '\'') && t.last == '=':
			t.quote = c
		case c != ' ' && c != '\t' && c != '\n':
			t.last = c
		}
	}
}
