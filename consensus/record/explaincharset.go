package record

import (
	"bytes"

	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

// noCharsets are labels of text that name no charset, or one that the text does not fit.
var noCharsets = []string{"", "us-ascii", "ascii", "x-unknown", "unknown-8bit", "unknown", "default_charset"}

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

// unlabelled finds the octets of a recorded text in one that arrived readable, at its begin; rest is
// how many lines stand behind them.
func (r *recorded) unlabelled(a *arrival) (rest int, ok bool) {
	if !r.text() || r.known && r.reading != message.AsOctets {
		return 0, false
	}
	octets := *r
	octets.as = message.AsOctets
	for _, s := range a.spellings() {
		end := len(s.octets)
		for rest = 0; rest <= maxFooterLines && end > 0; rest++ {
			if text := bytes.TrimRight(s.octets[:end], "\n"); octets.isContent(append(bytes.Clone(s.head), text...), nil) {
				return rest, true
			}
			end = bytes.LastIndexByte(s.octets[:end], '\n')
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
