package message

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cairn/mailstore/message/grammar"
	"cairn/mailstore/message/maildomain"
)

// AnyDomain stands among the domains that a header claims for those behind what is not read: since that
// would cost too much, or is in a charset that is not known here and may have them.
const AnyDomain = "*"

// ClaimedDomains returns the domains of which any program may take an author from a header, ascending,
// each once: none where all programs read its From fields alike, since the addresses say it then. Of a
// header beyond grammar.MaxHeader they are all that it mentions behind an @. "" stands for one that can
// be none.
func ClaimedDomains(header []byte) []string {
	return slices.Sorted(maps.Keys(claimsOf(header).domains))
}

// claims are the domains that a header claims.
type claims struct {
	domains map[string]bool
	reader  domainReader
	cost    int // beside what the reader's steps cost
}

// What reading the domains of a header may cost, in steps of a domainReader: far more than mail from
// people does, and less than a tenth of a second.
const (
	maxClaimCost = 4 << 20
	spellingCost = 4  // for each octet of a value
	wordsCost    = 16 // beside that if it has encoded words
	readingCost  = 8  // for each octet of what it may be
	domainCost   = 16 // for each domain, however short
)

func claimsOf(header []byte) *claims {
	c := &claims{domains: map[string]bool{}}
	texts, whole := authorTexts(header)
	for _, text := range texts {
		if !whole || !c.read(text) {
			c.domains[AnyDomain] = true
			break
		}
	}
	return c
}

// authorTexts are the values of a header, if any, of which programs may take different authors; not
// whole if it is too large for them all.
func authorTexts(header []byte) (texts []string, whole bool) {
	lines := bytes.TrimLeft(WithoutMboxLine(header), "\r\n")
	early := len(lines) > 0 && isEnd(WithoutMboxLine(header)[0]) // an empty line that some programs pass over
	s := grammar.ReadSection(lines, grammar.MaxHeader)
	if lines = lines[:s.Size]; len(lines) > maxHeaders.bytes {
		return []string{""}, false
	}
	switch {
	case bytes.IndexByte(lines, 0) >= 0: // where some programs end the line, and go on with the next one
		return slices.Concat(unfolded(lines), unfolded(cutLines.ReplaceAll(lines, nil))), true
	case hasFlaw(&s, grammar.LongHeader):
		return unfolded(lines), true
	case hasFlaw(&s, grammar.BareCR): // a line end to some
		split := grammar.ReadSection(lineEnds.ReplaceAll(lines, []byte("\n")), grammar.MaxHeader)
		joined := grammar.ReadSection(bareCRs.ReplaceAll(lines, []byte(" ")), grammar.MaxHeader) // a blank to others, which may fold
		texts = slices.Concat(texts, split.Values("from"), joined.Values("from"))
	}
	authors := 0
	for i := range s.Fields {
		if f := &s.Fields[i]; f.Name == "from" {
			authors++
			if early || f.QuoteFolded || !plainAuthors(f.Value) { // some programs end a quoted string with its line
				texts = append(texts, f.Value)
			}
		}
	}
	if authors == 0 { // some programs show the sender then
		texts = append(texts, s.Values("sender")...)
	}
	return texts, true
}

// unfolded are the lines of a header with an @, each with those that go on it.
func unfolded(header []byte) []string {
	lines := strings.Split(folds.ReplaceAllString(string(header), " "), "\n")
	return slices.DeleteFunc(lines, func(line string) bool { return !strings.Contains(line, "@") && !strings.Contains(line, "=?") })
}

func hasFlaw(s *grammar.Section, flaw grammar.Flaw) bool {
	return slices.ContainsFunc(s.Flaws, func(f grammar.FoundFlaw) bool { return f.Flaw == flaw })
}

func isEnd(c byte) bool { return c == '\r' || c == '\n' }

var (
	lineEnds = regexp.MustCompile(`[\r\n]+`)
	bareCRs  = regexp.MustCompile(`\r+\b`)
	folds    = regexp.MustCompile(`\r?\n[ \t]+`)
	cutLines = regexp.MustCompile(`\x00[^\n]*\n?`)
)

// plainAuthors reports whether all programs take the same addresses from a value: it is inside the
// grammar, and no name in it holds what would be an address once encoded words are decoded.
func plainAuthors(value string) bool {
	items, ok := grammar.Addresses(value)
	return ok && !slices.ContainsFunc(items, func(i grammar.Item) bool {
		return strings.ContainsAny(i.Name+i.Comment+i.Group, "<>") && strings.Contains(i.Name+i.Comment+i.Group, "@")
	})
}

// read takes the domains behind each @ of a value, in all ways in which programs read them; "" if there
// is none, or one that can be none. It is false if that costs too much.
func (c *claims) read(value string) bool {
	if c.cost += spellingCost * len(value); strings.Contains(value, "=?") {
		c.cost += wordsCost * len(value)
	}
	if c.cost+c.reader.steps > maxClaimCost {
		return false
	}
	if strings.Contains(value, "=?") && hasOtherWords(value) {
		c.domains[AnyDomain] = true
	}
	found := false
	for _, text := range spellings(value) {
		if c.cost += readingCost * len(text); c.cost+c.reader.steps > maxClaimCost {
			return false
		}
		for domain := range c.reader.domains(text) {
			if c.cost += domainCost; c.cost+c.reader.steps > maxClaimCost {
				return false
			}
			found = true
			if domain = maildomain.Canonical(strings.Trim(domain, ".")); !maildomain.Valid(domain) {
				domain = ""
			}
			c.domains[domain] = true
		}
	}
	if !found {
		c.domains[""] = true
	}
	return true
}

// spellings are a value as it is written, with its encoded words decoded in the ways in which programs
// do that, and with its angles left out, or all outside of them.
func spellings(value string) []string {
	texts := []string{value}
	if strings.Contains(value, "=?") {
		for _, words := range []string{
			value, betweenWords.ReplaceAllString(value, "?= , =?"), // some put a blank between words
			wordPadding.ReplaceAllString(value, "$1$2"), wordInB.ReplaceAllStringFunc(value, wholeGroups), wordPadding.ReplaceAllStringFunc(value, splitAtPadding), // some stop at padding
		} {
			texts = append(texts, collapse(decodeWordsBy(words, decodeAuthor)))
		}
		texts = append(texts, collapse(decodeWordsBy(value, asOctets))) // some know no charset
	} else if !isASCII([]byte(value)) {
		texts = append(texts, phrase(value))
	}
	for _, text := range texts {
		if strings.ContainsAny(text, "<>") {
			texts = append(texts, angles.Replace(text), insideAngles(text))
		}
	}
	return each(texts)
}

// each is a list without what is in it again.
func each(list []string) (once []string) {
	for _, s := range list {
		if !slices.Contains(once, s) {
			once = append(once, s)
		}
	}
	return once
}

var (
	betweenWords = regexp.MustCompile(`\?=\s+=\?`)
	wordPadding  = regexp.MustCompile(`(=\?[^?\s]*\?[bB]\?)([^?=\s]*)(=+)([^?\s]*)`)
	wordInB      = regexp.MustCompile(`=\?[^?\s]*\?[bB]\?[^?=\s]*`)
	padded       = regexp.MustCompile(`[^=]*=+|[^=]+`)
	angles       = strings.NewReplacer("<", "", ">", "")
)

// splitAtPadding makes words of their own of what padding keeps apart in one in B.
func splitAtPadding(word string) string {
	text := strings.LastIndexByte(word, '?') + 1
	return word[:text] + strings.Join(padded.FindAllString(word[text:], -1), "?= "+word[:text])
}

// wholeGroups leaves out what of a word in B is no whole group of four characters, as some programs do.
func wholeGroups(word string) string {
	text := strings.LastIndexByte(word, '?') + 1
	return word[:len(word)-(len(word)-text)%4]
}

// insideAngles is all that stands in angles, one after the other.
func insideAngles(s string) string {
	var b strings.Builder
	for {
		_, behind, found := strings.Cut(s, "<")
		if !found {
			return b.String()
		}
		var inside string
		inside, s, _ = strings.Cut(behind, ">")
		b.WriteString(inside)
	}
}
