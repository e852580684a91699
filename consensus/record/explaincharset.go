package record

import (
	"bytes"
	"slices"

	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

// noCharsets are labels of text that name no charset, or one that the text does not fit.
var noCharsets = []string{"", "-", "us-ascii", "ascii", "x-unknown", "unknown-8bit", "unknown", "default_charset"}

// asASCII reports whether programs show a part of content, which counts by its octets, as the ASCII
// that it is: its charset keeps that, and nothing in the part has a meaning in one that a program
// may guess where none is named.
func asASCII(content, part []byte) bool {
	_, rest, _ := bytes.Cut(content, []byte("\n"))
	label, _, _ := bytes.Cut(rest, []byte("\n"))
	name := string(label)
	return (grammar.KeepsASCII(name) || slices.Contains(noCharsets, name) || name == message.Untyped) &&
		!hasHigh(part) && !bytes.ContainsAny(part, "+\x1b\x0e\x0f") && !bytes.Contains(part, []byte("~{"))
}

// spelling is what a text may have been when it was recorded by its octets: what says how to read
// them, and they.
type spelling struct{ head, octets []byte }

// spellings lists what a text that now is shown alike by all programs may have been: octets without
// a charset, that a relay took for UTF-8 or a western one, or 8-bit octets of its own charset under
// a transfer encoding for ASCII.
func (a *arrival) spellings() (list []spelling) {
	text := a.readable()
	if !hasHigh(text) {
		return nil
	}
	octets := [][]byte{text}
	for _, label := range []string{"iso-8859-1", "windows-1252"} {
		if narrow, ok := grammar.Encode(label, text); ok {
			octets = append(octets, narrow)
		}
	}
	for _, label := range noCharsets {
		for _, o := range octets {
			list = append(list, spelling{[]byte("\n" + label + "\n"), o})
		}
	}
	if own, ok := grammar.Encode(a.Label, text); ok {
		for _, cte := range []string{"", "quoted-printable", "base64"} {
			list = append(list, spelling{[]byte(cte + "\n" + a.Label + "\n"), own})
		}
	}
	return list
}

// unlabelled finds the octets of a recorded text in one that arrived readable, at its begin; rest
// is how many lines stand behind them.
func (r *recorded) unlabelled(a *arrival) (rest int, ok bool) {
	if !r.text() || r.known && r.reading != message.AsOctets {
		return 0, false
	}
	if !r.budget.spend(6 * len(a.readable())) { // what it costs to encode them
		return 0, false
	}
	octets := *r
	octets.as = message.AsOctets
	for _, s := range a.spellings() {
		if rest, ok = octets.spelled(&s); ok {
			return rest, true
		}
	}
	return 0, false
}

// spelled is unlabelled for one spelling: the digest is continued from line to line.
func (r *recorded) spelled(s *spelling) (rest int, ok bool) {
	var ends []int // of the text without that many lines, unless it is the same as with one more
	for at := len(s.octets); at > 0 && len(ends) <= maxFooterLines; at = bytes.LastIndexByte(s.octets[:at], '\n') {
		ends = append(ends, len(bytes.TrimRight(s.octets[:at], "\n")))
	}
	if len(ends) == 0 || !r.budget.spend(len(s.head)+len(s.octets)) {
		return 0, false
	}
	state := r.begin(s.head)
	done := 0
	for rest = len(ends) - 1; rest >= 0; rest-- {
		if rest > 0 && ends[rest] == ends[rest-1] {
			continue
		}
		state.Write(s.octets[done:ends[rest]])
		done = ends[rest]
		if r.fits(state, nil) {
			return rest, true
		}
	}
	return 0, false
}

// explainUnlabelled is explain for such a text.
func explainUnlabelled(r *recorded, a *arrival) (kind, detail string) {
	lines, ok := r.unlabelled(a)
	if !ok {
		return "", ""
	}
	text := a.readable()
	end := len(text)
	for range lines {
		end = bytes.LastIndexByte(text[:end], '\n')
	}
	if end == len(text) {
		return CharsetChanged, ""
	}
	added := text[end:]
	a.note(added, end)
	if kind = appendedKind(added); kind == FooterAppended && r.kind == message.HTML && !footerHTML(text[:end], added) {
		kind = Appended
	}
	return kind, shorten(added)
}
