package record

import (
	"fmt"

	"cairn/mailstore/message"
)

// Outcome of one component's comparison.
type Outcome string

// The outcomes.
const (
	Same    Outcome = "same"
	Changed Outcome = "changed"
	Absent  Outcome = "absent" // recorded, but not in what arrived
	Extra   Outcome = "extra"  // arrived, but not recorded
)

// Part is the comparison of one component.
type Part struct {
	Type    message.Type
	Index   uint16 // as recorded; of an extra part as received
	Outcome Outcome
	Kind    string // why it differs, one of Kinds; empty if unknown or same
	Detail  string // e.g. the text of the footer, shortened; may be empty
}

// Benign reports whether the part is the same or differs as honest relays make it differ.
func (p Part) Benign() bool { return p.Outcome == Same || benign(p.Kind, p.Type) }

// Decisive reports whether the part alone keeps the message from coming out as wanted.
func (p Part) Decisive() bool {
	row, known := p.Type.Info()
	return !p.Benign() && (!known || row.Decisive)
}

// String explains the part to people, e.g. `text: a footer was appended: "Sent to you by …"`.
func (p Part) String() string {
	name := p.Type.String()
	if p.Index > 0 {
		name = fmt.Sprintf("%s %d", name, p.Index+1)
	}
	var says string
	switch {
	case p.Outcome == Same:
		says = "same"
	case p.Kind != "":
		says = kindInfo(p.Kind).Says
	case p.Outcome == Absent:
		says = kindInfo(Removed).Says
	case p.Outcome == Extra:
		says = kindInfo(Added).Says
	default:
		says = "differs from what was recorded"
	}
	if p.Detail == "" {
		return name + ": " + says
	}
	return fmt.Sprintf("%s: %s: %q", name, says, p.Detail)
}

// Comparison lays a record beside what arrived.
type Comparison struct {
	Parts    []Part // in the order of type and index
	Same     int
	Recorded int // components of the record that should be in this delivery; other envelope recipients are not counted
	Extra    int

	// RecipientInRecord is false if a received envelope recipient is not in the record.
	RecipientInRecord bool
}

// Share is same / (recorded + extra), 0 to 1.
func (c Comparison) Share() float64 {
	if c.Recorded+c.Extra == 0 {
		return 0
	}
	return float64(c.Same) / float64(c.Recorded+c.Extra)
}

// Reaches reports whether the share is at least threshold percent.
func (c Comparison) Reaches(threshold int) bool {
	return c.Recorded+c.Extra > 0 && c.Same*100 >= threshold*(c.Recorded+c.Extra)
}

// AllSame reports whether every recorded component arrived as it was and none of a type that must not be added is extra.
func (c Comparison) AllSame() bool {
	if c.Recorded == 0 || c.Same != c.Recorded || !c.RecipientInRecord {
		return false
	}
	for _, p := range c.Parts {
		if row, known := p.Type.Info(); p.Outcome == Extra && (!known || row.NoExtra) {
			return false
		}
	}
	return true
}

// MayBeWanted is false if a part differs that no share can make up for: from, envelope recipient, text, html or an attachment, changed, removed or
// added with no benign explanation.
func (c Comparison) MayBeWanted() bool {
	for _, p := range c.Parts {
		if p.Decisive() {
			return false
		}
	}
	return c.Recorded > 0 && c.RecipientInRecord
}

// Differences explains the parts that are not the same, in their order.
func (c Comparison) Differences() []string {
	var list []string
	for _, p := range c.Parts {
		if p.Outcome != Same {
			list = append(list, p.String())
		}
	}
	return list
}
