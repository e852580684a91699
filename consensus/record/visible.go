package record

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
)

// seeing says what of a piece of HTML is read beside its text.
type seeing struct {
	pictures bool // what stands in the place of pictures, and last what elements are titled
	links    bool // where links lead and pictures come from, in the place of rules
	lines    bool // line ends of the source, as all programs show them within pre
	joined   bool // no line ends where not all programs have them
}

// visible is the text of a piece of HTML alone.
func visible(source []byte) []byte { return seen(source, seeing{lines: true}) }

// seen is the text of a piece of HTML, with a line end only where an element begins or ends that
// has lines of its own: what stands beside each other is read as one. Rules and quotations begin as
// they do in plain text.
func seen(source []byte, as seeing) []byte {
	var out, titles []byte
	inPre := 0
	put := func(text []byte) {
		if as.lines || inPre > 0 {
			out = append(out, text...)
			return
		}
		for _, c := range text {
			if blank := strings.IndexByte(" \t\n\f\r", c) >= 0; !blank {
				out = append(out, c)
			} else if !bytes.HasSuffix(out, []byte(" ")) {
				out = append(out, ' ')
			}
		}
	}
	for z := html.NewTokenizer(bytes.NewReader(source)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return bytes.TrimSpace(append(out, titles...))
		case html.TextToken:
			put(z.Text())
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			if t.Data == "hr" && !as.links {
				out = append(out, "\n---"...)
			}
			out = append(out, lineEnd(t.Data, as)...)
			switch t.Data {
			case "blockquote":
				out = append(out, "> "...)
			case "pre":
				inPre++
			}
			for _, attr := range t.Attr {
				switch {
				case as.links && (attr.Key == "href" || attr.Key == "src"):
					out = append(append(append(out, " <"...), attr.Val...), "> "...)
				case as.pictures && attr.Key == "alt":
					put([]byte(attr.Val))
				case as.pictures && attr.Key == "title":
					titles = append(append(titles, '\n'), attr.Val...)
				}
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if string(name) == "pre" {
				inPre--
			}
			out = append(out, lineEnd(string(name), as)...)
		}
	}
}

// lineEnd is what is read where an element begins or ends.
func lineEnd(element string, as seeing) string {
	if e := footerElements[element]; !e.breaks && !e.inside() || as.joined && (e.inside() || e.runs) {
		return ""
	}
	return "\n"
}

// ruled reports whether a piece of HTML begins with a rule, or with text that is one, with no
// attribute in front of it or in it that may hide it.
func ruled(source []byte) bool {
	for z := html.NewTokenizer(bytes.NewReader(source)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return false
		case html.TextToken:
			if text := bytes.TrimSpace(z.Text()); len(text) > 0 {
				return separated(text)
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			switch name, attributes := z.TagName(); {
			case attributes:
				return false
			case string(name) == "hr":
				return true
			}
		}
	}
}

// pictured reports whether a piece of HTML has a picture, which may show anything, or of which
// programs draw a frame.
func pictured(source []byte) bool {
	for z := html.NewTokenizer(bytes.NewReader(source)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return false
		case html.StartTagToken, html.SelfClosingTagToken:
			if name, _ := z.TagName(); string(name) == "img" {
				return true
			}
		}
	}
}

// leads lists where a piece of HTML leads, and its pictures come from.
func leads(source []byte) (links []string) {
	for z := html.NewTokenizer(bytes.NewReader(source)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return links
		case html.StartTagToken, html.SelfClosingTagToken:
			for _, attr := range z.Token().Attr {
				if attr.Key == "href" || attr.Key == "src" || strings.Contains(attr.Val, "//") {
					links = append(links, strings.TrimSpace(attr.Val))
				}
			}
		}
	}
}
