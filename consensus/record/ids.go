package record

import (
	"regexp"
	"slices"
	"strings"

	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

// isEncodedIDs reports whether ids are as recorded once the encoded words are decoded in which some
// programs write what is too long for a line.
func isEncodedIDs(r *recorded, a *arrival) bool {
	if a.Reading != message.AsOctets || !r.budget.spend(a.Size()) {
		return false
	}
	words, ok := grammar.Words(unfolded(string(a.Content())))
	if !ok {
		return false
	}
	ids, ok := grammar.IDs(words)
	return ok && r.isContent([]byte(strings.Join(ids, " ")), nil)
}

var idPattern = regexp.MustCompile(`<[^<>\s]+>`)

// namesOther reports whether In-Reply-To or References names a mail, as it stands there or with its
// words decoded, that neither of the two was recorded with. What is not read counts as one.
func (c *comparer) namesOther(t message.Type) bool { return c.namesBeside(t, c.keptIDs()) }

// namesBeside reports whether a field names a mail that is neither known nor recorded beside other
// words. What it finds recorded is known from then on.
func (c *comparer) namesBeside(t message.Type, known map[string]bool) bool {
	asked := 0
	isKnown := func(id string) bool {
		if !known[id] && asked < maxAsked {
			asked++
			c.origin.budget.tried()
			known[id] = c.origin.has(message.HintID, []byte(id))
		}
		return known[id]
	}
	return slices.ContainsFunc(c.received(t), func(a *arrival) bool {
		text, ok := grammar.Words(unfolded(string(a.Content())))
		return !ok || !allIDs(text, isKnown)
	})
}

// maxAsked is how many ids a record is asked for: as many as two fields have there.
const maxAsked = 16

// allIDs reports whether a text has no ids but those that are known, and nothing else that could be
// one. It ends at the first: fields have room for many thousands.
func allIDs(text string, isKnown func(id string) bool) bool {
	for at := idPattern.FindStringIndex(text); at != nil; at = idPattern.FindStringIndex(text) {
		if strings.ContainsAny(text[:at[0]], "<>@") || !isKnown(text[at[0]:at[1]]) {
			return false
		}
		text = text[at[1]:]
	}
	return !strings.ContainsAny(text, "<>@")
}

// keptIDs are the ids of In-Reply-To and References that are as recorded.
func (c *comparer) keptIDs() map[string]bool {
	kept := map[message.Type]bool{}
	for i := range c.Parts {
		p := &c.Parts[i]
		fine := p.Outcome == Same || p.Kind == Encoded || p.Kind == Refolded
		if fine && (p.Type == message.InReplyTo || p.Type == message.References) {
			kept[p.Type] = true
		}
	}
	known := map[string]bool{}
	for t := range kept {
		c.addIDs(known, t)
	}
	return known
}

// addIDs adds to known the ids that a received field names.
func (c *comparer) addIDs(known map[string]bool, t message.Type) {
	for _, a := range c.received(t) {
		words, _ := grammar.Words(unfolded(string(a.Content())))
		for _, id := range idPattern.FindAllString(words, -1) {
			known[id] = true
		}
	}
}
