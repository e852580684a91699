package record

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

const (
	wordBreak = '\u200b' // ZWSP
	nonJoiner = '\u200c' // ZWNJ
	joiner    = '\u200d' // ZWJ
)

// breaking are scripts without blanks between words, in which U+200B says where a line may end.
var breaking = []*unicode.RangeTable{unicode.Khmer, unicode.Lao, unicode.Myanmar, unicode.Thai}

// joining knows where the spelling of a script requires U+200C or U+200D (RFC 5892, appendix A).
var joining = idna.New(idna.CheckJoiners(true))

// unjoined is a text without the joiners of no width that the spelling of its words requires, or
// that make one picture of several: they hide nothing.
func unjoined(text string) string {
	if !strings.ContainsFunc(text, joins) {
		return text
	}
	var b strings.Builder
	runes := []rune(text)
	for i, r := range runes {
		if !joins(r) || !isSpelling(runes, i) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func joins(r rune) bool { return wordBreak <= r && r <= joiner }

// IsSpelling reports whether U+200B, U+200C or U+200D at a place of a text is what the spelling of
// a word requires, or makes one picture of several.
func IsSpelling(text []rune, at int) bool { return joins(text[at]) && isSpelling(text, at) }

// isSpelling reports whether a joiner stands where it belongs.
func isSpelling(text []rune, at int) bool {
	if at == 0 || at == len(text)-1 {
		return false
	}
	before, after := text[at-1], text[at+1]
	if text[at] == wordBreak {
		return inWord(before) && inWord(after) && unicode.In(before, breaking...) && unicode.In(after, breaking...)
	}
	if text[at] == joiner && isPicture(after) {
		for i := at - 1; i >= 0; i-- {
			if !isShade(text[i]) {
				return isPicture(text[i])
			}
		}
	}
	from, to := at, at+1
	for from > 0 && inWord(text[from-1]) {
		from--
	}
	for to < len(text) && inWord(text[to]) {
		to++
	}
	if from == at {
		return false
	}
	_, err := joining.ToUnicode(string(text[from:to]))
	return err == nil
}

func inWord(r rune) bool { return unicode.In(r, unicode.L, unicode.M) }

// isPicture reports whether a character is an emoji, isShade whether it says of which colour, and
// that it is one.
func isPicture(r rune) bool {
	return unicode.In(r, unicode.So, unicode.Sm) && (0x2190 <= r && r <= 0x2bff || 0x1f300 <= r && r <= 0x1faff)
}

func isShade(r rune) bool { return r == 0xfe0f || 0x1f3fb <= r && r <= 0x1f3ff }

// plainly is a word as it is looked at for what it names: in NFKC, with the dots that IDNA takes
// for one, without joiners that belong there, and the micro sign, which NFKC makes Greek, as people
// write it for want of one.
func plainly(word string) string {
	return ideographic.Replace(norm.NFKC.String(strings.ReplaceAll(unjoined(word), "\u00b5", "u")))
}

// hides reports whether a text has characters that hide or turn others, or stand for digits that
// others count.
func hides(text string) bool { return strings.ContainsFunc(unjoined(text), odd) }
