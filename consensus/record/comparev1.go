package record

import (
	"slices"

	"cairn/mailstore/message"
)

// compareV1 compares with a record of version 1, which does not cover all of a mail.
func compareV1(sent []recorded, received []message.Component) Comparison {
	c := Comparison{Version: recordV1, RecipientInRecord: true}
	arrivals := make([]arrival, len(received))
	for i, component := range received {
		arrivals[i] = arrival{Component: component, digest: contentDigest(component.Content)}
	}
	became := map[uint16]uint16{} // the index of a recorded attachment to that of the received one
	for _, t := range typesOf(sent, arrivals) {
		var ours []*recorded
		for i := range sent {
			if sent[i].kind == t {
				ours = append(ours, &sent[i])
			}
		}
		var theirs []*arrival
		for i := range arrivals {
			if arrivals[i].Type == t {
				theirs = append(theirs, &arrivals[i])
			}
		}
		switch t {
		case message.Recipient:
			c.Parts = append(c.Parts, recipients(ours, theirs)...)
		case message.AttachmentName:
			c.Parts = append(c.Parts, beside(t, ours, theirs, became)...)
		default:
			c.Parts = append(c.Parts, pair(t, ours, theirs, became)...)
		}
	}
	explainTogether(c.Parts, sent, arrivals)
	for i := range c.Parts {
		c.Parts[i].Kept, c.Parts[i].Decides = c.Parts[i].Benign(), c.Decides(c.Parts[i])
	}
	for _, p := range c.Parts {
		switch p.Outcome {
		case Extra:
			c.Extra++
			if p.Type == message.Recipient {
				c.RecipientInRecord = false
			}
			continue
		case Same:
			c.Same++
		}
		c.Recorded++
	}
	return c
}

func typesOf(sent []recorded, received []arrival) []message.Type {
	var types []message.Type
	for i := range sent {
		types = append(types, sent[i].kind)
	}
	for i := range received {
		types = append(types, received[i].Type)
	}
	slices.Sort(types)
	return slices.Compact(types)
}
