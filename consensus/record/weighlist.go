package record

import (
	"slices"
	"strings"
	"unicode"

	"cairn/mailstore/message"
)

// exchanged lets those of the same content decide that are not in the order in which they were
// recorded: the layout says which picture stands where, and these took each other's place. What only
// moved up, since others were taken out, does not.
func (c *comparer) exchanged() {
	last := map[message.Type]int{}
	for i := range c.Parts {
		p := &c.Parts[i]
		if p.Outcome != Same {
			continue
		}
		if row, _ := p.Type.Info(); !row.Unordered || p.Type == message.Recipient || p.Type == message.AttachmentName {
			continue
		}
		at := int(p.Received) + 1
		p.Decides = p.Moved && (at < last[p.Type] || p.Type != message.Attachment && !c.shifted(p))
		last[p.Type] = max(last[p.Type], at)
	}
}

// shifted reports whether a text is where it is now since others before it were taken out or put in: of
// those that are empty nothing else tells which of them came to hold the words.
func (c *comparer) shifted(p *Part) bool {
	at := int(p.Index)
	for _, other := range c.Parts {
		switch {
		case other.Type != p.Type:
		case other.Outcome == Absent && other.Index < p.Index:
			at--
		case other.Outcome == Extra && other.Index < p.Received:
			at++
		}
	}
	return at == int(p.Received)
}

// isRecipients reports whether a part is about To or Cc of a message that came through a known list,
// and no mailbox of it is known to have been added. Lists reorder Cc and leave out who gets the
// message anyway; of so many mailboxes that the record has no tags of them, nothing tells that from
// an added one. It stays a change, which is named.
func (c *comparer) isRecipients(p *Part) bool {
	about := p.Type
	if p.Type == message.Names {
		about = message.Type(p.Index)
	}
	return c.with.Forwarder.List && p.Outcome != Extra && (about == message.To || about == message.Cc) && !c.mailboxAdded(about)
}

// harmlessTag reports whether tags in front of a subject are one, short, and say nothing of their own: no
// address and no digits, unless it is the name of a list that the author wrote to. The known list's tag may be longer,
// and have four digits.
func (c *comparer) harmlessTag(tags string, known bool) bool {
	longest, most := 32, 0
	if known {
		longest, most = 64, 4
	}
	inner, ok := strings.CutPrefix(tags, "[")
	if !ok || strings.Count(tags, "[") != 1 || len(tags) > longest {
		return false
	}
	inner = strings.TrimSuffix(inner, "]")
	if strings.ContainsAny(inner, "@/:.") || strings.ContainsFunc(inner, odd) {
		return false
	}
	digits := strings.FieldsFunc(inner, func(r rune) bool { return !unicode.IsDigit(r) })
	return len(strings.Join(digits, "")) <= most || slices.ContainsFunc(c.written, func(m message.Mailbox) bool {
		local, _, _ := strings.Cut(m.Addr, "@")
		return strings.EqualFold(local, inner)
	})
}

// noSubject reports whether a subject that was added is a list's words for there being none, with a harmless tag.
func (c *comparer) noSubject(p *Part, known bool) bool {
	tag, after := "", p.Added
	if _, cut, rest, ok := cutTag(p.Added); ok {
		tag, after = cut, rest
	}
	return !p.Cut && strings.EqualFold(strings.TrimSpace(after), "(no subject)") && (tag == "" || c.harmlessTag(tag, known))
}

// fromOwnList reports whether a field of a mailing list could be one's that the author wrote to: it leads
// there, and what programs show of it says nothing of its own.
func (c *comparer) fromOwnList(p *Part) bool {
	if p.Field == "list-id" {
		return c.isListID(p.Added)
	}
	return harmlessActions(p.Added, c.own()) && (!message.ActedUpon(p.Field) || harmless([]byte(p.Added), c.own()))
}

// isListID reports whether a value of List-Id (RFC 2919) is that of an address that the author wrote to, or of
// the known forwarder, behind words that could stand in a tag.
func (c *comparer) isListID(value string) bool {
	phrase, id, _ := strings.Cut(value, "<")
	id, ok := strings.CutSuffix(strings.ToLower(id), ">")
	if phrase = strings.Trim(phrase, `" `); !ok || !hostName.MatchString(id) || strings.Contains(phrase, "=?") || phrase != "" && !c.harmlessTag("["+phrase+"]", false) {
		return false
	}
	own := c.own()
	for i, r := range id {
		if r == '.' && own.isAddress(id[:i]+"@"+id[i+1:]) {
			return true
		}
	}
	return own.vouched(id)
}
