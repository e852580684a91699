package record

import (
	"fmt"
	"slices"

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
	Kind    string // why it differs, one of the kinds; empty if unknown or same
	Detail  string // e.g. the text of the footer, shortened; may be empty

	// Of records of version 2.
	Kept     bool   `json:",omitempty"` // the author's own is there: the same, or as an honest relay leaves it
	Decides  bool   `json:",omitempty"` // alone keeps the message from counting as wanted
	Mark     bool   `json:",omitempty"` // the known forwarder may make it
	Silent   bool   `json:",omitempty"` // a Mark that says nothing and leads nowhere but to the forwarder
	Moved    bool   `json:",omitempty"` // the same content in another place
	Field    string `json:",omitempty"` // of Fields: the name, in lower case
	Added    string `json:",omitempty"` // text that was added, at most 2,048 octets of it, 4,096 of names
	Cut      bool   `json:",omitempty"` // and there is more
	Lines    int    `json:",omitempty"` // of the author's text in front of what was added
	Received uint16 `json:",omitempty"` // the index of what it became

	named bool // to be said, but no more
}

// Benign reports whether the part is the same or differs as honest relays make it differ. What
// kinds do so is version 1's rule, by which explainTogether goes too; for version 2 weigh.go
// decides.
func (p Part) Benign() bool { return p.Outcome == Same || p.Kept || benign(p.Kind, p.Type) }

// about is the field that a part is of: of names that which they stand in.
func (p Part) about() message.Type {
	if p.Type == message.Names {
		return message.Type(p.Index)
	}
	return p.Type
}

// name is what people call the part.
func (p Part) name() string {
	switch {
	case p.Type == message.Names:
		return "names in " + p.about().String()
	case p.Type == message.Layout && p.Index == 1:
		return "text before or behind the parts"
	case p.Field != "":
		return "header field " + p.Field
	case p.Type == message.Fields && p.Kind == Malformed:
		return "header"
	case p.Type == message.Fields:
		return "other header fields"
	case p.Index > 0:
		return fmt.Sprintf("%s %d", p.Type, p.Index+1)
	}
	return p.Type.String()
}

// String explains the part to people, e.g. `text: a footer was appended: "Sent to you by …"`.
func (p Part) String() string {
	name := p.name()
	var says string
	switch {
	case p.Outcome == Same && p.Moved:
		says = "the same in another place"
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
	Version  uint8  `json:",omitempty"` // of the record; 0 stands for 1
	Parts    []Part // in the order of type and index
	AsSent   bool   `json:",omitempty"` // the body is the octets that were sent
	Same     int    // of those that count
	Kept     int    `json:",omitempty"`
	Recorded int    // components that count; in version 1 all that should be in this delivery, other envelope recipients aside
	Extra    int

	// SenderThreshold is the least share that the sender asked for, in per cent; 0: none.
	SenderThreshold int `json:",omitempty"`

	// RecipientInRecord is false if a received envelope recipient is not in the record and no known
	// forwarder explains it.
	RecipientInRecord bool
}

// Counted is the share in numbers: how many of the parts that count are as recorded, or differ as
// an honest relay makes them differ, and how many parts count.
func (c Comparison) Counted() (kept, of int) {
	if c.Version < RecordVersion {
		return c.Same, c.Recorded + c.Extra
	}
	return c.Kept, c.Recorded
}

// Share says how much of the author's message is there, 0 to 1. It measures match, not safety.
func (c Comparison) Share() float64 {
	kept, of := c.Counted()
	if of == 0 {
		return 0
	}
	return float64(kept) / float64(of)
}

// Reaches reports whether the share is at least threshold percent.
func (c Comparison) Reaches(threshold int) bool {
	kept, of := c.Counted()
	return of > 0 && kept*100 >= threshold*of
}

// AllSame reports whether every recorded component arrived as it was and none of a type that must
// not be added is extra.
func (c Comparison) AllSame() bool {
	if c.Recorded == 0 || c.Version < RecordVersion && c.Same != c.Recorded || !c.RecipientInRecord {
		return false
	}
	for _, p := range c.Parts {
		if p.Type.Derived() {
			continue // what it is derived from is there itself
		}
		row, known := p.Type.Info()
		if p.Moved || p.Outcome == Extra && (!known || row.NoExtra) || p.Outcome == Changed || p.Outcome == Absent {
			return false
		}
	}
	return true
}

// Intact is AllSame whoever the message is for.
func (c Comparison) Intact() bool {
	c.Parts = slices.DeleteFunc(slices.Clone(c.Parts), func(p Part) bool { return p.Type == message.Recipient })
	c.RecipientInRecord = true
	return c.AllSame()
}

// MayBeWanted is false if a part differs that no share can make up for.
func (c Comparison) MayBeWanted() bool {
	for _, p := range c.Parts {
		if c.Decides(p) {
			return false
		}
	}
	return c.Recorded > 0 && c.RecipientInRecord
}

// Decides reports whether a part of the comparison alone keeps the message from coming out as
// wanted.
func (c Comparison) Decides(p Part) bool {
	if c.Version >= RecordVersion {
		return p.Decides
	}
	row, known := p.Type.Info()
	return p.Decides || !p.Benign() && (!known || row.Decisive)
}

// Differences explains the parts that are not the same or not in their place, in their order.
func (c Comparison) Differences() []string {
	var list []string
	for _, p := range c.Parts {
		if p.Outcome != Same || p.Moved {
			list = append(list, p.String())
		}
	}
	return list
}
