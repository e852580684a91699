package record

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

// exchanged lets those of the same content decide that are not in the order in which they were
// recorded: the layout says which picture stands where, and these took each other's place. What
// only moved up, since others were taken out, does not.
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

// shifted reports whether a text is where it is now since others before it were taken out or put
// in: of those that are empty nothing else tells which of them came to hold the words.
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

// isRecipients reports whether a part is about To or Cc of a message that came through a known
// list, and no mailbox of it is known to have been added. Lists reorder Cc and leave out who gets
// the message anyway; of so many mailboxes that the record has no tags of them, nothing tells that
// from an added one. It stays a change, which is named.
func (c *comparer) isRecipients(p *Part) bool {
	about := p.about()
	return c.with.Forwarder.List && p.Outcome != Extra && (about == message.To || about == message.Cc) && !c.mailboxAdded(about)
}

// harmlessTag reports whether tags in front of a subject are one, short, and say nothing of their
// own: what a footer may, and no address, host or digits but those of a list's name. The known
// list's tag may be longer, and count its mails. Those of programs that screen mail say nothing,
// alone or beside the known list's.
func (c *comparer) harmlessTag(tags string, known bool) bool {
	others := beyondScreening(tags)
	inner, longest := strings.Trim(others, "[]()"), 32
	if others != tags {
		return others == "" || known && (c.countsMails(inner) || c.isList(inner))
	}
	if known {
		if c.countsMails(inner) {
			return true
		}
		longest = 64
	}
	if !strings.HasPrefix(tags, "[") || strings.Count(tags, "[") != 1 || len(tags) > longest {
		return false
	}
	switch {
	case known && c.isList(inner):
		return true
	case strings.ContainsAny(inner, `@/\:.`):
		return false
	}
	return c.isWritten(inner) && !hides(inner) || harmless([]byte(inner), c.own()) && c.digitsOfList(inner, known)
}

// isWritten reports whether a tag is the name of a list that the author wrote to.
func (c *comparer) isWritten(tag string) bool {
	return slices.ContainsFunc(c.written, func(m message.Mailbox) bool {
		local, _, _ := strings.Cut(m.Addr, "@")
		return strings.EqualFold(local, tag)
	})
}

// digitsOfList reports whether a tag has no digits, or has them in words of the known list's name
// alone.
func (c *comparer) digitsOfList(tag string, known bool) bool {
	var own []string
	if f := c.with.Forwarder; known && f != nil && f.List {
		local, _, _ := strings.Cut(f.Posting, "@")
		own = wordsOf(local)
	}
	return !slices.ContainsFunc(wordsOf(tag), func(word string) bool {
		figures, _ := figuresIn(norm.NFKC.String(word))
		return figures != "" && !slices.ContainsFunc(own, func(name string) bool { return strings.EqualFold(name, word) })
	})
}

// countsMails reports whether a tag is the known list's name with a number behind it, as of lists
// that count their mails.
func (c *comparer) countsMails(tag string) bool {
	name := strings.TrimRight(tag, digits)
	count := len(tag) - len(name) // digits
	f := c.with.Forwarder
	return f != nil && f.List && count > 0 && count <= 6 && len(name) > 0 && strings.ContainsRune(" :", rune(name[len(name)-1])) && c.isList(name[:len(name)-1])
}

// counted finds the recorded subject behind the known list's counter, which has other brackets than
// tags have or none.
func (c *comparer) counted(r *recorded, subject string) (tag string) {
	before, rest := "", subject
	if len(subject) > 4 && strings.EqualFold(subject[:4], "re: ") {
		before, rest = subject[:4], subject[4:]
	}
	end := " "
	if strings.HasPrefix(rest, "(") {
		end = ") "
	}
	if a, ok := answer(subject); ok && r.version > recordV1 && c.countedOn(r, a) {
		return a.tag
	}
	tag, after, ok := strings.Cut(rest, end)
	if !ok || !c.countsMails(strings.TrimPrefix(tag, "(")) || subjectKind(r, joinWords(before, after)) == "" {
		return ""
	}
	return tag + strings.TrimSpace(end)
}

// maxBack is how many mails a known list may have counted between one and the answer to it.
const maxBack = 200

// countedOn reports whether the recorded subject is that of an answer with an earlier counter of
// the known list.
func (c *comparer) countedOn(r *recorded, a answered) bool {
	inner := strings.Trim(a.tag, "[]")
	name := strings.TrimRight(inner, digits)
	count, err := strconv.Atoi(inner[len(name):])
	if !c.countsMails(inner) || err != nil {
		return false
	}
	left := 2 * maxAnswers
	for back := 1; back <= min(maxBack, count); back++ {
		earlier := strconv.Itoa(count - back)
		if inner[len(name)] == '0' || count-back == 0 {
			earlier = fmt.Sprintf("%0*d", len(inner)-len(name), count-back)
		}
		a.tag = "[" + name + earlier + "]"
		if a.isUsual(r, &left) {
			return true
		}
	}
	return false
}

// noSubject reports whether a subject that was added is a list's words for there being none, with a
// harmless tag, or tags of programs that screen mail or the known list's alone.
func (c *comparer) noSubject(p *Part, known bool) bool {
	rest := beyondScreening(p.Added)
	if rest == "" && p.Added != "" {
		return !p.Cut
	}
	tag, after := "", rest
	if _, cut, behind, ok := cutTag(rest); ok {
		tag, after = cut, behind
	}
	after = strings.TrimSpace(after)
	said := slices.ContainsFunc(noSubjects, func(words string) bool { return strings.EqualFold(after, words) }) || after == "" && known && tag != ""
	return !p.Cut && said && (tag == "" || c.harmlessTag(tag, known))
}

// noSubjects are what Mailman 2 writes where there is no subject, in the languages that it knows.
var noSubjects = []string{
	"(no subject)",
	"(brak tematu)", "(brez zadeve)", "(bez predmetu)", "(ei otsikkoa)", "(emnefelt tomt)", "(ensin asuntu)",
	"(fără subiect)", "(gairik gabea)", "(geen onderwerp)", "(kein Betreff)", "(không có chủ đề)", "(konu yok)",
	"(nema naslova)", "(nenurodyta tema)", "(nincs tárgy)", "(sans objet)", "(sem assunto)", "(sen asunto)",
	"(sense assumpte)", "(senza oggetto)", "(sin asunto)", "(sin subjecto)", "(teemat pole)", "(utan titel)",
	"(uten tittel)", "(δεν υπάρχει θέμα)", "(без темы)", "(нема теме)", "(тема відсутня)", "(ללא נושא)",
	"(بدون عنوان)", "(بدون موضوع)", "(제목 없음)", "(無題)", "(无主题)", "(沒有主題)",
}

// fromOwnList reports whether a field of a mailing list could be one's that the author wrote to: it
// leads there, and what programs show of it says nothing of its own.
func (c *comparer) fromOwnList(p *Part) bool {
	if p.Field == "list-id" {
		return c.isListID(p.Added)
	}
	return harmlessActions(p.Added, c.own()) && (!message.ActedUpon(p.Field) || harmless([]byte(p.Added), c.own()))
}

// decodedPhrase is a value of List-Id as programs show it: what stands in front of the id in
// encoded words (RFC 2047) is decoded. One that cannot be, or with what could be an id in it, stays
// as it is.
func decodedPhrase(value string) string {
	phrase, id, ok := strings.Cut(value, "<")
	if !ok || !strings.Contains(phrase, "=?") {
		return value
	}
	decoded, sound := grammar.Words(phrase)
	if !sound {
		decoded, sound = grammar.PaddedWords(phrase)
	}
	if !sound || strings.ContainsAny(decoded, "<>\r\n") || len(decoded) > maxAddition {
		return value
	}
	return decoded + "<" + id
}

// isHarmlessID reports whether what a known list's List-Id calls the list, which programs show,
// moves neither money nor readers.
func (c *comparer) isHarmlessID(value string) bool {
	phrase, _, _ := strings.Cut(value, "<")
	return !strings.Contains(phrase, "=?") && harmless([]byte(phrase), c.own())
}

// isKnownPhrase reports whether what List-Id calls the known list is nothing, the list's name, or
// what the list put into the subject, which is named there.
func (c *comparer) isKnownPhrase(value string) bool {
	phrase, _, _ := strings.Cut(value, "<")
	phrase = strings.Trim(phrase, `" `)
	return phrase == "" || c.isList(phrase) || slices.ContainsFunc(c.Parts, func(p Part) bool {
		return p.Kind == SubjectTagged && strings.EqualFold(p.Detail, "["+phrase+"]")
	})
}

// isListID reports whether a value of List-Id (RFC 2919) is that of an address that the author
// wrote to, or of the known forwarder, behind words that could stand in a tag.
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
