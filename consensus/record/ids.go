package record

import (
	"regexp"
	"slices"
	"strings"

	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

// isEncodedIDs reports whether ids are as recorded once the encoded words are decoded in which some programs
// write what is too long for a line.
func isEncodedIDs(r *recorded, a *arrival) bool {
	if a.Reading != message.AsOctets || !r.budget.spend(len(a.Content)) {
		return false
	}
	words, ok := grammar.Words(unfolded(string(a.Content)))
	if !ok {
		return false
	}
	ids, ok := grammar.IDs(words)
	return ok && r.isContent([]byte(strings.Join(ids, " ")), nil)
}

var idPattern = regexp.MustCompile(`<[^<>\s]+>`)

// namesOther reports whether In-Reply-To or References names a mail, as it stands there or with its words
// decoded, that neither of the two was recorded with. What is not read counts as one.
func (c *comparer) namesOther(t message.Type) bool {
	known := c.keptIDs()
	return slices.ContainsFunc(c.received(t), func(a *arrival) bool { return c.namesBeside(a, known) })
}

// namesBeside reports whether a component names a mail that is neither known nor recorded beside other words.
func (c *comparer) namesBeside(a *arrival, known []string) bool {
	text, ok := grammar.Words(unfolded(string(a.Content)))
	others := idPattern.ReplaceAllStringFunc(text, func(id string) string {
		if slices.Contains(known, id) || c.origin.has(message.HintID, []byte(id)) {
			return ""
		}
		return id
	})
	return !ok || strings.ContainsAny(others, "<>@")
}

// keptIDs are the ids of In-Reply-To and References that are as recorded.
func (c *comparer) keptIDs() (ids []string) {
	for i := range c.Parts {
		p := &c.Parts[i]
		if (p.Type == message.InReplyTo || p.Type == message.References) && (p.Outcome == Same || p.Kind == Encoded || p.Kind == Refolded) {
			ids = append(ids, c.ids(p.Type)...)
		}
	}
	return ids
}

// ids are those that a received field names.
func (c *comparer) ids(t message.Type) (ids []string) {
	for _, a := range c.received(t) {
		words, _ := grammar.Words(unfolded(string(a.Content)))
		ids = append(ids, idPattern.FindAllString(words, -1)...)
	}
	return ids
}
