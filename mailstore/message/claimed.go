package message

import (
	"bytes"
	"hash/maphash"
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
	cost    int             // beside what the reader's steps cost
	values  map[string]bool // that were read
	texts   map[uint64]bool // that were read, whether there are domains in them
	seed    maphash.Seed
	written map[string]bool // the domains before they are canonical
	found   bool            // there is one in the value
}

// What reading the domains of a header may cost, in steps of a domainReader: far more than mail from
// people does, and some 40 milliseconds of one processor.
const (
	maxClaimCost = 3 << 20
	spellingCost = 4   // for each octet of a value
	wordsCost    = 16  // beside that if it may have encoded words, and for each way in which they are decoded
	nameCost     = 256 // for each name of a charset
	readingCost  = 8   // for each octet of what it may be
	domainCost   = 16  // for each domain, however short
)

func claimsOf(header []byte) *claims {
	c := &claims{domains: map[string]bool{}, written: map[string]bool{}, values: map[string]bool{}, texts: map[uint64]bool{}, seed: maphash.MakeSeed()}
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
	if authors == 0 && hasFlaw(&s, grammar.NoField) { // behind the empty line some programs find the header
		return []string{""}, false
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
	if c.values[value] {
		return true
	}
	c.values[value] = true
	c.found = false
	if !c.spend(spellingCost*len(value)) || !c.readInAngles(value) {
		return false
	}
	if strings.Contains(value, "=?") && !c.spend(wordsCost*len(value)) {
		return false
	}
	words := authorWordsOf(value)
	if words.other {
		c.domains[AnyDomain] = true
	}
	if len(words.list) > 0 {
		if !c.readWords(words, len(value)) {
			return false
		}
	} else if !isASCII([]byte(value)) && !c.readInAngles(phrase(value)) {
		return false
	}
	if !c.found {
		c.domains[""] = true
	}
	return true
}

// readWords reads a value with its words decoded in the ways in which programs do that, one after the other.
func (c *claims) readWords(words *authorWords, size int) bool {
	if !c.spend(nameCost * len(words.names)) {
		return false
	}
	forms := map[neighbours]*authorWords{
		apart:        words,
		ofOneCharset: words.joined(func(a, b charsetName) bool { return a == b }),
		ofAnyCharset: words.joined(func(_, _ charsetName) bool { return true }),
	}
	for i := range wordWays {
		way := &wordWays[i]
		if !c.spend(wordsCost*size) || !c.readInAngles(forms[way.join].spell(way)) {
			return false
		}
	}
	return true
}

// readInAngles reads a text as it is, without its angles, and all that is inside of them.
func (c *claims) readInAngles(text string) bool {
	if !strings.Contains(text, "@") {
		return true
	}
	if !c.readOnce(text) {
		return false
	}
	return !strings.ContainsAny(text, "<>") || c.readOnce(angles.Replace(text)) && c.readOnce(insideAngles(text))
}

// readOnce reads a text, unless it was read before.
func (c *claims) readOnce(text string) bool {
	digest := maphash.String(c.seed, text)
	found, read := c.texts[digest]
	if read {
		c.found = c.found || found
		return true
	}
	if !c.spend(readingCost * len(text)) {
		return false
	}
	for domain := range c.reader.domains(text) {
		if !c.spend(domainCost) {
			return false
		}
		found = true
		c.claim(domain)
	}
	c.texts[digest] = found
	c.found = c.found || found
	return true
}

// claim takes a domain as it is written.
func (c *claims) claim(written string) {
	if c.written[written] {
		return
	}
	c.written[written] = true
	domain := maildomain.Canonical(strings.Trim(written, "."))
	if !maildomain.Valid(domain) {
		domain = ""
	}
	c.domains[domain] = true
}

// spend reports whether there are still steps for what costs that many.
func (c *claims) spend(steps int) bool {
	c.cost += steps
	return c.cost+c.reader.steps <= maxClaimCost
}

var angles = strings.NewReplacer("<", "", ">", "")

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
