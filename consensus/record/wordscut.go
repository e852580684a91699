package record

import (
	"slices"

	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

// isCut reports whether a subject, or the names of an address field, are as recorded once encoded
// words that an encoder cut where they were full, with padding between them, are one again.
func (c *comparer) isCut(r *recorded) bool {
	field := r.kind
	if field == message.Names {
		field = message.Type(r.index)
	} else if field != message.Subject {
		return false
	}
	joined, ok := grammar.JoinedWords(c.d.Value(field.String()))
	return ok && c.origin.budget.spend(8*len(joined)) && slices.ContainsFunc(c.d.Reread(field, joined), func(m message.Component) bool {
		return m.Type == r.kind && m.Index == r.index && m.Reading == message.Canonical && r.is(m.Digest())
	})
}
