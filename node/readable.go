package node

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"cairn/mailstore/message"
)

// readable is a message's text for a reader without HTML: the plain text, or
// the text of the HTML when there is none.
func readable(m *message.Message) string {
	if strings.TrimSpace(m.Text) != "" || m.HTML == "" {
		return m.Text
	}
	return htmlText(m.HTML)
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
