package record

import (
	"iter"
	"regexp"
	"slices"
	"strings"

	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

// Of a value that was folded in another way, or whose line ends alone were taken out.
const (
	maxFold   = 8  // white space in one place
	maxSpread = 16 // and in all of them but those between addresses, beyond one each: with more, words can be pushed out of sight
	maxFolds  = 16 // places of which each is tried alone
)

// white is what stands between the words of a value, grammar.Fold in the place of folds.
const white = " \t" + grammar.Fold

// foldedWord is an encoded word, or what some programs take for one, with a fold inside.
var foldedWord = regexp.MustCompile(`=\?[^ \t\r]*\?[bBqQ]\?[^?]*\r`)

// unfolded is a value with a space for each fold.
func unfolded(value string) string { return strings.ReplaceAll(value, grammar.Fold, " ") }

// blanks are where the runs of white space of a value begin and end.
func blanks(value string) (places [][2]int) {
	for at := 0; at < len(value); {
		i := strings.IndexAny(value[at:], white)
		if i < 0 {
			break
		}
		begin := at + i
		at = len(value) - len(strings.TrimLeft(value[begin:], white))
		places = append(places, [2]int{begin, at})
	}
	return places
}

// withBlank is a value with the same white space in all its places.
func withBlank(value string, places [][2]int, blank string) string {
	var b strings.Builder
	end := 0
	for _, at := range places {
		b.WriteString(value[end:at[0]] + blank)
		end = at[1]
	}
	b.WriteString(value[end:])
	return b.String()
}

// refolded goes through what a value may have been, or become, with one blank, one tab or one fold
// where it has white space, which is where a fold may stand: in all places, or in one, the others
// as they are or a blank. No white space comes or goes, so that no two words are one and no word is
// two. White space counts less in the places in between.
func refolded(value string, between map[int]bool) iter.Seq[string] {
	return func(yield func(string) bool) {
		places, spread := blanks(value), 0
		for _, at := range places {
			if !between[at[0]] {
				spread += at[1] - at[0] - 1
			}
			if at[1]-at[0] > maxFold || spread > maxSpread {
				return
			}
		}
		plain := withBlank(value, places, " ")
		for _, blank := range []string{" ", "\t", grammar.Fold} {
			if all := withBlank(value, places, blank); all != value && !yield(all) {
				return
			}
			if len(places) < 2 || len(places) > maxFolds {
				continue
			}
			for _, at := range places {
				if value[at[0]:at[1]] != blank && !yield(value[:at[0]]+blank+value[at[1]:]) {
					return
				}
			}
			if plain == value {
				continue
			}
			for _, at := range blanks(plain) { // a fold that was moved
				if blank != " " && !yield(plain[:at[0]]+blank+plain[at[1]:]) {
					return
				}
			}
		}
	}
}

// betweenAddresses are the places directly behind the commas that part the mailboxes of an address
// field.
func betweenAddresses(value string) map[int]bool {
	places := map[int]bool{}
	quoted, angle, comment := false, false, 0
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\':
			i++
		case c == '"' && comment == 0:
			quoted = !quoted
		case quoted:
		case c == '(':
			comment++
		case c == ')':
			comment--
		case c == '<' || c == '>':
			angle = c == '<'
		case c == ',' && comment == 0 && !angle:
			places[i+1] = true
		}
	}
	return places
}

// isRefolded reports whether a subject, ids with words beside them, or the names of an address
// field, are as recorded once the field is folded in another way; r is nil if no names were
// recorded, and the addresses have to be those then.
func (c *comparer) isRefolded(field message.Type, r *recorded) bool {
	value := c.d.Folded(field.String())
	if foldedWord.MatchString(value) {
		return false
	}
	var between map[int]bool
	if row, _ := field.Info(); row.Form == message.FormAddresses {
		between = betweenAddresses(value)
	}
	for other := range refolded(value, between) {
		if foldedWord.MatchString(other) {
			continue
		}
		if !c.origin.budget.spend(8 * len(other)) {
			return false
		}
		list := c.d.Reread(field, other)
		named := slices.ContainsFunc(list, func(m message.Component) bool { return m.Type == message.Names })
		for i := range list {
			m := &list[i]
			switch {
			case r == nil && !named && m.Type == field && slices.ContainsFunc(c.origin.of(field), func(r *recorded) bool { return r.is(m.Digest()) }),
				r != nil && m.Type == r.kind && m.Index == r.index && r.is(m.Digest()):
				return true
			}
		}
	}
	return false
}

// refoldedNames notes names that came with white space in the place of a fold, where none were
// recorded.
func (c *comparer) refoldedNames() {
	for i := range c.Parts {
		if p := &c.Parts[i]; p.Type == message.Names && p.Outcome == Extra && c.isRefolded(message.Type(p.Index), nil) {
			p.Kind = Refolded
		}
	}
}

// refoldedField returns the recorded lines of a field that differs from them in how it is folded.
func (c *comparer) refoldedField(label string, f *message.NamedField) (recorded message.NamedField, ok bool) {
	if !c.origin.hasLabel(label) || len(c.origin.of(message.Fields)) == 0 {
		return recorded, false
	}
	head := len(f.Name) + len(": 1")
	var heads, values []string
	for line := range strings.Lines(f.Lines) {
		heads, values = append(heads, line[:head]), append(values, strings.TrimSuffix(line[head:], "\n"))
	}
	value := strings.Join(values, "\n")
	if foldedWord.MatchString(value) {
		return recorded, false
	}
	for other := range refolded(value, nil) {
		if foldedWord.MatchString(other) {
			continue
		}
		if !c.origin.budget.spend(tagWork + len(other)) {
			break
		}
		var lines strings.Builder
		for i, value := range strings.Split(other, "\n") {
			lines.WriteString(heads[i] + value + "\n")
		}
		if c.origin.budget.tried(); c.origin.has(label, []byte(lines.String())) {
			return message.NamedField{Name: f.Name, Lines: lines.String()}, true
		}
	}
	return recorded, false
}
