package message

import (
	"bytes"

	"cairn/mailstore/message/grammar"
)

// multipartCuts returns where the parts between the boundary lines of a multipart body (RFC 2046,
// section 5.1.1) begin, and where the boundary line behind each does, or the body ends. Preamble
// and epilogue are left out; a missing last boundary ends at the end of the body. At most so many
// parts are cut: one more holds the rest. No boundary line at all: nil.
func multipartCuts(body []byte, boundary string, most int) (cuts [][2]int) {
	if boundary == "" {
		return nil
	}
	delimiter := []byte("--" + boundary)
	start := -1 // of the current part
	for at := 0; at < len(body) && len(cuts) < most; {
		i := nextBoundary(body, delimiter, at)
		if i < 0 {
			break
		}
		if start >= 0 {
			cuts = append(cuts, [2]int{start, i})
			start = -1
		}
		line, rest := cutLine(body[i:])
		at = len(body) - len(rest)
		if bytes.HasPrefix(line[len(delimiter):], []byte("--")) {
			return cuts
		}
		start = at
	}
	if start >= 0 {
		cuts = append(cuts, [2]int{start, len(body)})
	}
	return cuts
}

// splitMultipart returns the parts of a body, without the line end that belongs to the boundary
// behind them.
func splitMultipart(body []byte, boundary string, most int) [][]byte {
	var parts [][]byte
	for _, cut := range multipartCuts(body, boundary, most) {
		part := body[cut[0]:cut[1]]
		if cut[1] < len(body) {
			if line, ended := bytes.CutSuffix(part, []byte("\n")); ended {
				part = bytes.TrimRight(line, "\r")
			}
		}
		parts = append(parts, part)
	}
	return parts
}

// lenientParts are the parts of a multipart outside the grammar, as most programs show them.
func lenientParts(body grammar.Span, boundary string, most int) []grammar.Span {
	var parts []grammar.Span
	for _, cut := range multipartCuts(body.Octets, boundary, most) {
		if cut[1] == len(body.Octets) {
			parts = append(parts, body.From(cut[0]))
		} else {
			parts = append(parts, body.Cut(cut[0], cut[1]))
		}
	}
	return parts
}

// nextBoundary returns where the next boundary line starts at or behind at, -1 if there is none.
// Only white space may follow the delimiter, or "--" and anything; "--abc-1" is no boundary line of
// "abc".
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
