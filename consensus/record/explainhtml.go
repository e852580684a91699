package record

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"strings"

	"cairn/mailstore/message"
)

const maxCuts = 4096 // places tried for an insertion

// maxLabelled is how many of the last places are tried under other charsets too.
const maxLabelled = 256

// explainHTML finds the recorded source inside the received one: something appended, or inserted
// before the closing tags.
func explainHTML(r *recorded, a *arrival) (kind, detail string) {
	received := a.readable()
	kind, added := explainLines(r, a)
	if kind == LinesCut && r.version > recordV1 {
		return weighCuts(r.kind, a)
	}
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

// insertedBeforeEnd looks for one place before the closing tags such that the source without what
// stands between them is the recorded one. cut is -1 if there is none.
func insertedBeforeEnd(r *recorded, a *arrival) (cut, tail int) {
	received := a.readable()
	for _, tag := range []string{"</body", "</html"} {
		if tail = lastTag(received, tag); tail < 0 {
			continue
		}
		if cut = cutBefore(r, received, tail, a.labels()); cut >= 0 {
			return cut, tail
		}
	}
	return -1, -1
}

// cutBefore returns the place p with received[:p] + received[tail:] recorded, -1 if there is none.
// Tried are the places where a tag or a line starts.
func cutBefore(r *recorded, received []byte, tail int, labels []string) int {
	end := received[tail:]
	if len(end) > 4096 {
		return -1
	}
	if !r.budget.spend(tail) {
		return -1
	}
	first, labelled := tail, tail
	for cuts := 0; first > 0 && cuts < maxCuts; first-- {
		if isCut(received, first) {
			cuts++
		}
		if cuts < maxLabelled {
			labelled = first - 1
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
		if !r.budget.spend(len(end)) {
			return -1
		}
		whole, under := ended(state, end), labels
		if p < labelled {
			under = nil
		}
		if r.fits(whole, under) {
			return p
		}
	}
	return -1
}

func isCut(b []byte, p int) bool { return b[p] == '<' || b[p] == '\n' || p > 0 && b[p-1] == '\n' }

// ended is the state of a digest over what was written to state, followed by end.
func ended(state hash.Hash, end []byte) hash.Hash {
	copied, err := state.(hash.Cloner).Clone()
	if err != nil { // crypto/sha256 always can
		return sha256.New()
	}
	copied.Write(end)
	return copied
}

// sumWith returns the digest of what was written to state, followed by end.
func sumWith(state hash.Hash, end []byte) [32]byte { return sum(ended(state, end)) }

// lastTag returns where the last tag begins that begins so, in whatever letter case; -1 if there is
// none.
func lastTag(b []byte, begin string) int {
	for at := len(b); ; {
		if at = bytes.LastIndex(b[:at], []byte(begin[:2])); at < 0 {
			return -1
		}
		if len(b)-at >= len(begin) && strings.EqualFold(string(b[at:at+len(begin)]), begin) {
			return at
		}
	}
}
