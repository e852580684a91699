package record

import (
	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

// completesResent reports whether a field that was added is the id or the date of a mail that was
// recorded as resent without one, as programs add them that pass such mail on.
func (c *comparer) completesResent(p *Part) bool {
	if p.Outcome != Extra || p.Cut || len(c.origin.of(message.Fields)) == 0 || c.origin.full || c.origin.hasLabel(message.HintField+p.Field) || !c.resentAsRecorded() {
		return false
	}
	switch p.Field {
	case "resent-message-id":
		ids, ok := grammar.IDs(p.Added)
		return ok && len(ids) == 1
	case "resent-date":
		_, wrong, ok := grammar.Date(p.Added)
		return ok && wrong == ""
	}
	return false
}

// resentAsRecorded reports whether Resent-From was recorded as it arrived.
func (c *comparer) resentAsRecorded() bool {
	const field = "resent-from"
	for _, f := range c.d.Fields() {
		if f.Name == field {
			return c.origin.has(message.HintField+field, []byte(f.Lines))
		}
	}
	return false
}
