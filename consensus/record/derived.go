package record

import (
	"encoding/binary"
	"slices"

	"cairn/mailstore/message"
)

// derived compares the components that were derived from others. They explain a difference of what
// they are of, and decide nothing. What nothing here derives is not in the comparison; where the
// body is as it was sent, so is all that derives from it.
func (c *comparer) derived() {
	var types []message.Type
	for i := range c.origin.parts {
		if t := c.origin.parts[i].kind; t.Derived() && !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	for _, t := range types {
		if c.with.Derive == nil {
			continue
		}
		ours := c.origin.of(t)
		if c.AsSent {
			for _, r := range ours {
				c.Parts = append(c.Parts, Part{Type: t, Index: r.index, Outcome: Same, Kept: true})
			}
			continue
		}
		list, ok := c.with.Derive(c.d, t)
		if !ok {
			continue
		}
		row, _ := t.Info()
		for _, r := range ours[:min(len(ours), row.Max)] { // a record of more was not made by this program
			became := c.becameOf(r.index)
			slices.SortStableFunc(list, func(a, b message.Component) int { // that of the same attachment first
				return apart(a.Index, became) - apart(b.Index, became)
			})
			p := c.derivedPart(r, list)
			c.Parts = append(c.Parts, p)
			c.explainBy(p)
		}
	}
}

// becameOf returns the index of what an attachment became, its own if that is not known.
func (c *comparer) becameOf(index uint16) uint16 {
	for _, p := range c.Parts {
		if p.Type == message.Attachment && p.Index == index && (p.Outcome == Same || p.Outcome == Changed) {
			return p.Received
		}
	}
	return index
}

// apart is 0 for the same index, else 1.
func apart(a, b uint16) int {
	if a == b {
		return 0
	}
	return 1
}

// derivedPart lays one derived component beside those of what arrived.
func (c *comparer) derivedPart(r *recorded, list []message.Component) Part {
	p := Part{
		Type: r.kind, Index: r.index, Outcome: Absent, Kind: NotDerived,
		Mark: c.with.Forwarder != nil, // no change of its own
	}
	settle := func(a *message.Component, outcome Outcome, kind string) Part {
		p.Outcome, p.Kind, p.Received, p.Kept = outcome, kind, a.Index, outcome == Same
		return p
	}
	if len(list) > 0 && list[0].Index == c.becameOf(r.index) {
		p = settle(&list[0], Changed, "")
	}
	for i := range list {
		if r.is(list[i].Digest()) {
			return settle(&list[i], Same, "")
		}
	}
	for i := range list {
		if r.kind == message.ImageHash && nearly(r, list[i].Content()) {
			return settle(&list[i], Changed, LooksAlike)
		}
	}
	return p
}

// nearly reports whether the recorded hash of a picture differs from that of the received one in
// one bit or two. Compressing a picture again turns that many; of more no difference can be told
// without trying a million.
func nearly(r *recorded, hash []byte) bool {
	if len(hash) != 8 {
		return false
	}
	bits := binary.BigEndian.Uint64(hash)
	is := func(h uint64) bool {
		return r.is(message.DigestOf(message.Canonical, binary.BigEndian.AppendUint64(nil, h), ""))
	}
	for i := range 64 {
		one := bits ^ 1<<i
		if is(one) {
			return true
		}
		for j := range i {
			if is(one ^ 1<<j) {
				return true
			}
		}
	}
	return false
}

// explainBy lets a derived component that is the same, or nearly, say what became of its
// attachment.
func (c *comparer) explainBy(p Part) {
	kind := ""
	switch {
	case p.Outcome == Same && p.Type == message.AttachmentText:
		kind = SameWords
	case p.Type == message.ImageHash && (p.Outcome == Same || p.Kind == LooksAlike):
		kind = LooksAlike
	default:
		return
	}
	for i := range c.Parts {
		a := &c.Parts[i]
		if a.Type == message.Attachment && a.Index == p.Index && a.Received == p.Received && a.Outcome == Changed && a.Kind == "" {
			a.Kind, a.Detail = kind, ""
		}
	}
}
