package message

import (
	"slices"
	"strings"

	"cairn/mailstore/message/grammar"
)

// ClaimedDomains returns the domains of which any program may take an author from the From fields of a
// header, ascending, each once: none where all programs read the fields alike, since the addresses say
// it then. "" stands for a field without any.
func ClaimedDomains(header []byte) []string {
	s := grammar.ReadSection(header, grammar.MaxHeader)
	var claimed []string
	for _, value := range s.Values("from") {
		if !plainAuthors(value) {
			claimed = append(claimed, domainsIn(value)...)
		}
	}
	slices.Sort(claimed)
	return slices.Compact(claimed)
}

// plainAuthors reports whether all programs take the same addresses from a value: it is inside the
// grammar, and no name in it holds what would be an address once encoded words are decoded.
func plainAuthors(value string) bool {
	items, ok := grammar.Addresses(value)
	return ok && !slices.ContainsFunc(items, func(i grammar.Item) bool {
		return strings.ContainsAny(i.Name+i.Comment+i.Group, "<>") && strings.Contains(i.Name+i.Comment+i.Group, "@")
	})
}

// maxClaims bounds the domains of one value; more are more than anybody has.
const maxClaims = 64

// domainsIn returns what stands behind each @ of a value, as it is written, without its comments, and
// with its encoded words decoded.
func domainsIn(value string) []string {
	var domains []string
	for _, text := range []string{value, withoutComments(value), phrase(value), withoutComments(phrase(value))} {
		_, rest, found := strings.Cut(text, "@")
		for found && len(domains) < maxClaims {
			var behind string
			behind, rest, found = strings.Cut(rest, "@")
			behind = strings.TrimLeft(behind, " \t\"'")
			if end := strings.IndexAny(behind, " \t<>()[],;:\"'\\"); end >= 0 {
				behind = behind[:end]
			}
			if domain := Domain("x@" + strings.Trim(behind, ".")); domain != "" {
				domains = append(domains, domain)
			}
		}
	}
	if domains == nil {
		domains = []string{""}
	}
	return domains
}

// withoutComments takes out what stands in parentheses.
func withoutComments(s string) string {
	var b strings.Builder
	depth := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}
