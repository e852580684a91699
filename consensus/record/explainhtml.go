package record

import (
	"bytes"
	"hash"

	"cairn/mailstore/message"
)

const maxCuts = 4096 // places tried for an insertion

// explainHTML finds the recorded source inside the received one: something appended, or inserted before the closing tags.
func explainHTML(r *recorded, a *arrival) (kind, detail string) {
	received := a.readable()
	kind, added := explainLines(r, a)
	tail := len(received)
	if kind == "" {
		if cut, end := insertedBeforeEnd(r, a); cut >= 0 {
			kind, added, tail = appendedKind(received[cut:end]), received[cut:end], end
		} else if r.known {
			kind, added = explainKnown(r.content, received)
		}
	}
	if kind == FooterAppended && !footerHTML(received[:tail-len(added)], added) {
		kind = Appended
	}
	a.note(added, tail-len(added))
	return kind, quote(message.HTML, string(added))
}

// insertedBeforeEnd looks for one place before the closing tags such that the source without what stands between them is the recorded one. cut is -1
// if there is none.
func insertedBeforeEnd(r *recorded, a *arrival) (cut, tail int) {
	received := a.readable()
	for _, tag := range []string{"</body", "</html"} {
		if tail = lastIndexFold(received, tag); tail < 0 {
			continue
		}
		if cut = cutBefore(r, received, tail, a.labels()); cut >= 0 {
			return cut, tail
		}
	}
	return -1, -1
}

// cutBefore returns the place p with received[:p] + received[tail:] recorded, -1 if there is none. Tried are the places where a tag or a line starts.
func cutBefore(r *recorded, received []byte, tail int, labels []string) int {
	end := received[tail:]
	if len(end) > 4096 {
		return -1
	}
	first := tail
	for cuts := 0; first > 0 && cuts < maxCuts; first-- {
		if isCut(received, first) {
			cuts++
		}
	}
	state := r.begin(received[:first])
	done := first
	for p := first; p < tail; p++ {
		if !isCut(received, p) {
			continue
		}
		state.Write(received[done:p])
		done = p
		if r.is(sumWith(state, end)) {
			return p
		}
		for _, label := range labels {
			if r.text() && r.is(sumWith(state, append(append(bytes.Clone(end), 0), label...))) {
				return p
			}
		}
	}
	return -1
}

func isCut(b []byte, p int) bool { return b[p] == '<' || b[p] == '\n' || p > 0 && b[p-1] == '\n' }

// sumWith returns the digest of what was written to state, followed by end.
func sumWith(state hash.Hash, end []byte) [32]byte {
	copied, err := state.(hash.Cloner).Clone()
	if err != nil { // crypto/sha256 always can
		return [32]byte{}
	}
	copied.Write(end)
	return sum(copied)
}

func lastIndexFold(b []byte, s string) int { return bytes.LastIndex(lowerASCII(b), []byte(s)) }

// lowerASCII keeps every byte's place, as bytes.ToLower does not.
func lowerASCII(b []byte) []byte {
	out := bytes.Clone(b)
	for i, c := range out {
		if 'A' <= c && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return out
}
