package message

import (
	"bytes"
	"slices"
	"strconv"

	"cairn/mailstore/message/grammar"
)

// maxSignatures are the lines of a text that are looked at.
const maxSignatures = 8

// signatures are the numbers, among the lines of a text that are "--" but for white space behind
// it, of those with the one blank by which programs dim, hide or leave out what follows (RFC 3676,
// section 4.3). It is not in the canonical text, since relays take white space at line ends away.
func (n *node) signatures(octets []byte) (numbers []int) {
	if n.kind == "text/html" || !bytes.Contains(octets, []byte("-- ")) {
		return nil
	}
	lines := unixEnds(octets)
	if n.flowed() {
		lines = grammar.Unflow(lines)
	}
	at := 0
	for line := range bytes.Lines(lines) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if !IsSignatureLine(line) {
			continue
		}
		if at == maxSignatures {
			break
		}
		if string(line) == "-- " {
			numbers = append(numbers, at)
		}
		at++
	}
	return numbers
}

// IsSignatureLine reports whether a line is "--" but for white space behind it.
func IsSignatureLine(line []byte) bool { return string(bytes.TrimRight(line, " \t")) == "--" }

// SignatureHint is the hint for the line of a text with that number, see Leaf.Signatures.
func SignatureHint(text uint16, number int) Hint {
	return Hint{HintSignature, slices.Concat(strconv.AppendUint(nil, uint64(text), 10), []byte(" "), strconv.AppendInt(nil, int64(number), 10))}
}
