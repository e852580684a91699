package record

import (
	"regexp"
	"slices"
	"strings"

	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

// fewer compares the mailboxes of To or Cc with those that the record has tags of. kind is
// AddressesRemoved if all that are there were recorded, AddressesCut if the others may be what was
// left of recorded ones, then in cut; empty if any other or a group is there, or that cannot be
// told.
func (c *comparer) fewer(t message.Type) (kind string, cut []string) {
	if c.d.Grouped(t) {
		return "", nil
	}
	kept := 0
	for _, m := range c.mailboxes(t) {
		switch {
		case c.wasAddressee(m):
			kept++
		case c.wasCut(m):
			cut = append(cut, m.Addr)
		default:
			return "", nil
		}
	}
	switch {
	case kept == 0, len(cut) > c.missing(t, kept):
		return "", nil
	case len(cut) > 0:
		return AddressesCut, cut
	}
	return AddressesRemoved, nil
}

// mailboxes are those of To or Cc, each once; none if the field is outside the grammar.
func (c *comparer) mailboxes(t message.Type) (list []message.Mailbox) {
	seen := map[message.Mailbox]bool{}
	for _, m := range c.d.Mailboxes() {
		if m.Field == t && !seen[m] {
			seen[m] = true
			list = append(list, m)
		}
	}
	return list
}

// nobody is what relays put where no recipient is to be seen: the names of such a field, or all of
// one that has a comment behind its group.
var nobody = regexp.MustCompile(`(?i)^(?:group\t(?:undisclosed|unlisted)[ -]recipients\nend\n|unlisted-recipients:; ?\(no To-header on input\))$`)

// namesNobody reports whether a received field says no more than if it were not there.
func (c *comparer) namesNobody(t message.Type) bool {
	return slices.ContainsFunc(c.arrivals, func(a arrival) bool {
		return (a.Type == t || a.Type == message.Names && a.Index == uint16(t)) && nobody.Match(a.Content())
	})
}

func (c *comparer) wasAddressee(m message.Mailbox) bool {
	hint := m.Hint()
	return c.origin.has(hint.Label, hint.Value)
}

// missing is how many of the recorded mailboxes of a field are gone if so many are there.
func (c *comparer) missing(t message.Type, kept int) int {
	return c.origin.count(message.HintLabel(t)) - kept
}

// wasCut reports whether a mailbox is what relays leave of a recorded one, bare, whose domain they
// cut at its first dot.
func (c *comparer) wasCut(m message.Mailbox) bool {
	return m.Name == "" && m.Comment == "" && c.origin.has(message.HintCut, message.CutHint(m.Field, m.Addr).Value)
}

// mailboxAdded reports whether a mailbox of To or Cc is none of those that the record has tags of,
// or whom programs see in the field is not known.
func (c *comparer) mailboxAdded(t message.Type) bool {
	if c.d.Grouped(t) {
		return true
	}
	if c.origin.full || !c.origin.hasLabel(message.HintLabel(t)) {
		return false
	}
	list := c.mailboxes(t)
	if len(list) == 0 {
		return slices.ContainsFunc(c.received(t), c.unreadAdded)
	}
	return slices.ContainsFunc(list, func(m message.Mailbox) bool { return !c.wasAddressee(m) && !c.isAuthorsMailbox(m) })
}

// isAuthorsMailbox reports whether a mailbox is the author's, under a name of his.
func (c *comparer) isAuthorsMailbox(m message.Mailbox) bool {
	return c.isAuthorsAddress(m.Addr) && c.isAuthorsName(listedName{name: m.Name, comment: m.Comment}.said())
}

// foreignNames are the names that a received To or Cc has of mailboxes which are none of those that
// the record has tags of, the author's, or the known list's under a name of its own. unknown says
// that the record has no such tags of all mailboxes, so that these may have been recorded.
func (c *comparer) foreignNames(t message.Type) (names []string, unknown bool) {
	if c.namesNobody(t) {
		return nil, false
	}
	unknown = c.origin.full || !c.origin.hasLabel(message.HintLabel(t))
	list := c.mailboxes(t)
	if len(list) == 0 { // it is outside the grammar, at least with its names
		for _, a := range c.received(message.Names) {
			if a.Index == uint16(t) {
				names = append(names, unfolded(string(a.Content())))
			}
		}
		return names, unknown
	}
	for _, m := range list {
		said := listedName{name: m.Name, comment: m.Comment}.said()
		if said == "" || c.wasAddressee(m) || c.isAuthorsMailbox(m) || c.isListsMailbox(m) {
			continue
		}
		names = append(names, said)
	}
	return names, unknown
}

// isListsMailbox reports whether a mailbox is the known list's, named by its address or as its
// List-Id calls it.
func (c *comparer) isListsMailbox(m message.Mailbox) bool {
	f, said := c.with.Forwarder, listedName{name: m.Name, comment: m.Comment}.said()
	return f != nil && f.List && strings.EqualFold(m.Addr, f.Posting) && (c.isList(said) || c.isInListID(said))
}

// calledInListID are the names that a received To or Cc has of the known list as its List-Id calls
// it, which nobody recorded.
func (c *comparer) calledInListID(t message.Type) (names []string) {
	for _, m := range c.mailboxes(t) {
		said := listedName{name: m.Name, comment: m.Comment}.said()
		if said != "" && c.isListsMailbox(m) && !c.isList(said) && !c.wasAddressee(m) {
			names = append(names, said)
		}
	}
	return names
}

// weighNames weighs names of To or Cc that differ. Of fewer mailboxes the names are fewer too, and
// through a known list their order is none of anybody's; but a name that is none of the recorded
// ones is somebody's words. Where nothing tells whether it is, it is quoted whole, or decides.
func (c *comparer) weighNames(p *Part) {
	t := message.Type(p.Index)
	list := c.with.Forwarder != nil && c.with.Forwarder.List
	if !p.Decides || p.Outcome == Absent {
		p.Mark = p.Mark || list && !p.Decides
		return
	}
	if !c.fewerNames(t) && !(list && (c.isRecipients(p) || c.namesList(t))) {
		return
	}
	names, unknown := c.foreignNames(t)
	if len(names) == 0 {
		p.Decides, p.Mark, p.Added = false, list, strings.Join(c.calledInListID(t), ", ")
		return
	}
	said := strings.Join(names, ", ")
	p.Added, p.Cut, p.Mark = said[:min(len(said), maxNames)], len(said) > maxNames, false
	p.Decides = p.Cut || !unknown
}

// namesList reports whether To or Cc has the recorded addresses and no group, and no name but
// recorded ones and the known list's.
func (c *comparer) namesList(t message.Type) bool {
	same := slices.ContainsFunc(c.Parts, func(p Part) bool { return p.Type == t && p.Outcome == Same })
	names, _ := c.foreignNames(t)
	return same && len(names) == 0 && !c.d.Grouped(t)
}

// maxNames is how many octets of names of more mailboxes than the record has tags of are quoted;
// those of a hundred people have less.
const maxNames = 4 << 10

// unreadAdded is mailboxAdded for a field that is outside the grammar, at least with its names. It
// may be as recorded but for these, or have words for mailboxes that are gone: what is left of
// these where relays cut all from the "@" on.
func (c *comparer) unreadAdded(a *arrival) bool {
	if a.Reading == message.Canonical {
		return !slices.ContainsFunc(c.origin.of(a.Type), func(r *recorded) bool { return r.is(a.digest) })
	}
	rest, words := withoutWords(unfolded(string(a.Content())))
	items, ok := grammar.Addresses(rest)
	if !ok {
		return true
	}
	var kept []grammar.Mailbox
	for _, item := range items {
		if !c.wasAddressee(message.Mailbox{Field: a.Type, Addr: item.Addr, Name: item.Name, Comment: item.Comment}) {
			return true
		}
		if !slices.Contains(kept, item.Mailbox) {
			kept = append(kept, item.Mailbox)
		}
	}
	return words > c.missing(a.Type, len(kept))
}

// wordAlone is an element of an address list that is no address, but may be the local part of one.
// With more than four digits it may be an account.
var wordAlone = regexp.MustCompile(`^ *[A-Za-z_+-]+[0-9]{0,4} *$`)

// withoutWords takes words alone out of an address list.
func withoutWords(list string) (rest string, words int) {
	items := strings.Split(list, ",")
	left := slices.DeleteFunc(slices.Clone(items), wordAlone.MatchString)
	return strings.TrimLeft(strings.Join(left, ","), " "), len(items) - len(left)
}
