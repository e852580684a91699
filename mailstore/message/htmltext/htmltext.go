// Package htmltext gives what a reader of an HTML document sees of its text. It is for reading and
// for finding; what a record has of a document has rules of its own, which may not change. Style
// sheets are not looked at: what they hide is there, and where a document can be read in two ways
// there is rather too much than too little.
package htmltext

import (
	"strings"

	"golang.org/x/net/html"
)

// Of returns the text of a document: a line for each block of it, and one blank for whatever else
// parts words; what is set in lines stays in them. It goes over the tags once, whatever they nest
// in, and needs memory for its result and for one tag.
func Of(source string) string {
	w := writer{}
	z := html.NewTokenizer(strings.NewReader(source))
	hidden := ""      // the element that is open and whose text nobody sees
	svg, math := 0, 0 // how many are open: in these there is no raw text, and tags may end themselves
	foreign := func() bool { return svg+math > 0 }
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
		switch {
		case kind == html.EndTagToken:
			switch name {
			case hidden:
				hidden = ""
			case "svg":
				svg = max(0, svg-1)
			case "math":
				math = max(0, math-1)
			case "pre":
				w.lines = max(0, w.lines-1)
			}
		case kind == html.SelfClosingTagToken && (foreign() || name == "svg" || name == "math"):
			z.NextIsNotRawText()
		default: // HTML takes no notice of the slash of <style/>
			switch {
			case leavesForeign(name):
				svg, math = 0, 0
			case name == "svg":
				svg++
			case name == "math":
				math++
			}
			if foreign() || name == "noscript" { // nothing here runs scripts
				z.NextIsNotRawText()
			}
			if hidden == "" && (isUnseen(name) || name == "template") && (math == 0 || svg > 0) {
				hidden = name
			}
			if name == "pre" && hidden == "" {
				w.lines++
			}
		}
		z.AllowCDATA(foreign())
		w.tag(name, kind == html.StartTagToken)
	}
}

// writer joins text, with what the tags between have asked for in between.
type writer struct {
	strings.Builder
	gap   string // what is due before the next word: nothing, a blank or a line end
	lines int    // how many elements are open in which line ends and blanks count
	first bool   // the next text is the first one of such an element
}

// blanks are the ASCII whitespace of the Infra standard, and the blank that holds words together,
// which parts them all the same.
const blanks = " \t\r\n\f\u00a0"

var unhyphened = strings.NewReplacer("\u00ad", "", "\r\n", "\n", "\r", "\n")

func (w *writer) text(s string) {
	s = unhyphened.Replace(s)
	if w.lines > 0 {
		w.asSet(s)
		return
	}
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
		w.put(word[:end])
		s = word[end:]
	}
}

// asSet writes text of which line ends and blanks count. The line end at its beginning does not.
func (w *writer) asSet(s string) {
	if w.first {
		s = strings.TrimPrefix(s, "\n")
		w.first = false
	}
	if strings.Trim(s, "\n") == "" {
		if s != "" {
			w.gap = "\n"
		}
		return
	}
	end := strings.TrimRight(s, "\n")
	w.put(end)
	if len(end) < len(s) {
		w.gap = "\n"
	}
}

func (w *writer) put(s string) {
	if w.Len() > 0 {
		w.WriteString(w.gap)
	}
	w.gap = ""
	w.WriteString(s)
}

func (w *writer) tag(name string, starts bool) {
	switch {
	case isBlock(name):
		w.gap = "\n"
		w.first = name == "pre" && starts
	case isApart(name) && w.gap == "":
		w.gap = " "
	}
}
