package record

import (
	"bytes"
	"slices"
	"strings"

	"cairn/mailstore/message"
)

// Compare lays a record beside the message that arrived. The sender's contents are not known, so a
// difference is explained by undoing on the received content what honest relays do and looking
// whether the commitment then fits; with says what may be undone on this way.
func Compare(t *Token, arrived *message.Dissection, with Context) Comparison {
	return compareOrigin(t.Record.Version, originOf(t), arrived, with)
}

func compareOrigin(version uint8, o *origin, arrived *message.Dissection, with Context) Comparison {
	o.allot(with)
	if version == recordV1 {
		return compareV1(o.parts, arrived.V1())
	}
	return compare(o, arrived, with)
}

// For narrows a comparison to the copy of one recipient of a delivery: whether the record names the
// others is nothing to them.
func (c Comparison) For(t *Token, recipient string) Comparison {
	c.Parts = slices.DeleteFunc(slices.Clone(c.Parts), func(p Part) bool {
		if p.Type != message.Recipient {
			return false
		}
		if p.Outcome == Extra {
			c.Extra--
		} else if c.Version < RecordVersion {
			c.Same--
			c.Recorded--
		}
		return true
	})
	c.RecipientInRecord = t.HasRecipient(recipient)
	part := Part{Type: message.Recipient, Outcome: Same, Kept: true}
	switch {
	case !c.RecipientInRecord:
		part = Part{Type: message.Recipient, Outcome: Extra, Kind: NotRecorded, Detail: shorten([]byte(recipient)), Decides: true}
		c.Extra++
	case c.Version < RecordVersion:
		c.Same++
		c.Recorded++
	}
	c.Parts = append(c.Parts, part)
	slices.SortStableFunc(c.Parts, func(a, b Part) int { return int(a.Type) - int(b.Type) })
	return c
}

// CompareMessages lays two messages beside each other, both with their contents known, so that more
// differences can be explained.
func CompareMessages(sent, arrived *message.Dissection, with Context) Comparison {
	told := arrived.Has(message.TokenField)
	c := compareOrigin(RecordVersion, knownOrigin(sent, told), arrived, with)
	if !told {
		c.Parts = slices.DeleteFunc(c.Parts, func(p Part) bool {
			if isTrace(p.Type) && p.Outcome == Extra {
				c.Extra--
			}
			return isTrace(p.Type)
		})
	}
	return c
}

// comparer holds one comparison of version 2.
type comparer struct {
	Comparison
	origin *origin
	d      *message.Dissection
	with   Context

	arrivals   []arrival
	written    []message.Mailbox // those of To and Cc that were there when the message was recorded
	addressees map[string]bool   // their addresses and the domains of these
	modest     bool              // all that was added to the body is harmless together
	added      []addition        // to the body
	mapped     []message.Component
}

func compare(o *origin, d *message.Dissection, with Context) Comparison {
	c := lay(o, d, with)
	if !c.MayBeWanted() || c.with.Forwarder != nil && !c.Forwarded() {
		if whole, ok := c.wrapped(); ok {
			return whole
		}
	}
	return c.Comparison
}

// lay compares a message as it stands, whatever is embedded in it.
func lay(o *origin, d *message.Dissection, with Context) *comparer {
	c := comparer{origin: o, d: d, with: with, Comparison: Comparison{Version: RecordVersion, RecipientInRecord: true}}
	c.arrive(d.Head())
	c.readCommentInFrom()
	c.readWritten()
	c.AsSent = c.sameAsSent()
	c.flaws()
	c.findRoute()
	c.header()
	if c.AsSent {
		c.bodyAsSent()
	} else {
		c.arrive(d.Body().Components)
		c.body()
	}
	c.Parts = slices.DeleteFunc(c.Parts, func(p Part) bool {
		return p.Outcome == Extra && o.has(message.HintLeft, []byte(p.Type.String()))
	})
	c.SenderThreshold = o.threshold()
	explainTogether(c.Parts, o.parts, c.arrivals)
	c.alternatives()
	c.emptied()
	c.listInFrom()
	c.weigh()
	c.derived()
	c.Parts = append(c.Parts, o.contradictions()...)
	slices.SortStableFunc(c.Parts, func(a, b Part) int { return int(a.Type) - int(b.Type) })
	c.count()
	return &c
}

// arrive takes received components in.
func (c *comparer) arrive(components []message.Component) {
	c.arrivals = slices.Grow(c.arrivals, len(components))
	for i := range components {
		c.arrivals = append(c.arrivals, arrival{Component: components[i], digest: components[i].Digest()})
	}
}

func (c *comparer) received(t message.Type) []*arrival {
	var list []*arrival
	for i := range c.arrivals {
		if c.arrivals[i].Type == t {
			list = append(list, &c.arrivals[i])
		}
	}
	return list
}

// sameAsSent reports whether the body is the octets that were sent, under the same MIME fields: any
// program then reads it as it would have read what was sent.
func (c *comparer) sameAsSent() bool {
	for _, t := range []message.Type{message.Octets, message.MIME} {
		ours, theirs := c.origin.of(t), c.received(t)
		if len(ours) != len(theirs) || len(ours) == 1 && !ours[0].is(theirs[0].digest) {
			return false
		}
	}
	return len(c.origin.of(message.Octets)) == 1
}

// headerTypes are compared one by one, index by index.
var headerTypes = []message.Type{
	message.From, message.Sender, message.To, message.Cc, message.ReplyTo, message.Date, message.Subject,
	message.MessageID, message.InReplyTo, message.References, message.Language, message.Names,
	message.Route, message.OriginatingAddress, message.SMTPVersion, message.Custody,
}

// bodyTypes are what Body gives, in the order in which they are compared: what an attachment became
// decides what its name is laid beside.
var bodyTypes = []message.Type{
	message.Text, message.HTML, message.SignatureBlock, message.Attachment, message.AttachmentName,
	message.AttachmentOctets, message.Layout,
}

func (c *comparer) header() {
	for _, t := range headerTypes {
		ours, theirs := c.origin.of(t), c.received(t)
		for _, r := range ours {
			var a *arrival
			if i := slices.IndexFunc(theirs, func(a *arrival) bool { return a.Index == r.index }); i >= 0 {
				a = theirs[i]
				a.taken = true
			}
			c.Parts = append(c.Parts, c.field(r, a))
		}
		c.Parts = append(c.Parts, extras(t, theirs)...)
	}
	c.refoldedNames()
	c.Parts = append(c.Parts, recipients(c.origin.of(message.Recipient), c.received(message.Recipient))...)
	c.fields()
}

// field compares one component of the header; a is nil if there is none.
func (c *comparer) field(r *recorded, a *arrival) Part {
	p := Part{Type: r.kind, Index: r.index, Outcome: Absent, Kind: Removed}
	if a == nil {
		return p
	}
	if p.Outcome, p.Kind = Same, ""; r.is(a.digest) {
		return p
	}
	p.Outcome = Changed
	if c.isMapped(r) {
		p.Kind = Mapped
		return p
	}
	row, _ := r.kind.Info()
	p.Kind, p.Detail = explain(row.Form, r, a)
	if r.kind == message.Subject && a.Reading == message.Canonical && c.origin.has(message.HintWords, a.Content()) {
		p.Kind, p.Detail = CharsetChanged, "" // other words of the same text
	}
	if r.kind == message.Subject && p.Kind == "" {
		if tag := c.counted(r, string(a.Content())); tag != "" {
			p.Kind, p.Detail = SubjectTagged, tag
		}
	}
	if r.kind == message.Date && a.Reading == message.Canonical && c.origin.has(message.HintDate, a.Content()) {
		p.Kind = SameInstant
	}
	if p.Kind == "" && row.Form == message.FormIDs && isEncodedIDs(r, a) {
		p.Kind = Encoded
	}
	if p.Kind == "" && (r.kind == message.To || r.kind == message.Cc) {
		var cut []string
		if p.Kind, cut = c.fewer(r.kind); len(cut) > 0 {
			p.Detail = shorten([]byte(strings.Join(cut, " ")))
		}
	}
	switch {
	case r.kind != message.Names:
	case r.isContent(otherFold(a.Content()), nil):
		p.Kind = Refolded
	default:
		if kind, _ := c.fewer(message.Type(r.index)); kind != "" {
			p.Kind = Reordered
		}
	}
	if r.kind == message.Names && p.Kind == "" && slices.ContainsFunc(c.d.RawForms(message.Type(r.index)), func(raw []byte) bool {
		return r.is(message.DigestOf(message.AsOctets, raw, ""))
	}) {
		p.Kind = CharsetChanged
	}
	if r.kind == message.Names && p.Kind == "" && a.Reading == message.AsOctets && r.budget.spend(8*a.Size()) {
		if content := c.d.DecodedNames(message.Type(r.index)); content != nil && r.isContent(content, nil) {
			p.Kind = CharsetChanged
		}
	}
	if p.Kind == "" && a.Reading == message.AsOctets && c.isCut(r) {
		p.Kind = WordsCut
	}
	if p.Kind == "" || p.Kind == WhitespaceChanged {
		field := r.kind
		if field == message.Names {
			field = message.Type(r.index)
		}
		if (r.kind == message.Names || r.kind == message.Subject || row.Form == message.FormIDs) && c.isRefolded(field, r) {
			p.Kind = Refolded
		}
	}
	if p.Detail == "" {
		p.Detail = inWords(&a.Component)
	}
	return p
}

// otherFold is names with a fold inside of quotes, if there is none, and without if there is one.
func otherFold(names []byte) []byte {
	if without, folded := bytes.CutSuffix(names, []byte(message.QuoteFolded)); folded {
		return without
	}
	return slices.Concat(names, []byte(message.QuoteFolded))
}

// isMapped reports whether the component is as recorded once the configured map of addresses is
// undone.
func (c *comparer) isMapped(r *recorded) bool {
	if len(c.with.Map) == 0 || r.kind > message.ReplyTo && r.kind != message.Names {
		return false
	}
	if c.mapped == nil {
		c.mapped = c.d.Mapped(c.with.Map.Original)
	}
	return slices.ContainsFunc(c.mapped, func(m message.Component) bool {
		return m.Type == r.kind && m.Index == r.index && r.is(m.Digest())
	})
}

// bodyAsSent notes the components of a body whose octets are as they were sent.
func (c *comparer) bodyAsSent() {
	for _, t := range bodyTypes {
		for _, r := range c.origin.of(t) {
			c.Parts = append(c.Parts, Part{Type: t, Index: r.index, Outcome: Same})
		}
	}
}
