package query

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"cairn/index/query/nearest"
)

// field parses name:value; the token is the name.
func (p *parser) field() (Q, error) {
	name := p.token
	if p.inField != "" {
		return nil, faultAt(name.pos, "%s: cannot stand inside %s:( ); to search for the text itself, put it in quotes", name.text, p.inField)
	}
	if also, found := synonyms[name.text]; found {
		name.text = also
	}
	text := slices.Contains(Fields(), FieldName(name.text))
	condition, known := conditions[name.text]
	if !text && !known {
		return nil, unknownField(name)
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
		if strings.EqualFold(value.text, "me") && slices.Contains([]FieldName{From, To, Cc}, name) {
			return nil, faultAt(value.pos, "%s:me is not known; write the address, as in %s:alice@example.org, or %s:\"me\" for the word", name, name, name)
		}
		q, err := wordOrPrefix(value)
		if err != nil {
			return nil, err
		}
		return Field{name, q}, p.advance()
	}
	p.token, p.inField = value, name
	q, err := p.atom()
	p.inField = ""
	if err != nil {
		return nil, err
	}
	return Field{name, q}, nil
}

// synonyms are names that other programs have for ours.
var synonyms = map[string]string{
	"in": "label", "tag": "label", "folder": "label", "mid": "id", "rfc822msgid": "id", "size": "larger", "larger_than": "larger", "smaller_than": "smaller", "older": "before", "newer": "after",
}

// elsewhere are names of other programs that we have nothing for, with what to write.
var elsewhere = map[string]string{
	"thread": "name words of its subject, as in subject:(offer 4711)", "path": "there are no folders; write label:x", "bcc": "write to:x", "deliveredto": "write to:x",
	"category": "write label:x", "property": "write the word itself",
}

// isName tells whether a field or a condition is called so, here or in another program.
func isName(name string) bool {
	_, other := elsewhere[name]
	return other || synonyms[name] != "" || slices.Contains(Names(), name)
}

// unknownField says what to write in place of a name that is none.
func unknownField(name token) error {
	if instead, found := elsewhere[name.text]; found {
		return faultAt(name.pos, "there is no field %s; %s", name.text, instead)
	}
	return faultAt(name.pos, "there is no field %s%s fields are %s; to search for the text itself, put it in quotes", name.text, meant(name.text, "", ":", Names()), strings.Join(Names(), " "))
}

// meant asks for the word that is nearest, if one is, with what stands around it, and ends with a
// semicolon if none is.
func meant(word, before, behind string, words []string) string {
	if near := nearest.Word(strings.ToLower(word), words); near != "" {
		return "; did you mean " + before + near + behind + "?"
	}
	return ";"
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
	"is":      func(_ *parser, v token) (Q, error) { return stateNamed(v) },
	"has": func(_ *parser, v token) (Q, error) {
		word := strings.ToLower(v.text)
		if word != HasAttachment && nearest.Word(word, []string{HasAttachment}) != "" {
			return nil, faultAt(v.pos, "has:%s is not known; did you mean has:attachment?", v.text)
		}
		if word != HasAttachment {
			return nil, faultAt(v.pos, "has: knows only has:attachment; for a label write label:%s", v.text)
		}
		return Has{HasAttachment}, nil
	},
	"query": func(_ *parser, v token) (Q, error) {
		if _, err := labelNamed(v, strings.ToLower(v.text)); err != nil {
			return nil, faultAt(v.pos, "%q is not the name of a query; names have up to 64 letters, digits and - _ . /", v.text)
		}
		return Named{strings.ToLower(v.text)}, nil
	},
	"larger":     func(_ *parser, v token) (Q, error) { return sizeOf(v, true) },
	"smaller":    func(_ *parser, v token) (Q, error) { return sizeOf(v, false) },
	"date":       func(p *parser, v token) (Q, error) { return dateRange(v, p.now) },
	"received":   func(p *parser, v token) (Q, error) { return dateReceived(v, p.now) },
	"before":     func(p *parser, v token) (Q, error) { return dateBefore(v, p.now) },
	"after":      func(p *parser, v token) (Q, error) { return dateAfter(v, p.now) },
	"newer_than": func(p *parser, v token) (Q, error) { return ageOf(v, p.now, true) },
	"older_than": func(p *parser, v token) (Q, error) { return ageOf(v, p.now, false) },
}

// states are what is: takes: the labels of the system, and read for not unread.
var states = []string{"read", "unread", "inbox", "sent", "spam", "deleted", "quarantine", "waiting"}

// stateNamed is the condition is:x.
func stateNamed(v token) (Q, error) {
	word := strings.ToLower(v.text)
	switch {
	case word == "read":
		return Not{Label{"unread"}}, nil
	case slices.Contains(states, word):
		return Label{word}, nil
	case slices.Contains(verdicts, word):
		return nil, faultAt(v.pos, "is:%s is not known; write verdict:%s", v.text, word)
	}
	return nil, faultAt(v.pos, "is:%s is not known%s is: takes %s; for a label write label:%s", v.text, meant(v.text, "is:", "", states), strings.Join(states, " "), v.text)
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
