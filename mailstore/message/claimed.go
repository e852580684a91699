package message

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"cairn/mailstore/message/grammar"
	"cairn/mailstore/message/maildomain"
)

// ClaimedDomains returns the domains of which any program may take an author from a header, ascending,
// each once: none where all programs read its From fields alike, since the addresses say it then. Of a
// header beyond grammar.MaxHeader they are all that it mentions behind an @. "" stands for one that can
// be none.
func ClaimedDomains(header []byte) []string {
	claimed := map[string]bool{}
	for _, text := range authorTexts(header) {
		domainsIn(text, claimed)
	}
	var domains []string
	for domain := range claimed {
		domains = append(domains, domain)
	}
	slices.Sort(domains)
	return domains
}

// authorTexts are the values of a header, if any, of which programs may take different authors.
func authorTexts(header []byte) (texts []string) {
	header = bytes.TrimLeft(WithoutMboxLine(header), "\r\n") // some programs pass empty lines over
	s := grammar.ReadSection(header, grammar.MaxHeader)
	has := func(flaw grammar.Flaw) bool {
		return slices.ContainsFunc(s.Flaws, func(f grammar.FoundFlaw) bool { return f.Flaw == flaw })
	}
	if has(grammar.LongHeader) {
		return []string{string(header[:s.Size])}
	}
	for _, value := range s.Values("from") {
		if !plainAuthors(value) {
			texts = append(texts, value)
		}
	}
	if has(grammar.BareCR) || has(grammar.NUL) { // a line end to some, and nothing to some
		lines := bytes.ReplaceAll(header[:s.Size], []byte{0}, nil)
		split := grammar.ReadSection(lineEnds.ReplaceAll(lines, []byte("\n")), grammar.MaxHeader)
		texts = append(texts, split.Values("from")...)
	}
	if len(s.Values("from")) == 0 { // the author to some
		texts = append(texts, s.Values("sender")...)
	}
	return texts
}

var lineEnds = regexp.MustCompile(`[\r\n]+`)

// plainAuthors reports whether all programs take the same addresses from a value: it is inside the
// grammar, and no name in it holds what would be an address once encoded words are decoded.
func plainAuthors(value string) bool {
	items, ok := grammar.Addresses(value)
	return ok && !slices.ContainsFunc(items, func(i grammar.Item) bool {
		return strings.ContainsAny(i.Name+i.Comment+i.Group, "<>") && strings.Contains(i.Name+i.Comment+i.Group, "@")
	})
}

// domainsIn puts the domains behind each @ of a value into claimed, before and after its encoded words
// are decoded, in all ways in which programs read them; "" if there is none, or one that can be none.
func domainsIn(value string, claimed map[string]bool) {
	found := false
	for _, text := range []string{value, phrase(knownWords(value))} {
		for domain := range obsDomains(text) {
			found = true
			if domain = maildomain.Canonical(strings.Trim(domain, ".")); !maildomain.Valid(domain) {
				domain = ""
			}
			claimed[domain] = true
		}
	}
	if !found {
		claimed[""] = true
	}
}
