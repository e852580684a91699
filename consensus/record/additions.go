package record

import (
	"slices"

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
