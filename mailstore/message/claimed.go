package message

import (
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"cairn/mailstore/message/maildomain"
)

// AnyDomain stands among the domains that a header claims for those behind what is not read: since
// that would cost too much, or is in a charset that is not known here and may have them.
const AnyDomain = "*"

// Claims are the domains that a header claims, ascending, each once. "" stands for one that can be
// none.
type Claims struct {
	// Authors are those of which any program may take an author: none where all programs read the
	// From fields alike, since the addresses say it then. Of a header with a NUL they are all that
	// it mentions behind an @.
	Authors []string
	// Shown are these, and what programs show behind an at sign beside an author or instead of one:
	// in names and comments of From, and in Sender. Claimed says which domains that claims.
	Shown []string
	// Nobody is set if some program may find no author: who is in the envelope is shown then.
	Nobody bool
}

// ClaimsOf reads what a header claims.
func ClaimsOf(header []byte) Claims {
	claims, _ := readClaims(header)
	return claims
}

// claimReader reads the domains that a header claims, as long as that does not cost too much.
type claimReader struct {
	domains map[string]bool // that stand behind an @
	shown   map[string]bool // what people see as domains where more stands behind one
	wide    []string        // texts with what only people take for an @, with an @ in its place
	reader  domainReader
	cost    int             // beside what the reader's steps cost
	values  map[string]bool // that were read
	texts   map[uint64]bool // that were read, whether there are domains in them
	seed    maphash.Seed
	written map[string]bool // the domains before they are canonical
	found   bool            // there is one in the value
}

// What reading the domains of a header may cost, in steps of a domainReader: far more than mail
// from people does, and some 40 milliseconds of one processor.
const (
	maxClaimCost = 3 << 20
	spellingCost = 4   // for each octet of a value
	wordsCost    = 16  // beside that if it may have encoded words, and for each way in which they are decoded
	nameCost     = 256 // for each name of a charset
	readingCost  = 8   // for each octet of what it may be
	domainCost   = 16  // for each domain, however short
)

// readClaims also returns how many characters it looked at for domains.
func readClaims(header []byte) (claims Claims, steps int) {
	c := &claimReader{domains: map[string]bool{}, shown: map[string]bool{}, written: map[string]bool{}, values: map[string]bool{}, texts: map[uint64]bool{}, seed: maphash.MakeSeed()}
	texts := claimTextsOf(header)
	named := texts.named
	whole := texts.whole
	for _, text := range texts.authors {
		whole = whole && c.read(text)
		named = named || c.found
	}
	if !named { // most programs show the sender then
		whole = whole && c.readAll(texts.senders)
	}
	whole = whole && c.readAll(texts.cut)
	if !whole {
		c.domains[AnyDomain] = true
	}
	claims.Authors = slices.Sorted(maps.Keys(c.domains))
	shown := slices.Concat(texts.beside, texts.senders)
	for _, text := range slices.Concat(texts.authors, texts.cut) {
		if strings.ContainsAny(text, "()") { // some programs show a comment without those inside of it
			shown = append(shown, parentheses.Replace(text))
		}
	}
	if texts.nobody {
		shown = append(shown, texts.returned...)
	}
	if !whole || !c.readAll(shown) || !c.readAtSigns(c.wide) {
		c.domains[AnyDomain] = true
	}
	maps.Copy(c.domains, c.shown)
	claims.Shown = slices.Sorted(maps.Keys(c.domains))
	claims.Nobody = texts.nobody
	return claims, c.reader.steps
}

// readAll reads values, as read does.
func (c *claimReader) readAll(values []string) bool {
	return !slices.ContainsFunc(values, func(value string) bool { return !c.read(value) })
}

// read takes the domains behind each @ of a value, in all ways in which programs read them; "" if
// there is none, or one that can be none. It is false if that costs too much.
func (c *claimReader) read(value string) bool {
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

// readWords reads a value with its words decoded in the ways in which programs do that, one after
// the other.
func (c *claimReader) readWords(words *authorWords, size int) bool {
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
func (c *claimReader) readInAngles(text string) bool {
	if !isASCII([]byte(text)) && strings.ContainsAny(text, atSigns[1:]) {
		if !c.spend(spellingCost * len(text)) {
			return false
		}
		c.wide = append(c.wide, atSign.Replace(text))
	}
	if !strings.Contains(text, "@") {
		return true
	}
	if !c.readOnce(text) {
		return false
	}
	return !strings.ContainsAny(text, "<>") || c.readOnce(angles.Replace(text)) && c.readOnce(insideAngles(text))
}

// readOnce reads a text, unless it was read before.
func (c *claimReader) readOnce(text string) bool {
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
func (c *claimReader) claim(written string) {
	if c.written[written] {
		return
	}
	c.written[written] = true
	domain := maildomain.Canonical(strings.Trim(written, "."))
	if !maildomain.Valid(domain) {
		domain = ""
	}
	c.domains[domain] = true
	if domain == "" || !isASCII([]byte(written)) {
		c.show(written)
	}
}

// spend reports whether there are still steps for what costs that many.
func (c *claimReader) spend(steps int) bool {
	c.cost += steps
	return c.cost+c.reader.steps <= maxClaimCost
}

var (
	angles      = strings.NewReplacer("<", "", ">", "")
	parentheses = strings.NewReplacer("(", "", ")", "")
)

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
