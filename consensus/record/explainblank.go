package record

import (
	"bytes"
	"iter"
)

const (
	maxBlank       = 8        // empty lines in front of a text that are white space: more push it out of sight
	maxFooterBlank = 2        // with something appended behind it
	maxBlankFooter = 16 << 10 // octets of a text that is tried with both
)

// otherFronts goes through a text with more and with fewer empty lines in front of it, up to so
// many.
func otherFronts(r *recorded, text []byte, most int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		first := bytes.TrimLeft(text, "\n")
		lines := len(text) - len(first)
		if r.version == recordV1 || lines > most || len(first) == 0 {
			return
		}
		padded := append(bytes.Repeat([]byte("\n"), most), first...)
		for n := range most + 1 {
			if n != lines && !yield(padded[most-n:]) {
				return
			}
		}
	}
}

// explainBetween looks for the recorded text with other empty lines in front and something behind
// it.
func explainBetween(r *recorded, text []byte, labels []string) (kind string, added []byte) {
	if len(text) > maxBlankFooter {
		return "", nil
	}
	for other := range otherFronts(r, text, maxFooterBlank) {
		if end := prefixEnd(r, other, labels); end >= 0 {
			return appendedKind(other[end:]), other[end:]
		}
	}
	return "", nil
}
