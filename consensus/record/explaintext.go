package record

import (
	"bytes"
	"hash"
	"unicode/utf8"

	"cairn/mailstore/message"
)

// What counts as a footer: small enough not to take the place of the author's words.
const (
	maxFooterBytes = 2048
	maxFooterLines = 32

	maxEnds        = 4096    // line ends tried for a text with something appended
	maxBannerLines = 64      // line starts tried for a text put in front
	maxTried       = 4 << 20 // bytes hashed for them
	maxExplained   = 1 << 20 // octets of one text beyond which it is laid beside one recorded text alone
)

// explainText finds the recorded text inside the received one.
func explainText(r *recorded, a *arrival) (kind, detail string) {
	received := a.readable()
	kind, added := explainLines(r, a)
	if kind == LinesCut && r.version > recordV1 {
		return weighCuts(r.kind, a)
	}
	if kind == "" && r.known {
		kind, added = explainKnown(r.content, received)
	}
	a.note(added, len(received)-len(added))
	return kind, quote(r.kind, string(added))
}

// note keeps what was found to have been added at a place of the content.
func (a *arrival) note(added []byte, at int) {
	a.added, a.cut = clip(string(added))
	if at = min(max(at, 0), len(a.readable())); len(added) > 0 {
		a.lines = bytes.Count(bytes.TrimRight(a.readable()[:at], "\n"), []byte("\n")) + 1
	}
}

// explainLines tries what can be tried without knowing the recorded text: to take whole lines away.
// added is what the received text has more, nil if that says nothing.
func explainLines(r *recorded, a *arrival) (kind string, added []byte) {
	received, labels := a.readable(), a.labels()
	var buf []byte
	escaped := escapedFrom(received)
	for _, at := range [2][]int{escaped, escapedOnce(received, escaped)} {
		if len(at) > 0 {
			buf = unescape(buf, received, at, 1<<62-1)
			if kind, added = explainEscaped(r, received, buf, labels); kind != "" {
				return kind, added
			}
		}
	}
	if r.kind == message.Text && r.isReflowed(received, labels) {
		return WhitespaceChanged, nil
	}
	if whole, cuts := uncut(received); len(cuts) > 0 && r.isContent(whole, labels) {
		return LinesCut, nil
	}
	if end := prefixEnd(r, received, labels); end >= 0 {
		return appendedKind(received[end:]), received[end:]
	}
	for other := range otherFronts(r, received, maxBlank) {
		if r.isContent(other, labels) {
			return WhitespaceChanged, nil
		}
	}
	if start := suffixStart(r, received, labels); start > 0 {
		return Prepended, received[:start]
	}
	if kind, added = explainBetween(r, received, labels); kind != "" {
		return kind, added
	}
	if len(escaped) > maxEscaped {
		return "", nil
	}
	if len(labels) > 1 {
		labels = nil // too many to try for each
	}
	for set := 1; set < 1<<len(escaped)-1 && r.budget.spend(len(received)); set++ {
		buf = unescape(buf, received, escaped, set)
		if kind, added = explainEscaped(r, received, buf, labels); kind != "" {
			return kind, added
		}
	}
	return "", nil
}

func appendedKind(added []byte) string {
	added = bytes.TrimSpace(added)
	if len(added) <= maxFooterBytes && bytes.Count(added, []byte("\n")) < maxFooterLines {
		return FooterAppended
	}
	return Appended
}

// isReflowed reports whether the recorded text is received with the lines joined that were flowed
// (RFC 3676, section 4.1) before a relay took away the white space at line ends: at some width the
// first word of the next line would not have fitted.
func (r *recorded) isReflowed(received []byte, labels []string) bool {
	const narrow, wide, longest = 60, 80, 64 << 10
	if len(received) > longest || bytes.Count(received, []byte("\n")) < 2 {
		return false
	}
	for width := narrow; width <= wide && r.budget.spend(4*len(received)); width++ {
		for _, end := range []string{" ", "  \n"} { // as joined, or as a line with delsp ends
			if joined := joinFlowed(received, width, end); len(joined) > 0 && r.isContent(joined, labels) {
				return true
			}
		}
	}
	return false
}

// joinFlowed joins each line, with that end, with the next one whose first word would make it
// longer than width; nil if there is none.
func joinFlowed(text []byte, width int, end string) []byte {
	out := make([]byte, 0, len(text))
	joined := false
	for line, rest := []byte(nil), text; len(rest) > 0; {
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		out = append(out, line...)
		next, _, _ := bytes.Cut(rest, []byte("\n"))
		word, _, _ := bytes.Cut(next, []byte(" "))
		switch {
		case len(rest) == 0:
		case len(line) > 0 && len(word) > 0 && line[0] != '>' && next[0] != '>' &&
			utf8.RuneCount(line)+1+utf8.RuneCount(word) > width:
			out = append(out, end...)
			joined = true
		default:
			out = append(out, '\n')
		}
	}
	if !joined {
		return nil
	}
	return out
}

// explainOctets finds a text that was recorded by its octets inside one that arrived so: under the
// same charset, with lines behind it or, of HTML, before its closing tags. What these say has to be
// ASCII, and be shown as ASCII.
func explainOctets(r *recorded, a *arrival) (kind, detail string) {
	octets, whole := *r, *a
	octets.as, whole.Lenient = message.AsOctets, a.Content()
	at, end := prefixEnd(&octets, a.Content(), nil), a.Size()
	if at < 0 && r.kind == message.HTML {
		at, end = insertedBeforeEnd(&octets, &whole)
	}
	if at < 0 {
		return "", ""
	}
	added := a.Content()[at:end]
	whole.note(added, at)
	a.added, a.cut, a.lines = whole.added, whole.cut, max(whole.lines-2, 1) // the first two say how to read it
	switch kind = appendedKind(added); {
	case !asASCII(a.Content(), added),
		r.kind == message.HTML && !footerHTML(a.Content()[:at], added):
		kind = Appended
	}
	return kind, shorten(added)
}

// prefixEnd returns where the recorded text ends in the received one, if the latter goes on after
// it on a new line; -1 if it does not begin so. One pass over the last maxEnds line ends: the hash
// is continued from line to line.
func prefixEnd(r *recorded, received []byte, labels []string) int {
	if !r.budget.spend(len(received)) {
		return -1
	}
	first, labelled := len(received), 0
	for n := range maxEnds {
		if first = bytes.LastIndexByte(received[:first], '\n'); first < 0 {
			break
		}
		if n < maxLabelled {
			labelled = first
		}
	}
	state := r.begin(nil)
	done := 0
	for end := max(first, 0); end < len(received); {
		next := bytes.IndexByte(received[end:], '\n')
		if next < 0 {
			return -1
		}
		end += next
		if end > 0 && received[end-1] != '\n' { // canonical text ends in no blank line
			state.Write(received[done:end])
			done = end
			under := labels
			if end < labelled {
				under = nil
			}
			if r.fits(state, under) {
				return end
			}
		}
		end++
	}
	return -1
}

func sum(state hash.Hash) (digest [32]byte) {
	state.Sum(digest[:0])
	return digest
}

// suffixStart returns where the recorded text starts in the received one, if something stands in
// front of it on lines of its own; -1 if it does not end so.
func suffixStart(r *recorded, received []byte, labels []string) int {
	tried := 0
	for i, lines := 0, 0; lines < maxBannerLines && tried < maxTried; lines++ {
		next := bytes.IndexByte(received[i:], '\n')
		if next < 0 {
			return -1
		}
		i += next + 1
		tried += len(received) - i
		if r.isContent(received[i:], labels) {
			return i
		}
	}
	return -1
}

// explainKnown compares two texts at hand. added is as explainLines has it.
func explainKnown(sent, received []byte) (kind string, added []byte) {
	a, b := squeeze(sent), squeeze(received)
	if bytes.Equal(a, b) {
		return WhitespaceChanged, nil
	}
	if len(a) == 0 || len(b) <= len(a) {
		return "", nil
	}
	front := commonPrefix(a, b)
	back := commonPrefix(reversed(a), reversed(b))
	switch {
	case front == len(a):
		added = afterSqueezed(received, len(a))
		return appendedKind(added), added
	case back == len(a):
		return Prepended, nil
	case front+back >= len(a):
		return Inserted, nil
	case bytes.Contains(b, a):
		return Wrapped, nil
	}
	return "", nil
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func reversed(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		out[len(b)-1-i] = c
	}
	return out
}

// afterSqueezed returns what follows the first n bytes of b that are left when white space is taken
// out.
func afterSqueezed(b []byte, n int) []byte {
	for i, r := range string(b) {
		if n <= 0 {
			return b[i:]
		}
		n -= len(squeeze([]byte(string(r))))
	}
	return nil
}
