package record

import (
	"strings"

	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

// encodedField returns the recorded lines of a field of links that some programs write in encoded
// words where one is too long for a line, with a blank between two links or none.
func (c *comparer) encodedField(label string, f *message.NamedField) (recorded message.NamedField, ok bool) {
	if !strings.HasPrefix(f.Name, "list-") || !c.origin.hasLabel(label) || len(c.origin.of(message.Fields)) == 0 {
		return recorded, false
	}
	form := func(digit string) string { return f.Name + ": " + digit }
	for _, blank := range []string{" ", ""} {
		var lines strings.Builder
		for line := range strings.Lines(f.Lines) {
			if value, octets := strings.CutPrefix(line, form("2")); octets {
				words, fine := grammar.Words(unfolded(strings.TrimSuffix(value, "\n")))
				if !fine {
					return recorded, false
				}
				line = form("1") + strings.ReplaceAll(words, ">, <", ">,"+blank+"<") + "\n"
			}
			lines.WriteString(line)
		}
		if !c.origin.budget.spend(tagWork + lines.Len()) {
			break
		}
		if c.origin.budget.tried(); c.origin.has(label, []byte(lines.String())) {
			return message.NamedField{Name: f.Name, Lines: lines.String()}, true
		}
	}
	return recorded, false
}
