package analysis

import (
	"strings"
	"unicode"
)

// Address returns the terms of a mail address with its display name: the words of both, and at the
// place of the first word of each the whole address, its local part and its domain, so that any of
// them can be asked for exactly. Between name, local part and domain a place is left free, so that
// no phrase goes from one to the next. other is the domain in another form, with letters for
// A-labels or the other way round; it is found too.
func Address(name, addr, other string) []Token {
	tokens := Text(name)
	local, domain := addr, ""
	if at := strings.LastIndexByte(addr, '@'); at >= 0 {
		local, domain = addr[:at], addr[at+1:]
	}
	start := 0
	if len(tokens) > 0 {
		start = tokens[len(tokens)-1].Position + 2
	}
	wholes := []string{addr, local, domain}
	texts := []string{local, domain}
	if other != "" {
		wholes = append(wholes, local+"@"+other, other)
		texts = append(texts, other)
	}
	next := start
	for _, text := range texts {
		next = appendAt(&tokens, Text(text), next) + 1
	}
	for _, whole := range wholes {
		if term := Whole(whole); term != "" {
			tokens = append(tokens, Token{term, start})
		}
	}
	return tokens
}

// appendAt appends tokens from a position on, and returns the one behind them.
func appendAt(all *[]Token, tokens []Token, next int) int {
	end := next
	for _, t := range tokens {
		*all = append(*all, Token{t.Term, next + t.Position})
		end = next + t.Position + 1
	}
	return end
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
