package record

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
)

// visible is the text of a piece of HTML, a line for each run of it.
func visible(source []byte) []byte {
	var out []byte
	for z := html.NewTokenizer(bytes.NewReader(source)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return out
		case html.TextToken:
			if text := bytes.TrimSpace(z.Text()); len(text) > 0 {
				out = append(append(out, text...), '\n')
			}
		}
	}
}

// harmlessLinks reports whether every link and picture in a piece of HTML leads to an own host.
func harmlessLinks(source []byte, own func(string) bool) bool {
	for z := html.NewTokenizer(bytes.NewReader(source)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return true
		case html.StartTagToken, html.SelfClosingTagToken:
			for _, attr := range z.Token().Attr {
				link := attr.Key == "href" || attr.Key == "src" || strings.Contains(attr.Val, "//")
				if link && (!harmlessHosts(attr.Val, own) || !hostPattern.MatchString(attr.Val)) {
					return false
				}
			}
		}
	}
}
