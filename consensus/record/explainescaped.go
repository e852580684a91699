package record

import (
	"bytes"
	"slices"

	"cairn/mailstore/message"
)

const maxEscaped = 5 // lines that may have got a ">": each may have been escaped or not

// escapedFrom lists where mbox quoting may have put a ">" in front of a line: of one that begins
// with "From " (mboxo), or with that behind others of them too (mboxrd; RFC 4155, appendix A).
func escapedFrom(b []byte) (at []int) {
	for i := 0; i < len(b); {
		if quoted := len(b[i:]) - len(bytes.TrimLeft(b[i:], ">")); quoted > 0 && bytes.HasPrefix(b[i+quoted:], []byte("From ")) {
			at = append(at, i)
		}
		next := bytes.IndexByte(b[i:], '\n')
		if next < 0 {
			break
		}
		i += next + 1
	}
	return at
}

// escapedOnce are those of the places that mboxo quotes; nil if it quotes all of them.
func escapedOnce(b []byte, at []int) []int {
	again := func(i int) bool { return b[i+1] == '>' }
	if !slices.ContainsFunc(at, again) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(at), again)
}

// unescape is b without the octets at those of the places that are in set; those beyond 62 always
// are. It is written over buf.
func unescape(buf, b []byte, at []int, set int) []byte {
	out, done := slices.Grow(buf[:0], len(b)), 0
	for n, i := range at {
		if n >= 62 || set>>n&1 == 1 {
			out = append(out, b[done:i]...)
			done = i + 1
		}
	}
	return append(out, b[done:]...)
}

// explainEscaped looks for the recorded text in one whose lines were unescaped. In HTML each stood
// in text for people: in a tag the ">" would end it.
func explainEscaped(r *recorded, received, text []byte, labels []string) (kind string, added []byte) {
	if kind = FromEscaped; !r.isContent(text, labels) {
		end := prefixEnd(r, text, labels)
		if end < 0 {
			return "", nil
		}
		if added = asReceived(text, end, received); added == nil {
			return "", nil
		}
		kind = appendedKind(added)
	}
	if r.kind == message.HTML && r.version > recordV1 && !sameMarkup(text, received) {
		return "", nil
	}
	return kind, added
}

// asReceived is what stands behind an octet of a text as it was before its lines were unescaped;
// nil if no line begins or ends there.
func asReceived(text []byte, end int, received []byte) []byte {
	lines, begin := bytes.Count(text[end:], []byte("\n")), 0
	switch {
	case end < len(text) && text[end] == '\n':
	case end > 0 && text[end-1] == '\n':
		lines, begin = lines+1, 1
	default:
		return nil
	}
	at := len(received)
	for ; lines > 0 && at >= 0; lines-- {
		at = bytes.LastIndexByte(received[:at], '\n')
	}
	if at < 0 {
		return nil
	}
	return received[at+begin:]
}
