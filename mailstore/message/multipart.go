package message

import "bytes"

// splitMultipart returns the parts between the boundary lines of a multipart body with LF line ends (RFC 2046, section 5.1.1), without the line end
// that belongs to the boundary. Preamble and epilogue are left out; a missing last boundary ends at the end of the body. At most max parts are cut:
// the last one holds the rest. No boundary line at all: nil.
func splitMultipart(body []byte, boundary string, max int) [][]byte {
	if boundary == "" {
		return nil
	}
	delimiter := []byte("--" + boundary)
	var parts [][]byte
	start := -1 // of the current part
	for at := 0; at < len(body) && len(parts) < max; {
		i := nextBoundary(body, delimiter, at)
		if i < 0 {
			break
		}
		if start >= 0 {
			parts = append(parts, body[start:endBefore(start, i)])
			start = -1
		}
		line, rest := cutLine(body[i:])
		at = len(body) - len(rest)
		if bytes.HasPrefix(line[len(delimiter):], []byte("--")) {
			return parts
		}
		start = at
	}
	if start >= 0 {
		parts = append(parts, body[start:])
	}
	return parts
}

// endBefore is the end of a part whose boundary line starts at i: the line end before that line belongs to the boundary.
func endBefore(start, i int) int { return max(start, i-1) }

// nextBoundary returns where the next boundary line starts at or behind at, -1 if there is none. Only white space may follow the delimiter, or "--"
// and anything; "--abc-1" is no boundary line of "abc".
func nextBoundary(body, delimiter []byte, at int) int {
	for {
		i := bytes.Index(body[at:], delimiter)
		if i < 0 {
			return -1
		}
		i += at
		at = i + len(delimiter)
		if i > 0 && body[i-1] != '\n' {
			continue
		}
		line, _ := cutLine(body[at:])
		if bytes.HasPrefix(line, []byte("--")) && len(bytes.TrimSpace(line[2:])) == 0 || len(bytes.TrimSpace(line)) == 0 {
			return i
		}
	}
}
