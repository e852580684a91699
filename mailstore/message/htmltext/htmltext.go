// Package htmltext gives what a reader of an HTML document sees of its text. It is for reading and
// for finding; what a record has of a document has rules of its own, which may not change. Style
// sheets are not looked at: what they hide is there.
//
// It reads tags as they come and builds no tree. Whether a style, say, hides what follows or is a
// tag among others depends on whether it stands in HTML or in svg and math. So what is open is
// followed from the outermost svg or math on, as far as its tags nest. Where the way to read a tag
// is not known, or programs differ on it, all that follows is given as it is written, tags too. So
// there may be more than a full parser shows, and never less: hiding needs to be sure.
package htmltext

import (
	"bytes"
	"errors"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// Of returns the text of a document: a line for each block of it, and one blank for whatever else
// parts words; what is set in lines stays in them. It goes over the tags once, whatever they nest
// in.
//
// It needs memory for its result, for maxOpen elements, and for the longest token, up to maxToken:
// some copies of a text between tags, of a style sheet or of a comment, and up to a hundred times
// the length of a tag that is made of attributes, each of which the tokenizer notes. From a longer
// one on all is given as it is written.
func Of(source string) string {
	source = withoutData(source)
	r := reader{z: html.NewTokenizer(strings.NewReader(source))}
	r.z.SetMaxBuf(maxToken)
	for !r.literal && r.token() {
	}
	if r.literal {
		r.text(html.UnescapeString(source[r.at:]))
	}
	return r.String()
}

// maxToken is the length of the longest token that is read as one, in octets.
const maxToken = 1 << 20

// longData is a run of what URLs of pictures within the document are made of, in quotes: too long
// for anybody to read a word in.
var longData = regexp.MustCompile(`=["']data:[0-9A-Za-z+/=;:,%.-]{1000}`)

// withoutData is a document without the pictures that stand in it, which may be longer than
// maxToken.
func withoutData(source string) string {
	const kept, long = 1000, 64 << 10
	var b strings.Builder
	for {
		at := longData.FindStringIndex(source)
		if at == nil {
			break
		}
		run := len(source[at[1]:]) - len(strings.TrimLeft(source[at[1]:], dataCharacters))
		b.WriteString(source[:at[1]])
		if source = source[at[1]:]; run > long {
			source = source[run-kept:]
		}
	}
	if b.Len() == 0 {
		return source
	}
	b.WriteString(source)
	return b.String()
}

const dataCharacters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/=;:,%.-"

// reader goes over the tokens of a document.
type reader struct {
	writer
	z         *html.Tokenizer
	at        int // in the source, behind the last token
	nest      nesting
	skips     bool // what comes up to the next tag is raw text that nobody sees
	template  bool // a template is open
	selecting bool // a select may be open, in which some programs read no other elements
	literal   bool // what is left can be read in two ways, and is shown as it is written
}

// token reads one token, and returns false behind the last one.
func (r *reader) token() bool {
	r.z.AllowCDATA(r.nest.foreign())
	kind := r.z.Next()
	if kind != html.ErrorToken {
		r.at += len(r.z.Raw())
	}
	switch kind {
	case html.ErrorToken:
		r.literal = errors.Is(r.z.Err(), html.ErrBufferExceeded)
		return false
	case html.TextToken:
		if !r.hidden() {
			r.text(string(r.z.Text()))
		}
	case html.CommentToken:
		r.comment(r.z.Raw())
	case html.StartTagToken, html.SelfClosingTagToken:
		tag := r.tagOf()
		r.start(tag)
		r.tag(tag.name, kind == html.StartTagToken)
	case html.EndTagToken:
		name, _ := r.z.TagName()
		r.end(string(name))
		r.tag(string(name), false)
	}
	return true
}

func (r *reader) hidden() bool { return r.skips || r.template || r.nest.unseen > 0 }

// comment shows a CDATA section that is one only if something foreign is open.
func (r *reader) comment(raw []byte) {
	if text, is := bytes.CutPrefix(raw, []byte("<![CDATA[")); is && r.nest.some() {
		r.text(html.UnescapeString(string(text)))
		r.literal = true
	}
}

func (r *reader) start(tag startTag) {
	r.skips = false
	isHTML, known := r.nest.start(tag)
	switch {
	case !known && (isRaw(tag.name) || tag.name == "template"):
		r.literal = true
	case !known && tag.name == "select":
		r.selecting = true
	case !isHTML:
		r.z.NextIsNotRawText()
	default:
		r.startHTML(tag)
	}
}

// startHTML reads a tag of which it is known that it stands in HTML.
func (r *reader) startHTML(tag startTag) {
	switch name := tag.name; {
	case name == "noscript": // nothing here runs scripts
		r.z.NextIsNotRawText()
	case name == "select":
		r.selecting = true
	case name == "input", name == "keygen", name == "textarea":
		r.selecting = false // a select has none of these
	case r.selecting && (name == "svg" || name == "math"):
		r.nest.lose()
	case r.selecting && isRaw(name) && name != "script":
		r.literal = true
	case name == "template" && (r.selecting || r.nest.some()):
		r.literal = true
	case name == "template":
		_, shadow := tag.attributes["shadowrootmode"] // of what is around it, which is shown so
		r.template = r.template || !shadow
	case name == "pre" && !r.hidden():
		r.lines++
	default:
		r.skips = isUnseen(name)
	}
}

func (r *reader) end(name string) {
	r.skips = false
	r.nest.end(name)
	switch name {
	case "template": // if it was one inside of another, the rest of that is shown
		r.template = false
	case "select":
		r.selecting = false
	case "pre":
		r.lines = max(0, r.lines-1)
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
