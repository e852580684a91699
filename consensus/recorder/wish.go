package recorder

import (
	"slices"
	"strconv"

	"cairn/mailstore/message"
	"cairn/mailstore/message/derive"
)

// Wish is what the sender of one message wants of its record.
type Wish struct {
	LeftOut   []message.Type // not to be recorded
	Derive    []message.Type // derived types that are to be recorded
	Threshold int            // the least share that recipients should accept, in per cent; 0: none
}

// components are those of d that the wish leaves, and those derived from it that it asks for.
func (w Wish) components(d *message.Dissection) []message.Component {
	return derive.Append(w.kept(d.Components()), d, w.Derive)
}

// kept is components without those that are left out.
func (w Wish) kept(components []message.Component) []message.Component {
	if len(w.LeftOut) == 0 {
		return components
	}
	return slices.DeleteFunc(slices.Clone(components), func(c message.Component) bool {
		return slices.Contains(w.LeftOut, c.Type)
	})
}

// hints tell the recipient of the wish.
func (w Wish) hints() []message.Hint {
	var hints []message.Hint
	for _, t := range w.LeftOut {
		hints = append(hints, message.Hint{Label: message.HintLeft, Value: []byte(t.String())})
	}
	if w.Threshold > 0 {
		hints = append(hints, message.Hint{Label: message.HintShare, Value: strconv.AppendInt(nil, int64(w.Threshold), 10)})
	}
	return hints
}
