package recorder

import (
	"slices"
	"strconv"

	"cairn/consensus/record"
	"cairn/mailstore/message"
	"cairn/mailstore/message/derive"
)

// wished are the components of d that the wish leaves, and those derived from it that it asks for.
func wished(w record.Wish, d *message.Dissection) []message.Component {
	return derive.Append(without(d.Components(), w.LeftOut), d, w.Derive)
}

// without is components but for those of the types leftOut.
func without(components []message.Component, leftOut []message.Type) []message.Component {
	if len(leftOut) == 0 {
		return components
	}
	return slices.DeleteFunc(slices.Clone(components), func(c message.Component) bool {
		return slices.Contains(leftOut, c.Type)
	})
}

// wishHints tell the recipient of the wish.
func wishHints(w record.Wish) []message.Hint {
	var hints []message.Hint
	for _, t := range w.LeftOut {
		hints = append(hints, message.Hint{Label: message.HintLeft, Value: []byte(t.String())})
	}
	if w.Threshold > 0 {
		hints = append(hints, message.Hint{Label: message.HintShare, Value: strconv.AppendInt(nil, int64(w.Threshold), 10)})
	}
	return hints
}
