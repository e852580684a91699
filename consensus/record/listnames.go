package record

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

// listInFrom notes that the known list put its own address where the author's was, behind the
// author's name. Whoever answers writes to the list, which is less than a forwarder's mark
// and misleads nobody who named the list.
func (c *comparer) listInFrom() {
	f := c.with.Forwarder
	if f == nil || !f.List || !c.only(message.From, f.Posting) {
		return
	}
	at := func(t message.Type, index uint16) *Part {
		i := slices.IndexFunc(c.Parts, func(p Part) bool { return p.Type == t && p.Index == index && p.Outcome != Same })
		if i < 0 {
			return nil
		}
		return &c.Parts[i]
	}
	from, name := at(message.From, 0), at(message.Names, uint16(message.From))
	if from == nil || name == nil || from.Outcome != Changed || from.Kind != "" || !c.isVia() {
		return
	}
	from.Kind, name.Kind = ListInFrom, NameVia
}

// commentInFrom is one mailbox with a comment between its name, a phrase or a quoted string, and
// its address, as Sympa writes it. No fold is in the quotes, where some programs keep its line end.
var commentInFrom = regexp.MustCompile(`^("[^"\\\r]+"|[^"\\()<>@,;:]+?)[ \r]*(\([^"\\()<>]+\))[ \r]*(<[^<> \r]+>)$`)

// readCommentInFrom reads a From that the known list wrote so and that is outside of the grammar of
// records, in which no comment stands in front of an address, as if it stood behind. Programs agree
// about the address, and show the name with the comment or without.
func (c *comparer) readCommentInFrom() {
	f, from := c.with.Forwarder, c.received(message.From)
	if f == nil || !f.List || len(from) != 1 || from[0].Reading != message.AsOctets {
		return
	}
	if slices.ContainsFunc(c.origin.of(message.From), func(r *recorded) bool { return r.is(from[0].digest) }) {
		return
	}
	parts := commentInFrom.FindStringSubmatch(string(from[0].Content()))
	if parts == nil || len(parts[0]) > maxAddition {
		return
	}
	items, ok := grammar.Addresses(unfolded(parts[1] + " " + parts[3] + " " + parts[2]))
	if !ok || len(items) != 1 || !strings.EqualFold(items[0].Addr, f.Posting) {
		return
	}
	from[0].Component = message.NewComponent(message.From, 0, message.Canonical, []byte(items[0].Addr))
	from[0].digest = from[0].Digest()
	names := "0\t" + items[0].Name + "\t" + items[0].Comment + "\n"
	c.arrive([]message.Component{message.NewComponent(message.Names, uint16(message.From), message.Canonical, []byte(names))})
}

// sayFrom notes what the known forwarder put into From, to be quoted: a local part can say
// anything, unless it is that of the posting address or made of the author's address.
func (c *comparer) sayFrom(p *Part) {
	author := ""
	if i := slices.IndexFunc(c.addresses(message.ReplyTo), c.isAuthorsAddress); i >= 0 {
		author = c.addresses(message.ReplyTo)[i]
	}
	list := slices.DeleteFunc(c.addresses(message.From), func(address string) bool {
		return strings.EqualFold(address, c.with.Forwarder.Posting) || c.isMadeOf(author, address)
	})
	p.Added, p.Cut = clip(strings.Join(list, " "))
	p.Mark = len(p.Added) <= maxAddition
	p.Decides = !p.Mark
}

// isMadeOf reports whether the local part of an address has that of the author's, and beside it
// nothing but words of his domain, of the list's local part, and those that lists put between.
func (c *comparer) isMadeOf(author, address string) bool {
	posting, _, _ := strings.Cut(strings.ToLower(c.with.Forwarder.Posting), "@")
	local, _, _ := strings.Cut(strings.ToLower(address), "@")
	name, _, _ := strings.Cut(strings.ToLower(author), "@")
	if len(local) > maxAddition || name == "" || !strings.Contains(local, name) {
		return false
	}
	known := slices.Concat(wordsOf(strings.ToLower(author)), wordsOf(posting), []string{"at", "via"})
	return !slices.ContainsFunc(wordsOf(local), func(word string) bool { return !slices.Contains(known, word) })
}

// isVia reports whether the name in From is the recorded one, with "via" and the list behind it.
func (c *comparer) isVia() bool {
	names := c.names(message.From)
	if len(names) != 1 {
		return false
	}
	name, list, via := cutVia(names[0].said())
	return via && c.isList(list) && c.isAuthorsName(name)
}

// whoseNames reports whether each name of a field that the known forwarder wrote is that of whose
// address it stands at: the author's, with "via" and the list behind it or not, the list's own, or
// one that the author wrote there; and whether there is none but the author's.
func (c *comparer) whoseNames(field message.Type) (fine, authors bool) {
	names, addresses := c.names(field), c.addresses(field)
	var others []listedName
	authors = true
	said := 0
	for _, n := range names {
		if said += len(n.said()) + len(", "); said > maxAddition { // is not quoted whole
			return false, false
		}
		inFrom, address := field != message.ReplyTo, addresses[n.rank]
		name, list, via := cutVia(n.said())
		switch {
		case !inFrom && !c.isAuthorsAddress(address) && !strings.EqualFold(address, c.with.Forwarder.Posting):
			others = append(others, n)
		case !inFrom && !c.isAuthorsAddress(address):
			authors = authors && n.said() == ""
			if n.said() != "" && !c.isList(n.said()) && !c.isInListID(n.said()) {
				return false, false
			}
		case c.isAuthorsName(n.said()):
		case via && c.isAuthorsName(name) && (c.isList(list) || inFrom && c.isListName(list, false)):
			authors = authors && c.isList(list)
		case inFrom && (c.isList(n.said()) || c.isOnBehalf(n.said())):
			authors = false
		default:
			return false, false
		}
	}
	return len(names) > 0 && (len(others) == 0 || c.wereNamed(field, others)), authors
}

// authorInCc reports whether Cc has the author's mailbox and else none but those that were there,
// and no group, as of lists that put themselves into From and Reply-To.
func (c *comparer) authorInCc() bool {
	if !c.allAt(message.From, c.with.Forwarder.Domain) || c.origin.full || c.d.Grouped(message.Cc) {
		return false
	}
	list := c.mailboxes(message.Cc)
	others := slices.DeleteFunc(slices.Clone(list), c.isAuthorsMailbox)
	return len(others) < len(list) && !slices.ContainsFunc(others, func(m message.Mailbox) bool { return !c.wasAddressee(m) })
}

// isAuthors reports whether the names of a field are the author's, and none else.
func (c *comparer) isAuthors(field message.Type) bool {
	fine, authors := c.whoseNames(field)
	return fine && authors && slices.ContainsFunc(c.names(field), func(n listedName) bool { return n.said() != "" })
}

// listedName is a name of an address field, rank the place of its address among the sorted ones.
type listedName struct {
	rank          int
	name, comment string
}

// said is what programs show of a name: a comment where there is no other.
func (n listedName) said() string {
	if n.name == "" {
		return n.comment
	}
	if n.comment != "" {
		return n.name + " (" + n.comment + ")"
	}
	return n.name
}

// names returns the names of a received field, nil if not all of them can be told.
func (c *comparer) names(field message.Type) (list []listedName) {
	for _, a := range c.received(message.Names) {
		if a.Index != uint16(field) {
			continue
		}
		content := a.Content()
		if a.Reading != message.Canonical {
			content = c.d.DecodedNames(field)
		}
		content, _ = bytes.CutSuffix(content, []byte(message.QuoteFolded))
		for line := range strings.Lines(string(content)) {
			parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			rank, err := strconv.Atoi(parts[0])
			if err != nil || len(parts) != 3 || rank >= len(c.addresses(field)) {
				return nil
			}
			list = append(list, listedName{rank, parts[1], parts[2]})
		}
	}
	return list
}

// addresses are the sorted addresses of a received field.
func (c *comparer) addresses(field message.Type) (list []string) {
	for _, a := range c.received(field) {
		if a.Reading == message.Canonical {
			list = strings.Split(string(a.Content()), "\n")
		}
	}
	return list
}

// wereNamed reports whether the author wrote the field with these names, of which others were taken
// out.
func (c *comparer) wereNamed(field message.Type, names []listedName) bool {
	var ranks []int
	for _, n := range names {
		ranks = append(ranks, n.rank)
	}
	slices.Sort(ranks)
	var content strings.Builder
	plain := true
	for i, n := range names {
		rank, _ := slices.BinarySearch(ranks, n.rank)
		plain = plain && rank == i && n.name == "" && n.comment == ""
		content.WriteString(strconv.Itoa(rank) + "\t" + n.name + "\t" + n.comment + "\n")
	}
	return plain || c.wasNamed(field, content.String())
}

// wasNamed reports whether the names of a recorded field are these.
func (c *comparer) wasNamed(field message.Type, content string) bool {
	return slices.ContainsFunc(c.origin.of(message.Names), func(r *recorded) bool {
		return r.index == uint16(field) && (r.isContent([]byte(content), nil) || r.isContent(otherFold([]byte(content)), nil))
	})
}

// isAuthorsName reports whether a name is that recorded in From, as a name or a comment, or a
// spelling of the author's address, such as "jo---" for jo@example.org, or says nothing, as what
// lists leave of octets that they cannot read.
func (c *comparer) isAuthorsName(name string) bool {
	if bare := strings.Trim(name, "'"); bare != name && c.isAuthorsName(bare) {
		return true
	}
	if bare, address, ok := cutParentheses(name, " ("); ok && c.isAuthorsAddress(address) && c.isAuthorsName(bare) {
		return true
	}
	return strings.Trim(name, "\ufffd ") == "" || c.wasNamed(message.From, "0\t"+name+"\t\n") || c.wasNamed(message.From, "0\t\t"+name+"\n") ||
		slices.ContainsFunc(c.addresses(message.ReplyTo), func(address string) bool {
			local, _, _ := strings.Cut(address, "@")
			return (name == address || name == local || name == local+"---") && c.isAuthorsAddress(address)
		})
}

// isAuthorsAddress reports whether an address is the only one that was recorded in From.
func (c *comparer) isAuthorsAddress(address string) bool {
	from := c.origin.of(message.From)
	return len(from) == 1 && from[0].isContent([]byte(address), nil)
}

// isList reports whether a name is that of the known list: the word that its address begins with,
// its host, or both.
func (c *comparer) isList(name string) bool {
	local, domain, _ := strings.Cut(c.with.Forwarder.Posting, "@")
	return strings.EqualFold(name, local) || strings.EqualFold(name, domain) || strings.EqualFold(name, local+"."+domain)
}

// isInListID reports whether a name is what List-Id, which the list wrote too, calls the list.
func (c *comparer) isInListID(name string) bool {
	return c.isListName(name, true) && slices.ContainsFunc(c.Parts, func(p Part) bool {
		phrase, _, ok := strings.Cut(decodedPhrase(p.Added), "<")
		return p.Field == "list-id" && (p.Outcome == Extra || p.Outcome == Changed) && ok && strings.Trim(phrase, " \"") == name
	})
}

// isListName reports whether a name is one that a list could have: what could be its tag in a
// subject, in one phrase.
func (c *comparer) isListName(name string, known bool) bool {
	return c.harmlessTag("["+name+"]", known) && !strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Terminal_Punctuation, r) })
}

// isOnBehalf reports whether a name is that of a list with the author's address behind it.
func (c *comparer) isOnBehalf(name string) bool {
	list, address, ok := cutParentheses(name, " (on behalf of ")
	return ok && c.isAuthorsAddress(address) && (c.isList(list) || c.isListName(list, false))
}

// cutParentheses cuts what stands in parentheses at the end of a name, behind open.
func cutParentheses(name, open string) (before, inside string, ok bool) {
	bare, closed := strings.CutSuffix(name, ")")
	at := strings.LastIndex(bare, open)
	if !closed || at < 0 {
		return name, "", false
	}
	return bare[:at], bare[at+len(open):], true
}

// cutVia cuts a name at the last "via" in it, which may stand in parentheses with the list, and
// these have something else in front of it.
func cutVia(name string) (before, list string, ok bool) {
	open := " via "
	bare, closed := strings.CutSuffix(name, ")")
	if closed && strings.Contains(bare, " (via ") {
		name, open = bare, " (via "
	}
	if before, inside, ok := cutParentheses(name, " ("); ok {
		if address, list, ok := strings.Cut(inside, " via "); ok {
			return before + " (" + address + ")", list, true
		}
	}
	at := strings.LastIndex(" "+name, open)
	if at < 0 {
		return name, "", false
	}
	return strings.TrimSpace(name[:max(at-1, 0)]), name[at+len(open)-1:], true
}
