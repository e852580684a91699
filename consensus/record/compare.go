package record

import (
	"crypto/sha256"
	"slices"

	"cairn/consensus"
	"cairn/mailstore/message"
)

// Compare lays the token's commitments beside the components that arrived. The sender's contents are not known, so a difference is explained by
// undoing on the received content what honest relays do and looking whether the commitment then fits.
func Compare(t *Token, received []message.Component) Comparison {
	sent := make([]recorded, len(t.Record.Commitments))
	for i, c := range t.Record.Commitments {
		sent[i] = recorded{kind: c.Type, index: c.Index, salt: Salt(t.Secret, c.Type, c.Index), commitment: c.C}
	}
	return compare(sent, received)
}

// CompareMessages lays two messages beside each other, both with their contents known, so that more differences can be explained.
func CompareMessages(sent, received []message.Component) Comparison {
	list := make([]recorded, len(sent))
	for i, c := range sent {
		list[i] = recorded{kind: c.Type, index: c.Index, known: true, content: c.Content, digest: sha256.Sum256(c.Content)}
	}
	return compare(list, received)
}

// recorded is a component as the sender's side has it: its commitment, or its content.
type recorded struct {
	kind  message.Type
	index uint16

	salt       [32]byte
	commitment consensus.Hash

	known   bool
	content []byte
	digest  [32]byte
}

// is reports whether content with that SHA-256 is what was recorded.
func (r *recorded) is(digest [32]byte) bool {
	if r.known {
		return r.digest == digest
	}
	return CommitTo(r.kind, r.index, r.salt, digest) == r.commitment
}

// isContent reports whether that content is what was recorded.
func (r *recorded) isContent(content []byte) bool { return r.is(sha256.Sum256(content)) }

// arrival is a received component.
type arrival struct {
	message.Component
	digest [32]byte
	taken  bool
}

func compare(sent []recorded, received []message.Component) Comparison {
	c := Comparison{RecipientInRecord: true}
	arrivals := make([]arrival, len(received))
	for i, component := range received {
		arrivals[i] = arrival{Component: component, digest: sha256.Sum256(component.Content)}
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
			c.Parts = append(c.Parts, names(ours, theirs, became)...)
		default:
			c.Parts = append(c.Parts, pair(t, ours, theirs, became)...)
		}
	}
	explainTogether(c.Parts, sent, arrivals)
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

// recipients reports each envelope recipient of this delivery. Those of the record that are not in it are no part of the comparison: the sender's
// courier or another host delivers to them.
func recipients(ours []*recorded, theirs []*arrival) []Part {
	var parts []Part
	for _, a := range theirs {
		p := Part{Type: message.Recipient, Index: a.Index, Outcome: Extra, Kind: NotRecorded, Detail: shorten(a.Content)}
		for _, r := range ours {
			if r.is(a.digest) {
				p = Part{Type: message.Recipient, Index: r.index, Outcome: Same}
				break
			}
		}
		parts = append(parts, p)
	}
	return parts
}

// names lays the name of each recorded attachment beside the name of the attachment that it became, so that contents with their names exchanged are
// not the same.
func names(ours []*recorded, theirs []*arrival, became map[uint16]uint16) []Part {
	var parts []Part
	for _, r := range ours {
		p := Part{Type: message.AttachmentName, Index: r.index, Outcome: Absent, Kind: Removed}
		if index, ok := became[r.index]; ok {
			for _, a := range theirs {
				if a.Index != index {
					continue
				}
				a.taken = true
				if p.Outcome, p.Kind = Same, ""; !r.is(a.digest) {
					p.Outcome = Changed
					p.Kind, p.Detail = explainValue(r, a.Content)
				}
			}
		}
		parts = append(parts, p)
	}
	return append(parts, extras(message.AttachmentName, theirs)...)
}

// pair finds for each recorded component of one type the received one that it is, or became: equal contents first (at the same index before others),
// then those that an explanation joins, then the rest in their order.
func pair(t message.Type, ours []*recorded, theirs []*arrival, became map[uint16]uint16) []Part {
	parts := make([]Part, len(ours))
	open := make([]bool, len(ours))
	settle := func(i int, a *arrival, outcome Outcome, kind, detail string) {
		parts[i] = Part{Type: t, Index: ours[i].index, Outcome: outcome, Kind: kind, Detail: detail}
		open[i] = false
		if a != nil {
			a.taken = true
			if t == message.Attachment {
				became[ours[i].index] = a.Index
			}
		}
	}
	for i, r := range ours {
		open[i] = true
		for _, a := range theirs {
			if !a.taken && a.Index == r.index && r.is(a.digest) {
				settle(i, a, Same, "", "")
				break
			}
		}
	}
	each := func(join func(i int, a *arrival) bool) {
		for i := range ours {
			for _, a := range theirs {
				if open[i] && !a.taken && join(i, a) {
					break
				}
			}
		}
	}
	row, _ := t.Info()
	if row.Unordered {
		each(func(i int, a *arrival) bool {
			if !ours[i].is(a.digest) {
				return false
			}
			settle(i, a, Same, "", "")
			return true
		})
	}
	each(func(i int, a *arrival) bool {
		kind, detail := explain(row.Form, ours[i], a.Content)
		if kind == "" {
			return false
		}
		settle(i, a, Changed, kind, detail)
		return true
	})
	each(func(i int, a *arrival) bool { settle(i, a, Changed, "", ""); return true })
	for i := range ours {
		if open[i] {
			settle(i, nil, Absent, Removed, "")
		}
	}
	return append(parts, extras(t, theirs)...)
}

// extras reports what arrived and was not recorded.
func extras(t message.Type, theirs []*arrival) []Part {
	var parts []Part
	row, _ := t.Info()
	for _, a := range theirs {
		if a.taken {
			continue
		}
		p := Part{Type: t, Index: a.Index, Outcome: Extra, Kind: Added}
		if row.Form != message.FormBytes {
			p.Detail = shorten(a.Content)
		}
		parts = append(parts, p)
	}
	return parts
}
