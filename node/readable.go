package node

import (
	"slices"
	"strings"

	"cairn/consensus/record"
	"cairn/consensus/verifier"
	"cairn/mailstore/message"
	"cairn/mailstore/message/htmltext"
)

// readable is a message's text for a reader without HTML: the plain text, or
// the text of the HTML when there is none. A plain text that its record does
// not name hides no HTML that it does: then both are shown, the author's first.
// f is nil for mail that did not arrive from anywhere.
func readable(m *message.Message, f *verifier.Finding) string {
	switch {
	case m.HTML == "":
		return m.Text
	case strings.TrimSpace(m.Text) == "":
		return htmltext.Of(m.HTML)
	case f != nil && names(f.Facts.Comparison, message.HTML) && !names(f.Facts.Comparison, message.Text):
		return htmltext.Of(m.HTML) + "\n\n" + m.Text
	}
	return m.Text
}

// names reports whether the record has a component of that type.
func names(c record.Comparison, t message.Type) bool {
	return slices.ContainsFunc(c.Parts, func(p record.Part) bool { return p.Type == t && p.Outcome != record.Extra })
}
