package analysis

import (
	"strings"
	"unicode"
)

// Address returns the terms of a mail address with its display name: the words of both, and at the
// place of the first word of each the whole address, its local part and its domain, so that any of
// them can be asked for exactly.
func Address(name, addr string) []Token {
	tokens := Text(name)
	local, domain := addr, ""
	if at := strings.LastIndexByte(addr, '@'); at >= 0 {
		local, domain = addr[:at], addr[at+1:]
	}
	start := len(tokens)
	words := append(Text(local), Text(domain)...)
	for i, t := range words {
		tokens = append(tokens, Token{t.Term, start + i})
	}
	for _, whole := range []string{addr, local, domain} {
		if term := Whole(whole); term != "" {
			tokens = append(tokens, Token{term, start})
		}
	}
	return tokens
}

// Whole returns s as one term: lower-cased, without white space and control characters, cut to 250
// bytes. Such terms stand for names and numbers (addresses, message ids) that are compared as a
// whole.
func Whole(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return -1
		}
		return r
	}, Fold(strings.ToValidUTF8(s, "")))
	if len(s) > maxWhole {
		s = strings.ToValidUTF8(s[:maxWhole], "")
	}
	return s
}

const maxWhole = 250
