package query

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// field parses name:value; the token is the name.
func (p *parser) field() (Q, error) {
	name := p.token
	if p.inField != "" {
		return nil, faultAt(name.pos, "%s: cannot stand inside %s:( ); to search for the text itself, put it in quotes", name.text, p.inField)
	}
	text := slices.Contains(Fields(), FieldName(name.text))
	condition, known := conditions[name.text]
	if !text && !known {
		return nil, faultAt(name.pos, "there is no field %s; fields are %s; to search for the text itself, put it in quotes", name.text, strings.Join(Names(), " "))
	}
	value, err := p.lexer.value(name)
	if err != nil {
		return nil, err
	}
	if text {
		return p.textField(FieldName(name.text), value)
	}
	if value.kind == tokenOpen {
		return nil, faultAt(value.pos, "%s: takes one value, not a group; write (%s:a or %s:b)", name.text, name.text, name.text)
	}
	q, err := condition(p, value)
	if err != nil {
		return nil, err
	}
	return q, p.advance()
}

func (p *parser) textField(name FieldName, value token) (Q, error) {
	switch value.kind {
	case tokenPhrase:
		return Field{name, Phrase{value.text}}, p.advance()
	case tokenWord:
		q, err := wordOrPrefix(value)
		if err != nil {
			return nil, err
		}
		return Field{name, q}, p.advance()
	}
	p.token, p.inField = value, name
	q, err := p.group()
	p.inField = ""
	if err != nil {
		return nil, err
	}
	return Field{name, q}, nil
}

// Names returns all that may stand before a colon in a query, sorted.
func Names() []string {
	names := Conditions()
	for _, f := range Fields() {
		names = append(names, string(f))
	}
	slices.Sort(names)
	return names
}

// Conditions returns the fields that do not look into text, sorted.
func Conditions() []string { return slices.Sorted(maps.Keys(conditions)) }

// conditions are the fields that do not look into text.
var conditions = map[string]func(p *parser, value token) (Q, error){
	"label":   func(_ *parser, v token) (Q, error) { return labelNamed(v, strings.ToLower(v.text)) },
	"verdict": func(_ *parser, v token) (Q, error) { return verdictNamed(v) },
	"is": func(_ *parser, v token) (Q, error) {
		if strings.EqualFold(v.text, "read") {
			return Not{Label{"unread"}}, nil
		}
		return labelNamed(v, strings.ToLower(v.text))
	},
	"has": func(_ *parser, v token) (Q, error) {
		if !strings.EqualFold(v.text, HasAttachment) {
			return nil, faultAt(v.pos, "has: knows only has:attachment; for a label write label:%s", v.text)
		}
		return Has{HasAttachment}, nil
	},
	"larger":     func(_ *parser, v token) (Q, error) { return sizeOf(v, true) },
	"smaller":    func(_ *parser, v token) (Q, error) { return sizeOf(v, false) },
	"date":       func(p *parser, v token) (Q, error) { return dateRange(v, p.now) },
	"received":   func(p *parser, v token) (Q, error) { return dateReceived(v, p.now) },
	"before":     func(p *parser, v token) (Q, error) { return dateBefore(v, p.now) },
	"after":      func(p *parser, v token) (Q, error) { return dateAfter(v, p.now) },
	"newer_than": func(p *parser, v token) (Q, error) { return dateNewer(v, p.now) },
	"older_than": func(p *parser, v token) (Q, error) { return dateOlder(v, p.now) },
}

func labelNamed(v token, name string) (Q, error) {
	bad := func(r rune) bool {
		return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("-_./", r))
	}
	if v.text == "" || len(name) > 64 || strings.ContainsFunc(name, bad) {
		return nil, faultAt(v.pos, "%q is not a label; labels have up to 64 letters, digits and - _ . /", v.text)
	}
	return Label{name}, nil
}

// sizeOf reads a number of bytes with an optional unit k, M or G (powers of 1024).
func sizeOf(v token, larger bool) (Q, error) {
	digits := strings.TrimSuffix(strings.ToLower(v.text), "b")
	shift := 0
	for i, unit := range []string{"k", "m", "g"} {
		if s, found := strings.CutSuffix(digits, unit); found {
			digits, shift = s, 10*(i+1)
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	n = math.Ldexp(n, shift)
	if err != nil || strings.Trim(digits, "0123456789.") != "" || n > 1<<52 {
		return nil, faultAt(v.pos, "%q is not a size; write a number with k, M or G behind it, as in larger:1M", v.text)
	}
	return Size{Larger: larger, Bytes: int64(n)}, nil
}
