package record

import (
	"iter"

	"cairn/mailstore/message"
)

// MaxTries is how many digests and tags a comparison may try to explain differences.
const MaxTries = maxWork / tryWork

const MaxTokenFields = maxTokenFields

// FindTokens is findTokens.
func FindTokens(raw []byte) []tokenField { return findTokens(raw) }

// TagOf is the tag of value under label in the record with that secret.
func TagOf(s Secret, label string, value []byte) Tag { return newTagger(s).tag(label, value) }

// Kinds are all kinds of difference.
func Kinds() []difference { return kinds }

// CompareTries is Compare, and how many digests and tags it tried and octets it hashed.
func CompareTries(t *Token, arrived *message.Dissection, with Context) (c Comparison, tries, work int) {
	o := originOf(t)
	c = compareOrigin(t.Record.Version, o, arrived, with)
	return c, o.budget.tries, maxWork - o.budget.left
}

// Foldings is refolded for a list of addresses.
func Foldings(value string) iter.Seq[string] { return refolded(value, betweenAddresses(value)) }

const MaxProven = maxProven

// Len is how many signatures are remembered.
func (p *Proven) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.young) + len(p.old)
}
