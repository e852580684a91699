package record

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cairn/mailstore/message"
)

// leastCut is how many octets a line has that was cut at least.
const leastCut = 980

// cutLimits are the widths at which Postfix, now and in former days, cuts lines wherever that
// falls.
var cutLimits = []int{998, 990}

// uncut joins lines that a relay cut at the limit of RFC 5321, section 4.5.3.1.6, putting a space
// in front of the rest; cuts is where they end in b.
func uncut(b []byte) (whole []byte, cuts []int) {
	done, line := 0, 0 // what was taken, and where the line begins
	for line < len(b) {
		end := bytes.IndexByte(b[line:], '\n')
		if end < 0 {
			break
		}
		end += line
		if bytes.HasPrefix(b[end:], []byte("\n ")) && end-line >= leastCut {
			whole, cuts = append(whole, b[done:end]...), append(cuts, end)
			done = end + 2
		}
		line = end + 1
	}
	return append(whole, b[done:]...), cuts
}

// weighCuts says of a body that is as recorded but for cuts whether it still says the same: its
// markup is the same, and so are its words. At the limit of a program, which nobody chose, a word
// for people may be cut.
func weighCuts(t message.Type, a *arrival) (kind, detail string) {
	received := a.readable()
	whole, cuts := uncut(received)
	before, after := whole, received
	kind = LinesCut
	if t == message.HTML {
		before, after = visible(whole), visible(received)
		if !sameMarkup(whole, received) {
			kind = LinesTorn
		}
	}
	if !sameWords(before, after, isAtLimit(received, cuts, a.Label != "")) || slices.ContainsFunc(cuts, func(at int) bool { return isBetweenDigits(received, at) }) {
		kind = LinesTorn
	}
	return kind, aroundCuts(received, cuts)
}

// isAtLimit reports whether lines are cut at one of cutLimits, all at the same, and none is longer.
// Characters of another charset than UTF-8 are taken for octets.
func isAtLimit(text []byte, cuts []int, characters bool) bool {
	width := func(line []byte) int {
		if characters {
			return utf8.RuneCount(line)
		}
		return len(line)
	}
	limit := 0
	for _, at := range cuts {
		w := width(text[bytes.LastIndexByte(text[:at], '\n')+1 : at])
		if limit != 0 && w != limit || !slices.Contains(cutLimits, w) {
			return false
		}
		limit = w
	}
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		if width(line) > limit {
			return false
		}
	}
	return true
}

// sameWords reports whether two texts have the same words, some of them in pieces if that may be.
func sameWords(whole, cut []byte, pieces bool) bool {
	ours, theirs := bytes.Fields(whole), bytes.Fields(cut)
	for _, word := range ours {
		plain := pieces && isPlainWord(string(word))
		for at := 0; ; at++ {
			if len(theirs) == 0 || at > 0 && !plain {
				return false
			}
			var ok bool
			if word, ok = bytes.CutPrefix(word, theirs[0]); !ok {
				return false
			}
			if theirs = theirs[1:]; len(word) == 0 {
				break
			}
		}
	}
	return len(theirs) == 0
}

// isPlainWord reports whether a word is one for people: no number, no address, and no link.
func isPlainWord(word string) bool {
	return !strings.ContainsFunc(word, unicode.IsNumber) && !isLinkish(word)
}

// isLinkish reports whether there is anything inside of a word that programs make links of.
func isLinkish(word string) bool {
	return strings.ContainsAny(strings.Trim(word, `.,:;!?'"()[]`), `@/\:.%&=?#_~+|<>`)
}

// isBetweenDigits reports whether digits stand before and behind a cut, whatever blanks are
// between.
func isBetweenDigits(text []byte, at int) bool {
	before, _ := utf8.DecodeLastRune(bytes.TrimRightFunc(text[:at], unicode.IsSpace))
	after, _ := utf8.DecodeRune(bytes.TrimLeftFunc(text[at:], unicode.IsSpace))
	return unicode.IsNumber(before) && unicode.IsNumber(after)
}

const (
	maxCutsQuoted = 4
	aroundCut     = 12 // characters before and behind
)

// aroundCuts quotes what stands before and behind the first cuts.
func aroundCuts(text []byte, cuts []int) string {
	var list []string
	for _, at := range cuts[:min(len(cuts), maxCutsQuoted)] {
		before, after := []rune(string(text[max(at-4*aroundCut, 0):at])), []rune(string(text[at+2:min(at+2+4*aroundCut, len(text))]))
		before, after = before[max(len(before)-aroundCut, 0):], after[:min(len(after), aroundCut)]
		list = append(list, shorten([]byte(string(before)+" | "+string(after))))
	}
	if more := len(cuts) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}
