package record

import (
	"slices"
	"strings"

	"cairn/mailstore/message"
)

// compareV1 compares with a record of version 1, which does not cover all of a mail.
func compareV1(sent []recorded, received []message.Component) Comparison {
	c := Comparison{Version: recordV1, RecipientInRecord: true}
	arrivals := make([]arrival, len(received))
	for i, component := range received {
		arrivals[i] = arrival{Component: component, digest: contentDigest(component.Content())}
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
		p := &c.Parts[i]
		p.Kept, p.Decides = p.Benign(), c.Decides(*p) || misleadsV1(p, c.Parts, arrivals)
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

// misleadsV1 reports whether an addition decides that nodes of version 1 let pass: where answers
// go, or a footer that is not harmless. What stored findings say of it stays.
func misleadsV1(p *Part, parts []Part, arrivals []arrival) bool {
	switch {
	case p.Type == message.ReplyTo || p.Type == message.Sender:
		return p.Outcome == Extra || p.Outcome == Changed && p.Kind == ""
	case p.Kind != FooterAppended && p.Kind != FooterPart || p.Type == message.SignatureBlock:
		return false
	}
	own := owners{written: map[string]bool{}}
	for _, a := range arrivals {
		for _, of := range parts {
			if (a.Type == message.To || a.Type == message.Cc) && of.Type == a.Type && of.Outcome == Same {
				for address := range strings.SplitSeq(strings.ToLower(string(a.Content())), "\n") {
					own.written[address], own.written[message.Domain(address)] = true, true
				}
			}
		}
	}
	a := readAddition(p.Type, p.Added)
	return p.Cut || a.harm(own) != ""
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
