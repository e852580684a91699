package record

import (
	"slices"
	"strings"
	"time"

	"cairn/mailstore/message"
)

// wrapped looks whether the message holds the original as its only embedded one, as of lists that
// cannot send it on under its author's From. What is inside is judged as if it had come so. What is
// around decides unless it is harmless: a known forwarder's own, or nothing but what the author's
// own header may become.
func (c *comparer) wrapped() (whole Comparison, ok bool) {
	w := c.embedded()
	if w.inner == nil {
		return whole, false
	}
	o := *c.origin
	o.parts = slices.DeleteFunc(slices.Clone(o.parts), func(r recorded) bool { return isWay(r.kind) })
	with := c.with
	with.Forwarder = nil
	inside := lay(&o, message.DissectEmbedded(w.inner), with)
	whole = inside.Comparison
	if !whole.Reaches(DefaultThreshold) {
		return whole, false
	}
	same := whole.AllSame()
	whole.Parts = slices.DeleteFunc(whole.Parts, func(p Part) bool { return p.Outcome == Extra && (same || isWay(p.Type)) })
	known := w.harmless && c.with.Forwarder != nil && c.ownEnvelope(inside) && c.sentOn(inside)
	harmless := w.harmless && harmlessTogether(append(w.added, inside.added...), c.own()) && (known || w.footers && !slices.ContainsFunc(c.Parts, isDecidingHeader))
	kind := Enclosed
	if same && known && harmless {
		kind = WrappedWhole
	}
	whole.Parts = append(whole.Parts, Part{
		Type: message.Layout, Outcome: Changed, Kind: kind, Kept: true, Mark: kind == WrappedWhole, Decides: !harmless,
		Detail: c.subject(),
	})
	for i := range w.beside {
		whole.Parts = append(whole.Parts, Part{
			Type: message.Text, Index: w.beside[i].Index, Received: w.beside[i].Index, Outcome: Extra, Kind: Added,
			Mark: known && harmless, Decides: !harmless, Added: string(w.beside[i].Text), Detail: quote(message.Text, string(w.beside[i].Text)),
		})
	}
	for _, p := range c.Parts {
		says := known && harmless && c.saysAround(&p)
		if p.Type == message.Recipient || says || !harmless && isDecidingHeader(p) {
			whole.Parts = append(whole.Parts, p)
		}
	}
	whole.Extra, whole.RecipientInRecord = 0, c.RecipientInRecord
	for _, p := range whole.Parts {
		if p.Outcome == Extra {
			whole.Extra++
		}
	}
	return whole, true
}

// isWay reports whether a component is of what stands in the outermost header alone.
func isWay(t message.Type) bool { return t >= message.Route && t <= message.Custody }

// isDecidingHeader reports whether a part is of the header that keeps the message from counting as
// wanted.
func isDecidingHeader(p Part) bool {
	return p.Decides && (slices.Contains(headerTypes, p.Type) || p.Type == message.Fields)
}

// subject is the received subject for people.
func (c *comparer) subject() string {
	for _, a := range c.received(message.Subject) {
		return shorten(a.Content())
	}
	return ""
}

// wrapper is a message around another.
type wrapper struct {
	inner    []byte         // nil: it holds none, or several
	beside   []message.Leaf // texts
	harmless bool           // nothing else is shown beside it, and these say nothing, of which nobody here knows outside the grammar
	footers  bool           // each of them stands behind the message, set apart
	added    []addition     // what they say
}

// embedded returns the one message inside, and what stands beside it.
func (c *comparer) embedded() (w wrapper) {
	body := c.d.Body()
	w.harmless, w.footers = len(body.Odd)+len(body.Loose)+len(c.d.Flaws) == 0 && !body.Open, true
	named := slices.ContainsFunc(body.Components, func(a message.Component) bool { return a.Type == message.AttachmentName })
	found := false
	for _, leaf := range body.Leaves {
		mixed := len(leaf.Path) == 0 || len(leaf.Path) == 1 && leaf.Path[0] == wrappers[0]
		w.harmless = w.harmless && mixed && !named && undescribed(&leaf)
		switch {
		case leaf.Kind == "message/rfc822" && (found || leaf.Inner == nil):
			return wrapper{}
		case leaf.Kind == "message/rfc822":
			w.inner, found = leaf.Inner, true
		case leaf.Type == message.Text:
			w.harmless = w.harmless && leaf.Reading == message.Canonical && asItStands(&leaf, string(leaf.Text))
			if len(leaf.Text) > 0 {
				w.added = append(w.added, readAddition(leaf.Type, string(leaf.Text)))
				w.footers = w.footers && found
				w.beside = append(w.beside, leaf)
			}
		default:
			w.harmless = false
		}
	}
	if w.inner != nil && body.Gaps() {
		gaps := message.DissectEmbedded(w.inner).Body().GapTexts()
		for _, text := range body.GapTexts() { // software that wraps keeps the author's preamble around too
			w.harmless = w.harmless && slices.Contains(gaps, text)
		}
	}
	// All of it first, of which harmless is but little: so nobody reads more than that, however
	// many pieces it comes in.
	w.harmless = w.harmless && harmlessTogether(w.added, c.own()) &&
		!slices.ContainsFunc(w.added, func(a addition) bool { return a.harm(c.own()) != "" })
	w.footers = w.footers && w.harmless && !slices.ContainsFunc(w.added, func(a addition) bool { return a.unfit(c.own()) != "" })
	return w
}

// undescribed reports whether nothing in the header of a part is shown beside its content, as a
// Content-Description is.
func undescribed(leaf *message.Leaf) bool {
	_, fields, more := strings.Cut(leaf.Line, message.LayoutField)
	return !more || fields == "content-disposition: inline"
}

// ownEnvelope reports whether the header around a wrapped message is the forwarder's: its address
// in From, Sender at its domain, answers to the author or itself, the author's subject but for a
// tag, no name but theirs and recorded ones, and no field that programs act upon but those of its
// list.
func (c *comparer) ownEnvelope(inside *comparer) bool {
	f := c.with.Forwarder
	if !c.only(message.From, f.Posting) || len(c.received(message.Sender)) > 0 && !c.ownSender() {
		return false
	}
	replies := c.received(message.ReplyTo)
	if len(replies) > 0 && !c.isAuthor() && !c.isReplyTo() && !c.only(message.ReplyTo, f.Posting) && !c.answersToList() {
		return false
	}
	for _, p := range c.Parts {
		fine := p.Outcome == Same || p.Outcome == Absent || p.Mark
		switch p.Type {
		case message.Subject:
			fine = fine || c.forwardedSubject()
		case message.To, message.Cc:
			fine = fine || p.Kind == AddressesRemoved || c.only(p.Type, f.Posting) || c.isRecipient(p.Type)
		case message.Names:
			fine = fine || c.ownNames(p.about())
		case message.InReplyTo, message.References:
			fine = p.Outcome == Absent || c.wrapsNamed(inside, p.Type) // the one inside tells more than what is recorded
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

// ownSender reports whether Sender is at the forwarder's domain, and short enough to be quoted
// whole.
func (c *comparer) ownSender() bool {
	said := strings.Join(c.addresses(message.Sender), " ")
	return c.allAt(message.Sender, c.with.Forwarder.Domain) && len(said) <= maxAddition
}

// saysAround reports whether what the known forwarder put into the header around a wrapped message
// says anything of its own: programs list the message under the name in From. It is a mark then, to
// be quoted whole.
func (c *comparer) saysAround(p *Part) bool {
	if p.Outcome == Same || p.Outcome == Absent {
		return false
	}
	switch p.Type {
	case message.Fields:
		return p.Mark && !p.Silent
	case message.Sender:
		if slices.ContainsFunc(c.addresses(p.Type), func(address string) bool { return !c.isListsDesk(address) }) {
			p.Added, p.Mark, p.Decides = strings.Join(c.addresses(p.Type), " "), true, false
			return true
		}
	case message.Names:
		said := c.saidAround(p.about())
		p.Added, p.Mark, p.Decides = strings.Join(said, ", "), true, false
		return len(said) > 0
	}
	return false
}

// saidAround are the names of a field that are neither the author's nor the list's, with "via"
// between or not.
func (c *comparer) saidAround(field message.Type) (said []string) {
	if field == message.To || field == message.Cc {
		said, _ = c.foreignNames(field)
		return append(said, c.calledInListID(field)...)
	}
	if c.isAuthors(field) {
		return nil
	}
	for _, n := range c.names(field) {
		name, list, via := cutVia(n.said())
		if !c.isList(n.said()) && !c.isAuthorsName(n.said()) && !(via && c.isList(list) && c.isAuthorsName(name)) {
			said = append(said, n.said())
		}
	}
	return said
}

// isListsDesk reports whether an address is the posting address, or one that lists put into Sender
// beside it.
func (c *comparer) isListsDesk(address string) bool {
	list, _, _ := strings.Cut(strings.ToLower(c.with.Forwarder.Posting), "@")
	local, _, _ := strings.Cut(strings.ToLower(address), "@")
	behind, ok := strings.CutPrefix(local, list)
	return ok && (behind == "" || slices.Contains(senders, behind)) || local == "owner-"+list
}

// senders are what lists put behind their names for an address in Sender.
var senders = []string{"-bounces", "-bounce", "-owner", "-admin", "-request", "-errors", "-return"}

// ownNames reports whether the names of a field around a wrapped message say nothing, or are to be
// quoted: of To and Cc each is recorded, the list's, or, where its reader's address alone is there,
// one that a list could have.
func (c *comparer) ownNames(field message.Type) bool {
	if field == message.To || field == message.Cc {
		names, _ := c.foreignNames(field)
		if c.isRecipient(field) {
			names = slices.DeleteFunc(names, func(name string) bool { return c.isListName(name, true) })
		}
		return len(names) == 0 && !c.d.Grouped(field) || c.namesNobody(field)
	}
	fine, _ := c.whoseNames(field)
	return fine
}

// wrapsNamed reports whether In-Reply-To or References around a wrapped message, by which programs
// put it into a conversation, names nothing but that message and what it refers to itself.
func (c *comparer) wrapsNamed(inside *comparer, t message.Type) bool {
	known := map[string]bool{}
	for _, of := range []message.Type{message.MessageID, message.InReplyTo, message.References} {
		inside.addIDs(known, of)
	}
	return !c.namesBeside(t, known)
}

// sentOn reports whether the date around a wrapped message, by which programs sort it, could be
// when it was sent on: from when it was written, by a clock that is at most a day ahead, to when
// its record is too old.
func (c *comparer) sentOn(inner *comparer) bool {
	around, inside := c.received(message.Date), inner.received(message.Date)
	if len(around) == 0 {
		return true
	}
	at, _, ok := instant(&around[0].Component)
	if len(inside) == 0 || !ok {
		return ok
	}
	written, _, told := instant(&inside[0].Component)
	wait := at.Sub(written)
	return !told || -longestAhead <= wait && wait <= MaxAge
}

const longestAhead = 24 * time.Hour

// forwardedSubject reports whether the subject is the recorded one behind "Fwd:" or "Fw:".
func (c *comparer) forwardedSubject() bool {
	ours, theirs := c.origin.of(message.Subject), c.received(message.Subject)
	if len(ours) != 1 || len(theirs) != 1 {
		return false
	}
	head, rest, ok := strings.Cut(string(theirs[0].Content()), ": ")
	return ok && (strings.EqualFold(head, "fwd") || strings.EqualFold(head, "fw")) && subjectKind(ours[0], rest) != ""
}

// isReplyTo reports whether Reply-To is the recorded one.
func (c *comparer) isReplyTo() bool {
	ours, theirs := c.origin.of(message.ReplyTo), c.received(message.ReplyTo)
	return len(ours) == 1 && len(theirs) == 1 && ours[0].is(theirs[0].digest)
}

// isRecipient reports whether a field names an envelope recipient of this delivery alone.
func (c *comparer) isRecipient(t message.Type) bool {
	return slices.ContainsFunc(c.received(message.Recipient), func(a *arrival) bool { return c.only(t, string(a.Content())) })
}
