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
	salts := newSalter(t.Record.Version, t.Secret)
	for i, c := range t.Record.Commitments {
		sent[i] = recorded{kind: c.Type, index: c.Index, salt: salts.salt(c.Type, c.Index), commitment: c.C}
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
