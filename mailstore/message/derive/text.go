package derive

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

// maxText bounds the octets of text, HTML and XML that are read for one message.
const maxText = 1 << 20

// attachmentText is the words of each attachment that is text, HTML, a document of Word (.docx) or
// an OpenDocument: one space between them, in the normal form of components.
func attachmentText(d *message.Dissection) []message.Component {
	var list []message.Component
	room := maxText
	for _, a := range d.Attached() {
		if text := wordsOf(&a, &room); len(text) > 0 {
			list = append(list, derived(a.Index, grammar.Normal(text)))
		}
	}
	return list
}

// wordsOf takes what it reads from room; what there is no room for has no words.
func wordsOf(a *message.Attached, room *int) []byte {
	source, rules := a.Text, plainText
	switch {
	case a.Kind == "text/html":
		rules = htmlText
	case a.Text == nil:
		source, rules = document(a.Octets(), *room)
	}
	if len(source) == 0 || len(source) > *room || !utf8.Valid(source) {
		return nil
	}
	*room -= len(source)
	var w words
	if rules == nil {
		w.write(source)
	} else {
		rules.read(source, &w)
	}
	return w.text
}

// words gathers text and brings each run of white space down to one space.
type words struct {
	text  []byte
	space bool // is due before the next character
}

func (w *words) write(text []byte) {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if unicode.IsSpace(r) {
			w.space = true
		} else {
			if w.space && len(w.text) > 0 {
				w.text = append(w.text, ' ')
			}
			w.space = false
			w.text = append(w.text, text[:n]...)
		}
		text = text[n:]
	}
}

// markup says which tags of a markup language keep words apart, and where the text is.
type markup struct {
	joins  string // names of tags that stand within words; all others keep words apart
	breaks string // where joins is empty: names of the only tags that keep words apart
	only   string // name of the one element that holds text; empty: all but those of hidden
	hidden string // names of elements whose text nobody sees
}

var plainText *markup

var htmlText = &markup{
	joins:  " a abbr acronym b bdi bdo big cite code del dfn em font i ins kbd mark q s samp small span strike strong sub sup tt u var wbr ",
	hidden: " script style title noscript template textarea ",
}

// read writes the text of source to w. One pass over tokens is enough: what is hidden holds no
// elements, and a document that says otherwise gives other words, on both sides the same.
func (m *markup) read(source []byte, w *words) {
	z := html.NewTokenizer(bytes.NewReader(source))
	z.SetMaxBuf(maxText)
	inside, hidden := m.only == "", ""
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return
		case html.TextToken:
			if inside && hidden == "" {
				w.write(z.Text())
			}
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			raw, _ := z.TagName()
			name := string(raw)
			w.space = w.space || m.apart(name)
			switch {
			case name == m.only:
				inside = kind == html.StartTagToken
			case name == hidden && kind == html.EndTagToken:
				hidden = ""
			case hidden == "" && kind == html.StartTagToken && listed(m.hidden, name):
				hidden = name
			}
		}
	}
}

func (m *markup) apart(name string) bool {
	if m.joins != "" {
		return !listed(m.joins, name)
	}
	return listed(m.breaks, name)
}

func listed(list, name string) bool { return strings.Contains(list, " "+name+" ") }
