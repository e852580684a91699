package message

import "bytes"

// unixLines returns b with every line end (CR LF, or several CR before an LF) as a single LF. It returns b itself if there is nothing to do, so
// that mail kept with LF costs no copy.
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

// shortLines is the mean length of lines below which looking at each octet is faster than searching
// for line ends.
const shortLines = 16

// onWire reports whether every line of b that ends does so in CRLF.
func onWire(b []byte) bool {
	if bytes.Count(b, []byte("\n"))*shortLines > len(b) {
		last := byte(0)
		for _, c := range b {
			if c == '\n' && last != '\r' {
				return false
			}
			last = c
		}
		return true
	}
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return true
		}
		if i == 0 || b[i-1] != '\r' {
			return false
		}
		b = b[i+1:]
	}
}

// WireLines returns b with a CRLF for each LF that has no CR before it. It returns b itself if there
// is nothing to do.
func WireLines(b []byte) []byte {
	if onWire(b) {
		return b
	}
	lines := bytes.Count(b, []byte("\n"))
	out := make([]byte, 0, len(b)+lines+2)
	if lines*shortLines <= len(b) {
		return withEnds(out, b, "\r\n")
	}
	out = out[:len(b)+lines]
	n, last := 0, byte(0)
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
	out := make([]byte, 0, len(b))
	if bytes.Count(b, []byte("\n"))*shortLines <= len(b) {
		return withEnds(out, b, "\n")
	}
	out = out[:len(b)]
	n := 0
	for _, c := range b {
		if c == '\n' && n > 0 && out[n-1] == '\r' {
			n--
		}
		out[n] = c
		n++
	}
	return out[:n]
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
