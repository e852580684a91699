package analysis

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fold returns s in the form in which words are compared: NFKC, lower case, without diacritics, and
// with letters that do not decompose written as they are when diacritics are lost (ß as ss, ø as
// o).
func Fold(s string) string {
	if ascii(s) {
		return strings.ToLower(s)
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range norm.NFKD.String(s) {
		if diacritic(r) || r == softHyphen {
			continue
		}
		r = unicode.ToLower(r)
		if plain, found := plainLetters[r]; found {
			b.WriteString(plain)
		} else {
			b.WriteRune(r)
		}
	}
	return norm.NFKC.String(b.String())
}

// diacritic tells whether r is a mark that people leave out when they search. In other scripts
// (Devanagari, say) marks are vowels and stay.
func diacritic(r rune) bool {
	return unicode.Is(unicode.Mn, r) && unicode.In(r, unicode.Inherited, unicode.Hebrew, unicode.Arabic, unicode.Cyrillic)
}

var plainLetters = map[rune]string{
	'ß': "ss", 'ø': "o", 'æ': "ae", 'œ': "oe", 'đ': "d", 'ð': "d", 'þ': "th", 'ł': "l", 'ħ': "h", 'ı': "i", 'ŋ': "n", 'ŧ': "t",
	'ς': "σ",
}
