package record

import (
	"bytes"
	"slices"

	"cairn/mailstore/message"
)

// weigh says of each part that differs whether the author's own is still there (Kept), whether the
// difference alone keeps the message from counting as wanted (Decides), and whether it is a mark
// that the known forwarder may make (Mark).
func (c *comparer) weigh() {
	munged := c.munged()
	c.readAdditions()
	for i := range c.Parts {
		p := &c.Parts[i]
		if p.Outcome == Same {
			p.Kept = true
			continue
		}
		p.Kept, p.Decides = c.weight(p)
		if c.with.Forwarder != nil {
			p.Mark = c.mark(p, munged)
			if p.Mark && p.Type == message.From && p.Kind != Mapped {
				c.sayFrom(p)
			}
			if p.Mark && p.Type == message.Names && p.Outcome != Absent && c.isAuthors(message.Type(p.Index)) {
				p.Kind = AuthorsName
			}
			p.Decides = p.Decides && !p.Mark && (p.Type == message.Names || !c.isRecipients(p))
			p.Kept = p.Kept || p.Mark && p.Outcome != Extra
		}
	}
	c.exchanged()
	for i := range c.Parts { // what follows from a difference that was judged itself
		p := &c.Parts[i]
		if p.Outcome == Same {
			continue
		}
		switch p.Type {
		case message.SignatureBlock:
			p.Kept, p.Decides, p.Mark = true, false, c.with.Forwarder != nil
		case message.AttachmentOctets:
			if c.keptAttachment(p) {
				p.Kind = OtherOctets
			}
		case message.Layout:
			if p.Kind == PartsAdded || p.Kind == PartsReplaced {
				p.Decides = c.anyAddedDecides()
				p.Mark = c.with.Forwarder != nil && p.Kind == PartsAdded && c.addedAreMarks()
			}
		case message.Names:
			if p.Index == uint16(message.To) || p.Index == uint16(message.Cc) {
				c.weighNames(p)
			}
		}
	}
}

// weight is kept and decides of a part that is not the same.
func (c *comparer) weight(p *Part) (kept, decides bool) {
	switch p.Type {
	case message.From, message.Date:
		fine := p.Kind == Mapped || p.Kind == WeekdayPut || p.Kind == SameInstant || p.Kind == ListInFrom
		return fine || p.Kind == MovedToReplyTo, !fine
	case message.Sender, message.ReplyTo:
		return p.Kind == Mapped, p.Outcome != Absent && p.Kind != Mapped
	case message.Names:
		fine := p.Kind == Mapped || p.Kind == Reordered || p.Kind == CharsetChanged || p.Kind == Refolded || p.Kind == WordsCut || p.Kind == NameVia
		return fine, p.Outcome != Absent && !fine
	case message.To, message.Cc:
		fewer := p.Kind == AddressesRemoved || p.Kind == AddressesCut || p.Outcome == Absent || c.namesNobody(p.Type)
		return fewer || p.Kind == Mapped, !fewer && p.Kind != Mapped
	case message.Subject:
		if p.Outcome == Extra {
			return false, !c.noSubject(p, false)
		}
		tagged := p.Kind == ReplyPrefix || p.Kind == CommaParted || p.Kind == CharsetChanged || p.Kind == Refolded || p.Kind == WordsCut || p.Kind == SubjectTagged && c.harmlessTag(p.Detail, false)
		return tagged || p.Kind == SubjectTagged, !tagged
	case message.Text, message.HTML:
		return c.bodyWeight(p)
	case message.Attachment:
		gone := p.Outcome == Absent
		return gone || p.Kind == CharsetChanged || p.Kind == WhitespaceChanged, !gone && p.Kind != CharsetChanged && p.Kind != WhitespaceChanged
	case message.AttachmentName:
		fine := p.Outcome == Absent || p.Kind == SameName || p.Kind == NameFolded
		return fine, !fine
	case message.Layout:
		if p.Index == 1 {
			return false, p.Outcome == Extra && (p.Cut || !c.modest)
		}
		return false, p.Kind != PartsRemoved && p.Kind != Rewrapped && p.Kind != Unclosed && p.Kind != OtherLanguage && p.Kind != ParameterGone
	case message.Fields:
		return false, c.fieldDecides(p)
	case message.Recipient:
		return false, true
	case message.InReplyTo: // by which programs put the mail into a conversation
		fine := p.Kind == Shortened || p.Kind == Encoded || p.Kind == Refolded
		return fine, p.Outcome != Absent && !fine && c.namesOther(p.Type)
	case message.References: // of which relays take items out, as nobody can tell from the commitment
		return p.Kind == Shortened || p.Kind == Encoded || p.Kind == Refolded, p.Outcome == Extra && c.namesOther(p.Type)
	}
	row, known := p.Type.Info()
	return p.Kind == Shortened, !known || row.Decisive
}

// bodyWeight is weight of a text or HTML.
func (c *comparer) bodyWeight(p *Part) (kept, decides bool) {
	switch p.Kind {
	case FromEscaped, WhitespaceChanged, CharsetChanged, LinesCut, BannerPut, AlternativeRemoved:
		return true, false
	case FooterAppended:
		return true, !c.harmlessFooter(p)
	case Appended, Prepended, Inserted, Wrapped:
		return true, true
	case EmptyFormLeft:
		return false, false
	}
	if p.Outcome == Extra {
		return false, !c.harmlessPart(p)
	}
	return false, true
}

// harmlessPart reports whether a text that came as a part of its own, or in one that was empty, can
// pass for a footer: it says nothing that moves money or readers, is set apart, and stands beside
// the author's message, behind all that he wrote, and in front of an attachment only behind a
// recorded text that is there: else it would be read as his.
func (c *comparer) harmlessPart(p *Part) bool {
	if p.Type != message.Text || !c.harmlessFooter(p) {
		return false
	}
	behind, wrote := false, false
	for _, leaf := range c.d.Body().Leaves {
		switch {
		case leaf.Type == message.Text && leaf.Index == p.Index:
			beside := isBeside(&leaf) || c.sameLeaves() && allMixed(leaf.Path)
			if behind = beside && leaf.Reading == message.Canonical; !behind {
				return false
			}
		case behind && (leaf.Type != message.Attachment || !wrote):
			return false
		default:
			wrote = wrote || c.wasWritten(&leaf)
		}
	}
	return behind
}

// wasWritten reports whether a leaf that arrived is a text or HTML, and a recorded one or what
// became of it.
func (c *comparer) wasWritten(leaf *message.Leaf) bool {
	return leaf.Type != message.Attachment && slices.ContainsFunc(c.Parts, func(p Part) bool {
		return p.Type == leaf.Type && p.Received == leaf.Index && (p.Outcome == Same || p.Outcome == Changed)
	})
}

// fieldDecides reports whether a difference among the other header fields keeps the message from
// counting as wanted: one that programs act upon was added or changed, or nothing names it.
func (c *comparer) fieldDecides(p *Part) bool {
	switch {
	case p.Kind == Malformed:
		return !p.named
	case p.Kind == FieldsRemoved, p.Kind == Mapped, p.Kind == Refolded, p.Kind == Encoded, c.completesResent(p):
		return false
	case p.Field == "":
		return true
	case p.Field == "x-loop" && addrPattern.FindString(p.Added) == p.Added: // who sent it on, for himself to see
		return p.Cut
	case message.ListField(p.Field):
		return p.Cut || !c.fromOwnList(p)
	}
	return message.ActedUpon(p.Field)
}

// keptAttachment reports whether the attachment whose octets differ says what it said.
func (c *comparer) keptAttachment(octets *Part) bool {
	return slices.ContainsFunc(c.Parts, func(p Part) bool {
		index := p.Index
		if octets.Outcome == Extra {
			index = p.Received
		}
		return p.Type == message.Attachment && p.Outcome != Extra && p.Outcome != Absent && p.Kept && index == octets.Index
	})
}

// anyAddedDecides reports whether a body that was added decides.
func (c *comparer) anyAddedDecides() bool {
	for _, p := range c.Parts {
		if p.Outcome == Extra && p.Decides && (p.Type == message.Text || p.Type == message.HTML || p.Type == message.Attachment) {
			return true
		}
	}
	return false
}

// fewerNames reports whether names of To or Cc may be gone with their mailboxes.
func (c *comparer) fewerNames(t message.Type) bool {
	if c.namesNobody(t) {
		return true
	}
	for _, p := range c.Parts {
		if p.Type == t && p.Outcome != Same {
			return !c.d.Grouped(t) && (p.Kind == AddressesRemoved || p.Kind == AddressesCut || p.Outcome == Absent || p.Mark)
		}
	}
	return false
}

// munged reports whether From was rewritten to the known forwarder's domain, with exactly the
// author in Reply-To.
func (c *comparer) munged() bool {
	f := c.with.Forwarder
	if f == nil {
		return false
	}
	for _, p := range c.Parts {
		if p.Type == message.From && p.Kind == MovedToReplyTo {
			return c.allAt(message.From, f.Domain)
		}
	}
	return false
}

// allAt reports whether all addresses of a received field are at a domain.
func (c *comparer) allAt(t message.Type, domain string) bool {
	for _, a := range c.received(t) {
		for _, spec := range bytes.Split(a.Content(), []byte("\n")) {
			if a.Reading != message.Canonical || message.Domain(string(spec)) != domain {
				return false
			}
		}
	}
	return len(c.received(t)) > 0
}
