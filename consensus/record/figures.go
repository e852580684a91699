package record

import (
	"strings"
	"unicode"
)

// maxCode is how long a word of letters and digits without an order may be: the shortest accounts that are
// written so have more.
const maxCode = 19

// code says what in a text could be the number of an account or a telephone, empty if nothing.
func code(text string) string {
	figures := 0
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.N) }) {
		if n, alphabets := figuresIn(word); alphabets > 1 {
			return "it has a word with letters of several alphabets"
		} else if figures += n; figures > maxDigits {
			return "seven digits look like an account or a telephone number"
		}
		if unordered(word) {
			return "a long word of letters and digits looks like an account"
		}
	}
	return ""
}

// Letters that look like digits: those that hardly any language has count as such, others in words that
// have nothing else.
const (
	rareFigures   = "ƧƨȜȝƷƼƽȢȣꝚꝛꝪꝫꝮꝯꙄꙅϨϩⲊⲋⳊⳋᒿᏎᏮ"
	commonFigures = "ЗзӠӡбОоοΟ一二三四五六七八九零"
)

// figuresIn counts the digits of a word, those that letters stand for too, and of how many alphabets its
// letters are, scripts aside in which words are not parted.
func figuresIn(word string) (figures, alphabets int) {
	common, others := 0, 0
	seen := map[string]bool{}
	for _, r := range word {
		switch {
		case unicode.IsNumber(r) || strings.ContainsRune(rareFigures, r):
			figures++
		case strings.ContainsRune(commonFigures, r):
			common++
		case unicode.IsLetter(r):
			others++
		}
		if unicode.IsLetter(r) {
			seen[alphabet(r)] = true
		}
	}
	if others == 0 {
		figures += common
	}
	delete(seen, "")
	return figures, len(seen)
}

// unparted are scripts that have no blanks between words, and stand beside Latin ones.
var unparted = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar,
	unicode.Common, unicode.Inherited,
}

// alphabet is the script of a letter, empty if it may stand beside those of another.
func alphabet(r rune) string {
	if r < unicode.MaxASCII {
		return "Latin"
	}
	if !unicode.In(r, unparted...) {
		for name, table := range unicode.Scripts {
			if unicode.Is(table, r) {
				return name
			}
		}
	}
	return ""
}

// unordered reports whether a word has more than maxCode letters and digits in a row, of ASCII, with digits
// among them or capitals behind small letters.
func unordered(word string) bool {
	for _, run := range strings.FieldsFunc(word, func(r rune) bool { return r > unicode.MaxASCII }) {
		small := strings.IndexFunc(run, unicode.IsLower)
		if len(run) > maxCode && (strings.ContainsAny(run, "0123456789") || small >= 0 && strings.ContainsFunc(run[small:], unicode.IsUpper)) {
			return true
		}
	}
	return false
}
