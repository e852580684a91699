package analysis

import (
	"slices"
	"strings"
	"unicode"
)

// Name returns the terms of the name of a file: its words, of which one that is put together
// (Invoice_2026, finalVersion2) is taken apart, and at the place of its first part it itself.
func Name(name string) (tokens []Token) {
	next := 0
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return !wordRune(r) && !invisible(r) }) {
		whole := analyse(word, true).tokens
		parts := analyse(apart(word), true).tokens
		if !slices.Equal(parts, whole) {
			for _, t := range whole {
				tokens = append(tokens, Token{t.Term, next + t.Position})
			}
		}
		for _, t := range parts {
			tokens = append(tokens, Token{t.Term, next + t.Position})
		}
		if len(parts) > 0 {
			next += parts[len(parts)-1].Position + 1
		}
	}
	slices.SortStableFunc(tokens, func(a, b Token) int { return a.Position - b.Position })
	return tokens
}

// NameWords are Words for the name of a file.
func NameWords(searched string) []Token { return Words(apart(searched)) }

// apart puts a blank in place of underscores, before a capital behind a small letter, and between
// letters and digits.
func apart(name string) string {
	var b strings.Builder
	last := ' '
	for _, r := range name {
		if unicode.IsUpper(r) && unicode.IsLower(last) || unicode.IsDigit(r) && unicode.IsLetter(last) || unicode.IsLetter(r) && unicode.IsDigit(last) {
			b.WriteByte(' ')
		}
		if last = r; r == '_' {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}
