package message

import (
	"slices"
	"strings"

	"cairn/mailstore/message/grammar"
)

// namedFields gathers fields by name, ascending, the values of each in their order.
func namedFields(fields []grammar.Field) []NamedField {
	fields = slices.Clone(fields)
	slices.SortStableFunc(fields, func(a, b grammar.Field) int { return strings.Compare(a.Name, b.Name) })
	var named []NamedField
	for len(fields) > 0 {
		var lines strings.Builder
		name, n := fields[0].Name, 0
		for n < len(fields) && fields[n].Name == name {
			lines.WriteString(formLine(name, valueForm(name), &fields[n]))
			n++
		}
		named, fields = append(named, NamedField{name, lines.String()}), fields[n:]
	}
	return named
}

// formLine is a line of a component that holds several fields: the name, ": ", 1 and the canonical
// value or 2 and the value as it stands there with its folds, LF.
func formLine(name string, canonical func(string) (string, bool), f *grammar.Field) string {
	if words, ok := canonical(f.Value); ok {
		return name + ": 1" + words + "\n"
	}
	return name + ": 2" + f.Folded + "\n"
}

// packagingLines is the content of MIME: its fields by name, in their order.
func packagingLines(fields []grammar.Field) string {
	slices.SortStableFunc(fields, func(a, b grammar.Field) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	for _, f := range fields {
		form := packagingForm(f.Name)
		switch f.Name {
		case "content-transfer-encoding":
			f.Value = encodingValue(f)
			f.Folded = f.Value
		case "content-type", "content-disposition":
			if f.QuoteFolded { // some programs keep the line end, in a boundary or a file name too
				form = asItStands
			}
		}
		b.WriteString(formLine(f.Name, form, &f))
	}
	return b.String()
}

// asItStands is the form of a field that programs read in different ways.
func asItStands(string) (string, bool) { return "", false }

func packagingForm(name string) func(string) (string, bool) {
	switch name {
	case "content-type":
		return func(value string) (string, bool) {
			m, ok := grammar.MediaType(value)
			return mediaLine(&m), ok && !m.OddFile
		}
	case "content-disposition":
		return func(value string) (string, bool) {
			m, ok := grammar.Disposition(value)
			return mediaLine(&m), ok && !m.OddFile
		}
	case "content-transfer-encoding":
		return func(value string) (string, bool) {
			_, plain, ok := grammar.TransferEncoding(value)
			return strings.ToLower(value), plain && ok
		}
	}
	return valueForm(name)
}

// valueForm is the canonical form of other fields: encoded words are decoded in those that have
// words for people, but a keyword, an id or an address that is encoded is none to most programs.
func valueForm(name string) func(string) (string, bool) {
	if structured(name) {
		return func(value string) (string, bool) {
			words, ok := grammar.Words(value)
			return words, ok && words == value
		}
	}
	return grammar.Words
}

// mediaLine is a media type or disposition in one line: kind, ";name=value" for each parameter,
// ascending, and ";*=" with the file name.
func mediaLine(m *grammar.Media) string {
	var b strings.Builder
	b.WriteString(m.Kind)
	for _, p := range m.Params {
		b.WriteString(";" + p.Name + "=" + p.Value)
	}
	if m.Named {
		b.WriteString(";*=" + m.File)
	}
	return b.String()
}
