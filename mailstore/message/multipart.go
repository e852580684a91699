package message

import (
	"bytes"

	"cairn/mailstore/message/grammar"
)

// splitMultipart returns the parts between the boundary lines of a multipart body (RFC 2046, section 5.1.1), without the line end that belongs to the
// boundary. Preamble and epilogue are left out; a missing last boundary ends at the end of the body. At most max parts are cut: the last one holds the
// rest. No boundary line at all: nil.
func splitMultipart(body grammar.Span, boundary string, max int) []grammar.Span {
	if boundary == "" {
		return nil
	}
	delimiter := []byte("--" + boundary)
	var parts []grammar.Span
	start := -1 // of the current part
	body.Hyphens(func(at int) bool {
		line, below := grammar.CutLine(body.Octets[at:])
		rest, found := bytes.CutPrefix(line, delimiter)
		last := bytes.HasPrefix(rest, []byte("--"))
		// Only white space may follow; "--abc-1" is no boundary line of "abc".
		if !found || body.BehindCR(at) || len(bytes.TrimSpace(bytes.TrimPrefix(rest, []byte("--")))) > 0 {
			return true
		}
		if start >= 0 {
			parts = append(parts, body.Cut(start, at))
		}
		if start = len(body.Octets) - len(below); last {
			start = -1
		}
		return !last && len(parts) < max
	})
	if start >= 0 {
		parts = append(parts, body.From(start))
	}
	return parts
}
