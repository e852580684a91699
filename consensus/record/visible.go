package record

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
)

// visible is the text of a piece of HTML, with a line end only where an element begins or ends that
// has lines of its own: what stands beside each other is read as one.
func visible(source []byte) []byte { return readable(source, false) }

// readable is visible, if asked for with where links lead and pictures come from.
func readable(source []byte, links bool) []byte {
	var out []byte
	for z := html.NewTokenizer(bytes.NewReader(source)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return bytes.TrimSpace(out)
		case html.TextToken:
			out = append(out, z.Text()...)
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			t := z.Token()
			if e := footerElements[t.Data]; e.breaks || e.inside {
				out = append(out, '\n')
			}
			for _, attr := range t.Attr {
				if links && (attr.Key == "href" || attr.Key == "src") {
					out = append(append(append(out, " <"...), attr.Val...), "> "...)
				}
			}
		}
	}
}

// harmlessMarkup reports whether every link and picture in a piece of HTML leads to an own host, and
// what it shows in the place of one is harmless.
func harmlessMarkup(source []byte, own owners) bool {
	for z := html.NewTokenizer(bytes.NewReader(source)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return true
		case html.StartTagToken, html.SelfClosingTagToken:
			for _, attr := range z.Token().Attr {
				link := attr.Key == "href" || attr.Key == "src" || strings.Contains(attr.Val, "//")
				words := attr.Key == "alt" || attr.Key == "title"
				if link && !own.link(strings.TrimSpace(attr.Val)) || words && !harmless([]byte(attr.Val), own) {
					return false
				}
			}
		}
	}
}

// quotingMarkup reports whether a piece of HTML has something in it that is shown as quoted.
func quotingMarkup(source []byte) bool {
	for z := html.NewTokenizer(bytes.NewReader(source)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return quoting(visible(source))
		case html.StartTagToken, html.SelfClosingTagToken:
			if name, _ := z.TagName(); string(name) == "blockquote" {
				return true
			}
		}
	}
}
