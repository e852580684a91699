package record

import (
	"fmt"
	"slices"
	"strings"

	"cairn/mailstore/message"
)

// mark reports whether a difference is one that the known forwarder may make: one tag, one footer
// of its own hosts, From rewritten to its domain with the author in Reply-To, Sender and Reply-To
// of its own, its list fields.
func (c *comparer) mark(p *Part, munged bool) bool {
	f := c.with.Forwarder
	switch p.Type {
	case message.Recipient:
		return true
	case message.From:
		return munged || p.Kind == Mapped
	case message.ReplyTo:
		return munged && c.isAuthor() || f.List && c.answersToList()
	case message.Sender:
		return c.allAt(message.Sender, f.Domain)
	case message.Names:
		field := message.Type(p.Index)
		if p.Outcome == Absent {
			return field == message.From || field == message.ReplyTo || field == message.Sender && c.allAt(field, f.Domain)
		}
		if field == message.Cc {
			return f.List && c.authorInCc()
		}
		if field == message.From && munged || field == message.ReplyTo && (munged || f.List && c.answersToList()) || field == message.Sender && c.allAt(field, f.Domain) {
			fine, _ := c.whoseNames(field)
			return fine
		}
		return false
	case message.Subject:
		if p.Outcome == Extra {
			return f.List && c.noSubject(p, true)
		}
		return p.Kind == ReplyPrefix || p.Kind == CommaParted || p.Kind == SubjectTagged && f.List && c.harmlessTag(p.Detail, true)
	case message.Text, message.HTML:
		return c.bodyMark(p)
	case message.To, message.Cc:
		return f.List && (p.Outcome == Absent || p.Kind == AddressesRemoved || p.Kind == AddressesCut || p.Type == message.To && c.only(message.To, f.Posting) || p.Type == message.Cc && c.authorInCc())
	case message.Fields:
		if f.List && message.ListField(p.Field) {
			return c.listField(p)
		}
		return p.Field != "" && p.Outcome == Extra && !message.ActedUpon(p.Field)
	}
	return !p.Decides && p.Outcome != Same && (p.Type == message.References || p.Type == message.Language || p.Type == message.MIME ||
		p.Type == message.Layout && (p.Kind == Rewrapped || p.Kind == OtherLanguage) || p.Type == message.AttachmentOctets || p.Type == message.Layout && p.Index == 1)
}

// elsewhere are the list fields that may lead away from a list: many have their archive at another
// host.
var elsewhere = []string{"list-archive", "archived-at"}

// listField reports whether a known list may add a field. It is silent if it leads to the list and
// says nothing; of others no program makes buttons, and the sentence has them whole.
func (c *comparer) listField(p *Part) bool {
	if p.Kind == Mapped || p.Kind == Refolded || p.Kind == Encoded { // the author's own
		p.Silent = true
		return true
	}
	shown, away := message.ActedUpon(p.Field), slices.Contains(elsewhere, p.Field)
	own := c.own()
	home := !p.Cut && harmlessActions(p.Added, own)
	p.Silent = home && (!shown && !away || own.saysNothing(p.Added))
	if p.Field == "list-id" {
		p.Added = decodedPhrase(p.Added)
		id := !p.Cut && c.isListID(p.Added)
		p.Silent, home = id && c.isKnownPhrase(p.Added), id || !p.Cut && c.isHarmlessID(p.Added)
	}
	return p.Silent || len(p.Added) <= maxAddition && (home || !shown || away)
}

func (c *comparer) bodyMark(p *Part) bool {
	switch {
	case p.Kind == FromEscaped || p.Kind == WhitespaceChanged || p.Kind == CharsetChanged || p.Kind == LinesCut:
		return true
	case p.Kind == FooterAppended:
		return c.harmlessFooter(p)
	case p.Outcome == Extra:
		return c.harmlessPart(p)
	}
	return false
}

func (c *comparer) addedAreMarks() bool {
	for _, p := range c.Parts {
		if p.Outcome == Extra && !p.Mark && (p.Type == message.Text || p.Type == message.HTML || p.Type == message.Attachment) {
			return false
		}
	}
	return true
}

// isAuthor reports whether Reply-To holds the recorded From and the recorded Reply-To, and nothing
// else.
func (c *comparer) isAuthor() bool {
	from, replyTo := c.origin.of(message.From), c.origin.of(message.ReplyTo)
	for _, a := range c.received(message.ReplyTo) {
		switch {
		case len(from) != 1:
		case len(replyTo) == 0 && from[0].is(a.digest):
			return true
		case len(replyTo) == 1 && heldAuthor(from[0], replyTo[0], a):
			return true
		}
	}
	return false
}

// answersToList reports whether Reply-To has the posting address of the known list, and nobody else
// but whom the author named there, or himself.
func (c *comparer) answersToList() bool {
	theirs := c.received(message.ReplyTo)
	if len(theirs) != 1 || theirs[0].Reading != message.Canonical {
		return false
	}
	all := strings.Split(string(theirs[0].Content()), "\n")
	others := slices.DeleteFunc(slices.Clone(all), func(spec string) bool { return strings.EqualFold(spec, c.with.Forwarder.Posting) })
	named := func(t message.Type) bool {
		ours := c.origin.of(t)
		return len(ours) == 1 && ours[0].isContent([]byte(strings.Join(others, "\n")), nil)
	}
	return len(others) < len(all) && (len(others) == 0 || named(message.ReplyTo) || named(message.From))
}

func (c *comparer) only(t message.Type, address string) bool {
	for _, a := range c.received(t) {
		if a.Reading == message.Canonical && strings.EqualFold(string(a.Content()), address) {
			return true
		}
	}
	return false
}

// Forwarded reports whether every difference is what a known forwarder may do: one tag, one footer,
// its own fields, another envelope recipient.
func (c Comparison) Forwarded() bool {
	if c.Recorded == 0 || c.Version < RecordVersion {
		return false
	}
	footers := map[message.Type]int{}
	for _, p := range c.Parts {
		if p.Outcome == Same {
			if p.Moved {
				return false
			}
			continue
		}
		if !p.Mark {
			return false
		}
		if p.Added != "" && (p.Type == message.Text || p.Type == message.HTML) {
			if footers[p.Type]++; footers[p.Type] > 1 {
				return false
			}
		}
	}
	return true
}

// Quoted are the additions to the author's message, each in quotes, whole if it may pass.
func (c Comparison) Quoted() []string {
	var list []string
	for _, p := range c.Parts {
		switch {
		case p.Outcome == Same || p.Type == message.Recipient || p.Type == message.Fields:
		case p.Type == message.Subject && p.Kind == SubjectTagged, p.Added != "":
			text := p.Detail
			if p.Added != "" {
				text = quote(p.about(), p.Added)
			}
			if text != "" { // nor is anything to be read in white space
				name := p.Type.String()
				if p.Type == message.Names {
					name = p.name()
				}
				list = append(list, fmt.Sprintf("%s: %q", name, text))
			}
		}
	}
	return list
}

const maxLong = 2 * maxDetail // octets of a quotation that is read over at a glance

// Words says of a message that a known forwarder sent on what of it is the author's and what is
// not, to follow "Recorded by D for A: "; author is the author's address. It says "unchanged" only
// if nothing that a reader sees differs.
func (c Comparison) Words(author string) string {
	kept, marks := "", []string(nil)
	for _, p := range c.Parts {
		if p.Kind == WrappedWhole {
			kept = "the whole message, inside one of the forwarder's"
			marks = append(marks, fmt.Sprintf("what stands around it under the subject %q", p.Detail))
		}
		if p.Outcome == Same || p.Type.Derived() || p.Type == message.Recipient || p.Type == message.SignatureBlock || p.Type == message.Layout && p.Added == "" || p.Type == message.Fields && (p.Silent || !message.ActedUpon(p.Field) && !message.ListField(p.Field)) {
			continue
		}
		switch {
		case p.Type == message.Names:
			about := message.Type(p.Index)
			addressee := about == message.To || about == message.Cc // each that is left is as recorded, or in Added
			if addressee && p.Outcome != Absent && p.Added != "" {
				marks = append(marks, fmt.Sprintf("the name in %s: %q", about, quote(about, p.Added)))
			} else if p.Outcome == Absent && (about == message.From || about == message.ReplyTo) {
				marks = append(marks, p.String())
			} else if !addressee && p.Outcome != Absent && p.Detail != "" && p.Kind != AuthorsName && p.Kind != NameVia {
				marks = append(marks, fmt.Sprintf("the name in %s: %q", about, p.Detail))
			}
		case p.Type == message.Fields:
			marks = append(marks, fmt.Sprintf("%s: %q", p.Field, quote(p.Type, p.Added)))
		case p.Type == message.Subject && p.Kind == SubjectTagged:
			marks = append(marks, p.Detail)
		case p.Type == message.Text && p.Kind == FooterAppended:
			if kept = fmt.Sprintf("lines 1 to %d", p.Lines); p.Lines == 1 {
				kept = "line 1"
			}
			added := strings.Trim(p.Added, "\n")
			marks = append(marks, fmt.Sprintf("last %d lines: %q", strings.Count(added, "\n")+1, quote(p.Type, added)))
		case p.Added != "":
			marks = append(marks, fmt.Sprintf("%s: %q", p.Type, quote(p.Type, p.Added)))
		case p.Type == message.From:
			marks = append(marks, "the address in From")
		case (p.Type == message.ReplyTo || p.Type == message.Sender) && p.Outcome != Absent:
			marks = append(marks, fmt.Sprintf("%s: %q", p.Type, p.Detail))
		default:
			marks = append(marks, p.String())
		}
	}
	// What is long comes last, or what stands behind it would be lost on the reader.
	slices.SortStableFunc(marks, func(a, b string) int { return len(a)/maxLong - len(b)/maxLong })
	switch {
	case len(marks) == 0:
		return "unchanged"
	case kept == "":
		return "not " + author + "'s: " + strings.Join(marks, ", ")
	}
	return kept + ". Not " + author + "'s: " + strings.Join(marks, ", ")
}
