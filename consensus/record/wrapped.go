package record

import (
	"slices"
	"strings"

	"cairn/mailstore/message"
)

// wrapped looks whether a message of the known forwarder holds the original whole, as lists do that
// cannot send it on under its author's From: a message/rfc822, alone or in a multipart/mixed beside
// harmless text. What is around is the forwarder's, and under its own domain; what is inside has to
// be as recorded to the last octet.
func (c *comparer) wrapped() (whole Comparison, ok bool) {
	inner, beside := c.embedded()
	if inner == nil || !c.ownEnvelope() {
		return whole, false
	}
	o := *c.origin
	o.parts = slices.DeleteFunc(slices.Clone(o.parts), func(r recorded) bool {
		return r.kind >= message.Route && r.kind <= message.Custody
	})
	whole = compare(&o, message.DissectEmbedded(inner), Context{})
	if !whole.AllSame() {
		return whole, false
	}
	whole.Parts = slices.DeleteFunc(whole.Parts, func(p Part) bool { return p.Outcome == Extra })
	add := func(p Part) {
		if p.Outcome == Extra {
			whole.Extra++
		}
		whole.Parts = append(whole.Parts, p)
	}
	whole.Extra = 0
	add(Part{
		Type: message.Layout, Outcome: Changed, Kind: WrappedWhole, Kept: true, Mark: true,
		Detail: c.subject(),
	})
	for i := range beside {
		add(Part{
			Type: message.Text, Index: beside[i].Index, Received: beside[i].Index, Outcome: Extra, Kind: Added,
			Mark: true, Added: string(beside[i].Text), Detail: shorten(beside[i].Text),
		})
	}
	for _, p := range c.Parts {
		if p.Type == message.Recipient {
			add(p)
		}
	}
	return whole, true
}

// subject is the received subject for people.
func (c *comparer) subject() string {
	for _, a := range c.received(message.Subject) {
		return shorten(a.Content)
	}
	return ""
}

// embedded returns the one message inside, and the harmless texts beside it; nil if there is anything
// else.
func (c *comparer) embedded() (inner []byte, beside []message.Leaf) {
	body := c.d.Body()
	if len(body.Odd)+len(body.Loose)+len(c.d.Flaws) > 0 || body.Open {
		return nil, nil
	}
	named := slices.ContainsFunc(body.Components, func(a message.Component) bool { return a.Type == message.AttachmentName })
	var all []addition
	found := false
	for _, leaf := range body.Leaves {
		mixed := len(leaf.Path) == 1 && leaf.Path[0] == wrappers[0]
		switch {
		case len(leaf.Path) > 0 && !mixed, named, !undescribed(&leaf):
			return nil, nil
		case leaf.Kind == "message/rfc822" && !found:
			inner, found = leaf.Inner, true
		case leaf.Type == message.Text && c.harmlessLeaf(&leaf):
			if len(leaf.Text) > 0 {
				beside = append(beside, leaf)
				all = append(all, readAddition(leaf.Type, string(leaf.Text)))
			}
		default:
			return nil, nil
		}
	}
	if !harmlessTogether(all, c.own()) {
		return nil, nil
	}
	if inner != nil && body.Gaps() {
		gaps := message.DissectEmbedded(inner).Body().GapTexts()
		for _, text := range body.GapTexts() { // software that wraps keeps the author's preamble around too
			if !slices.Contains(gaps, text) {
				return nil, nil
			}
		}
	}
	return inner, beside
}

// undescribed reports whether nothing in the header of a part is shown beside its content, as a
// Content-Description is.
func undescribed(leaf *message.Leaf) bool {
	_, fields, more := strings.Cut(leaf.Line, message.LayoutField)
	return !more || fields == "content-disposition: inline"
}

// harmlessLeaf reports whether all of a text is known, the same in any program, and harmless: of one outside the grammar nobody
// here knows what it says.
func (c *comparer) harmlessLeaf(leaf *message.Leaf) bool {
	return leaf.Reading == message.Canonical && harmless(leaf.Text, c.own()) && asItStands(leaf, string(leaf.Text))
}

// ownEnvelope reports whether the header around a wrapped message is the forwarder's: its From and
// Sender, answers to the author or itself, the author's subject but for a tag, and no field that
// programs act upon but those of its list.
func (c *comparer) ownEnvelope() bool {
	f := c.with.Forwarder
	if !c.allAt(message.From, f.Domain) || len(c.received(message.Sender)) > 0 && !c.allAt(message.Sender, f.Domain) {
		return false
	}
	replies := c.received(message.ReplyTo)
	if len(replies) > 0 && !c.isAuthor() && !c.isReplyTo() && !c.only(message.ReplyTo, f.Posting) {
		return false
	}
	for _, p := range c.Parts {
		fine := p.Outcome == Same || p.Outcome == Absent || p.Mark
		switch p.Type {
		case message.Subject:
			fine = fine || c.forwardedSubject()
		case message.To, message.Cc:
			fine = fine || p.Kind == AddressesRemoved || c.only(p.Type, f.Posting) || c.isRecipient(p.Type)
		case message.Fields:
			fine = fine || p.Field != "" && !message.ActedUpon(p.Field) || p.Kind == FieldsRemoved
		case message.Recipient:
		default:
			fine = true
		}
		if !fine {
			return false
		}
	}
	return true
}

// forwardedSubject reports whether the subject is the recorded one behind "Fwd:" or "Fw:".
func (c *comparer) forwardedSubject() bool {
	ours, theirs := c.origin.of(message.Subject), c.received(message.Subject)
	if len(ours) != 1 || len(theirs) != 1 {
		return false
	}
	head, rest, ok := strings.Cut(string(theirs[0].Content), ": ")
	return ok && (strings.EqualFold(head, "fwd") || strings.EqualFold(head, "fw")) && subjectKind(ours[0], rest) != ""
}

// isReplyTo reports whether Reply-To is the recorded one.
func (c *comparer) isReplyTo() bool {
	ours, theirs := c.origin.of(message.ReplyTo), c.received(message.ReplyTo)
	return len(ours) == 1 && len(theirs) == 1 && ours[0].is(theirs[0].digest)
}

// isRecipient reports whether a field names an envelope recipient of this delivery alone.
func (c *comparer) isRecipient(t message.Type) bool {
	return slices.ContainsFunc(c.received(message.Recipient), func(a *arrival) bool { return c.only(t, string(a.Content)) })
}
