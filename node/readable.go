package node

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"cairn/consensus/record"
	"cairn/consensus/verifier"
	"cairn/mailstore/message"
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
		return htmlText(m.HTML)
	case f != nil && names(f.Facts.Comparison, message.HTML) && !names(f.Facts.Comparison, message.Text):
		return htmlText(m.HTML) + "\n\n" + m.Text
	}
	return m.Text
}

// names reports whether the record has a component of that type.
func names(c record.Comparison, t message.Type) bool {
	return slices.ContainsFunc(c.Parts, func(p record.Part) bool { return p.Type == t && p.Outcome != record.Extra })
}

// htmlText gives the text of an HTML document, a line for each block.
func htmlText(source string) string {
	var b strings.Builder
	skip := 0
	for z := html.NewTokenizer(strings.NewReader(source)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return strings.TrimSpace(b.String())
		case html.TextToken:
			if skip == 0 {
				if words := strings.Fields(string(z.Text())); len(words) > 0 {
					b.WriteString(strings.Join(words, " "))
					b.WriteByte(' ')
				}
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			switch atom.Lookup(name) {
			case atom.Script, atom.Style, atom.Title:
				skip++
			case atom.Br, atom.P, atom.Div, atom.Tr, atom.Li, atom.H1, atom.H2, atom.H3, atom.H4, atom.Hr:
				b.WriteByte('\n')
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			switch atom.Lookup(name) {
			case atom.Script, atom.Style, atom.Title:
				skip = max(0, skip-1)
			}
		}
	}
}
