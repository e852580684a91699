package record

import (
	"bytes"
	"slices"
	"strings"

	"cairn/mailstore/message"
)

// addition is text that stands beside the author's, as people see it.
type addition struct {
	form     message.Type // Text or HTML
	readings []string     // what programs show of it, the first all that there is
	links    []string     // where it leads, beside what is read
	apart    bool         // a line that sets it apart begins it, whatever the program
}

// readAddition reads what was added to a text, or to HTML.
func readAddition(form message.Type, source string) addition {
	a := addition{form: form, readings: []string{source}, apart: true}
	if form == message.HTML {
		markup := []byte(source)
		a.readings = nil
		for _, as := range []seeing{{pictures: true}, {pictures: true, lines: true}, {}} {
			a.readings = append(a.readings, string(seen(markup, as)))
		}
		a.links, a.apart = leads(markup), ruled(markup)
	}
	for _, text := range a.readings {
		a.apart = a.apart && separated([]byte(text))
	}
	return a
}

// harm says why an addition is not harmless, empty if it is.
func (a *addition) harm(own owners) string {
	for _, link := range a.links {
		if !own.link(link) {
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
	case !a.apart:
		why = "it does not begin with a line that sets it apart"
	case slices.ContainsFunc(a.readings, func(text string) bool { return quoting([]byte(text)) }):
		why = "it has a line that begins as one that is quoted"
	}
	return why
}

// harmlessFooter reports whether what was added to a text or HTML can pass for a footer: it is set
// apart, says nothing that moves money or readers, and is read in all programs as it stands there.
func (c *comparer) harmlessFooter(p *Part) bool {
	a := readAddition(p.Type, p.Added)
	return !p.Cut && a.unfit(c.own()) == "" && slices.ContainsFunc(c.d.Body().Leaves, func(leaf message.Leaf) bool {
		return leaf.Type == p.Type && leaf.Index == p.Received && asItStands(&leaf, p.Added)
	})
}

// asItStands reports whether what was added at the end of a text stands there in lines none of which
// flows on (RFC 3676), nor the one before them: programs differ in what they show then.
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
