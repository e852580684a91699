// Package htmltext gives what a reader of an HTML document sees of its text. It is for reading and
// for finding; what a record has of a document has rules of its own, which may not change.
package htmltext

import (
	"strings"

	"golang.org/x/net/html"
)

// Of returns the text of a document: a line for each block of it, and one blank for whatever else
// parts words. Tags that stand within words do not part them. It goes over the tags once, whatever
// they nest in, and needs memory for its result alone.
func Of(source string) string {
	var w writer
	z := html.NewTokenizer(strings.NewReader(source))
	hidden := ""       // the element that is open and whose text nobody sees
	var foreign []byte // for each svg or math that is open a byte: there tags may end themselves
	for {
		kind := z.Next()
		switch kind {
		case html.ErrorToken:
			return w.String()
		case html.TextToken:
			if hidden == "" {
				w.text(string(z.Text()))
			}
			continue
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
		default:
			continue
		}
		tag, _ := z.TagName()
		name := string(tag)
		root := name == "svg" || name == "math"
		switch {
		case kind == html.EndTagToken:
			if name == hidden {
				hidden = ""
			}
			if root && len(foreign) > 0 {
				foreign = foreign[1:]
			}
		case (root || len(foreign) > 0) && kind == html.SelfClosingTagToken:
			z.NextIsNotRawText()
		default: // HTML takes no notice of the slash of <style/>
			if root {
				foreign = append(foreign, 0)
			}
			if len(foreign) > 0 {
				z.NextIsNotRawText()
			}
			if hidden == "" && (name == "script" || name == "style" || name == "title") {
				hidden = name
			}
		}
		w.tag(name)
	}
}

// writer joins text, with what the tags between have asked for in between.
type writer struct {
	strings.Builder
	gap string // what is due before the next word: nothing, a blank or a line end
}

func (w *writer) text(s string) {
	for len(s) > 0 {
		word := strings.TrimLeft(s, blanks)
		if len(word) < len(s) && w.gap == "" {
			w.gap = " "
		}
		if word == "" {
			return
		}
		end := strings.IndexAny(word, blanks)
		if end < 0 {
			end = len(word)
		}
		if w.Len() > 0 {
			w.WriteString(w.gap)
		}
		w.gap = ""
		w.WriteString(word[:end])
		s = word[end:]
	}
}

// blanks are the white space of HTML (section 12.1.4), and the one that does not break a line.
const blanks = " \t\r\n\f\u00a0"

func (w *writer) tag(name string) {
	switch name {
	case "a", "b", "i", "u", "em", "strong", "span", "font", "wbr", "sub", "sup", "big", "small":
	case "br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "table", "ul", "ol", "dl", "dt", "dd", "pre", "blockquote":
		w.gap = "\n"
	default:
		if w.gap == "" {
			w.gap = " "
		}
	}
}
