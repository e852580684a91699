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
