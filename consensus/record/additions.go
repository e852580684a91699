package record

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"cairn/mailstore/message"
)

// addition is text that stands beside the author's, as people see it.
type addition struct {
	form     message.Type // Text or HTML
	readings []string     // what programs show of it, the first all that there is
	links    []string     // where it leads, beside what is read
	pictures bool         // it has some
	apart    bool         // a line that sets it apart begins it, whatever the program
}

// readAddition reads what was added to a text, or to HTML.
func readAddition(form message.Type, source string) addition {
	a := addition{form: form, readings: []string{source}, apart: true}
	if form == message.HTML {
		markup := []byte(source)
		a.readings = nil
		for _, as := range []seeing{{pictures: true}, {pictures: true, lines: true}, {}, {pictures: true, joined: true}, {joined: true}} {
			a.readings = append(a.readings, string(seen(markup, as)))
		}
		a.links, a.pictures, a.apart = leads(markup), pictured(markup), ruled(markup)
	}
	for _, text := range a.readings {
		a.apart = a.apart && separated([]byte(text))
	}
	return a
}

// harm says why an addition is not harmless, empty if it is.
func (a *addition) harm(own owners) string {
	if a.pictures {
		return "it has a picture, of which nothing tells what it shows"
	}
	for _, link := range a.links {
		if !own.plainLink(link) {
			return "its link leads elsewhere, or does to some programs"
		}
	}
	for _, text := range a.readings {
		if why := harm([]byte(text), own); why != "" {
			return why
		}
	}
	return ""
}

// unfit says why an addition is no footer without anybody vouching for it, empty if it is one.
func (a *addition) unfit(own owners) string {
	why := a.harm(own)
	switch {
	case why != "":
	case !a.apart && !(a.form == message.Text && own.isLeaving(a.readings[0])):
		why = "it does not begin with a line that sets it apart"
	case slices.ContainsFunc(a.readings, func(text string) bool { return quoting([]byte(text)) }):
		why = "it looks as if it quoted another mail"
	}
	return why
}

// harmlessTogether reports whether all additions to one mail could be one: what is harmless in each
// of two places may be none if it is read in a row. The two forms of a mail say the same, with the
// same digits, or both are read.
func harmlessTogether(all []addition, own owners) bool {
	var text, markup []string
	for _, a := range all {
		if a.form == message.HTML {
			markup = append(markup, a.readings[0])
		} else {
			text = append(text, a.readings[0])
		}
	}
	fine := func(pieces ...string) bool { return harmless([]byte(strings.Join(pieces, "\n")), own) }
	if !fine(text...) || !fine(markup...) {
		return false
	}
	a, b := digitsOf(text), digitsOf(markup)
	return a == "" || b == "" || a == b || fine(append(text, markup...)...)
}

// digitsOf is the digits in pieces of text, in a row.
func digitsOf(pieces []string) (row string) {
	for _, word := range wordsOf(norm.NFKC.String(strings.Join(pieces, "\n"))) {
		figures, _ := figuresIn(word)
		row += figures
	}
	return row
}

// readAdditions notes what was added to the body of a mail, and whether all of it is harmless
// together.
func (c *comparer) readAdditions() {
	for _, p := range c.Parts {
		switch {
		case p.Outcome == Extra && (p.Type == message.Text || p.Type == message.Layout && p.Index == 1):
			c.added = append(c.added, readAddition(message.Text, p.Added))
		case p.Kind == FooterAppended && (p.Type == message.Text || p.Type == message.HTML):
			c.added = append(c.added, readAddition(p.Type, p.Added))
		}
	}
	c.modest = harmlessTogether(c.added, c.own())
}

// harmlessFooter reports whether what was added to a text or HTML can pass for a footer: it is set
// apart, says nothing that moves money or readers, and stands behind all that the author wrote.
func (c *comparer) harmlessFooter(p *Part) bool {
	a := readAddition(p.Type, p.Added)
	return c.modest && !p.Cut && a.unfit(c.own()) == "" && c.standsLast(p)
}

// standsLast reports whether what was added to a text or HTML stands behind all texts of the
// author, but for those of the other form in the same multipart/alternative, and as it is read
// here.
func (c *comparer) standsLast(p *Part) bool {
	var in *message.Leaf
	for _, leaf := range c.d.Body().Leaves {
		switch {
		case leaf.Type == p.Type && leaf.Index == p.Received:
			if in = &leaf; !asItStands(in, p.Added) {
				return false
			}
		case in == nil, !c.wasWritten(&leaf):
		case leaf.Type == p.Type || !sameAlternative(in, &leaf):
			return false
		}
	}
	return in != nil
}

// sameAlternative reports whether two leaves stand in the same multipart/alternative.
func sameAlternative(a, b *message.Leaf) bool {
	for i, container := range a.In {
		kind, _, _ := strings.Cut(a.Path[i], message.LayoutField)
		kind, _, _ = strings.Cut(kind, ";")
		if kind == "multipart/alternative" && slices.Contains(b.In, container) {
			return true
		}
	}
	return false
}

// asItStands reports whether what was added at the end of a text stands there in lines none of
// which flows on (RFC 3676), nor the one before them: programs differ in what they show then.
func asItStands(leaf *message.Leaf, added string) bool {
	if leaf.Lines == nil {
		return true
	}
	flows := func(line []byte) bool {
		return bytes.HasSuffix(line, []byte(" ")) && string(line) != " " && string(line) != "-- "
	}
	rest := bytes.TrimRight(leaf.Lines, "\n")
	lines := strings.Split(strings.Trim(added, "\n"), "\n")
	for _, is := range slices.Backward(lines) {
		at := bytes.LastIndexByte(rest, '\n')
		if line := rest[at+1:]; flows(line) || string(bytes.TrimRight(line, " \t")) != strings.TrimRight(is, " \t") {
			return false
		}
		rest = rest[:max(at, 0)]
	}
	return !flows(rest[bytes.LastIndexByte(rest, '\n')+1:])
}
