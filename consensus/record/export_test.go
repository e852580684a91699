package record

import "cairn/mailstore/message"

// MaxTries is how many digests and tags a comparison may try to explain differences.
const MaxTries = maxWork / tryWork

// CompareTries is Compare, and how many digests and tags it tried and octets it hashed.
func CompareTries(t *Token, arrived *message.Dissection, with Context) (c Comparison, tries, work int) {
	o := originOf(t)
	c = compareOrigin(t.Record.Version, o, arrived, with)
	return c, o.budget.tries, maxWork - o.budget.left
}
