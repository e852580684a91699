package record

import (
	"iter"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxCode is how long a word of letters and digits without an order may be: the shortest accounts
// that are written so have more.
const maxCode = 19

// code says what in a text could be the number of an account or a telephone, empty if nothing.
func code(text string) string {
	figures, pieces := 0, ""
	for _, word := range wordsOf(text) {
		more, alphabets := figuresIn(word)
		if alphabets > 1 {
			return "it has a word with letters of several alphabets"
		}
		if figures += utf8.RuneCountInString(more); figures > maxDigits {
			return "seven digits look like an account or a telephone number"
		}
		if isPiece(word) {
			pieces += word
		} else {
			pieces = ""
		}
		if unordered(word) || strings.ContainsAny(pieces, digits) && unordered(pieces) {
			return "a long word of letters and digits looks like an account"
		}
	}
	return ""
}

// drawn reports whether lines of a text in a row could draw something, such as digits: three that
// say little between what frames them, or two of which none sets anything apart.
func drawn(text string) bool {
	row, ruled, width := 0, false, 0 // width: of the rules that are all of the row, but for one that begins it
	for line := range wrappedLines(text) {
		shape := strings.Join(strings.Fields(line), "")
		said := 0
		for _, word := range wordsOf(line) {
			if first, _ := utf8.DecodeRuneInString(word); strings.Trim(word, string(first)) != "" || unicode.IsNumber(first) || unicode.In(first, unparted...) {
				said += utf8.RuneCountInString(word)
			}
		}
		switch {
		case shape == "":
		case said > 0 && 2*said >= utf8.RuneCountInString(strings.Trim(shape, mixed)):
			row, ruled = 0, false
		default:
			full := fullWidth(line)
			if row++; row == 1 || row == 2 && ruled {
				width = full
			} else if full != width {
				width = 0
			}
			ruled = ruled || separated([]byte(line))
		}
		if width == 0 && (row > 2 || row == 2 && !ruled) {
			return true
		}
	}
	return false
}

// wrappedLines are the lines of a text as they are where there is little room: of one that says
// nothing each piece that is no small one stands in a line of its own.
func wrappedLines(text string) iter.Seq[string] {
	const small = 8
	return func(yield func(line string) bool) {
		for line := range strings.Lines(text) {
			pieces := strings.FieldsFunc(line, unicode.IsSpace)
			mute := func(piece string) bool { return utf8.RuneCountInString(piece) >= small && len(wordsOf(piece)) == 0 }
			if len(pieces) < 2 || !slices.ContainsFunc(pieces, mute) {
				pieces = []string{line}
			}
			for _, piece := range pieces {
				if !yield(piece) {
					return
				}
			}
		}
	}
}

const (
	maxHoles = 6  // that the words of an addition leave: seven digits of words need more
	maxHole  = 16 // blanks, and
	maxEmpty = 16 // line ends in a row: what is behind may be out of sight
)

// laidOut reports whether the words of a text stand apart as those could that draw digits: with
// more than maxHoles holes of two blanks or more, between words or in front of lines that begin
// further right than others. Or they stand so far apart that some may be out of sight.
func laidOut(text string) bool {
	holes, least, empty := 0, -1, 0
	var begins []int
	for line := range strings.Lines(text) {
		words := strings.TrimSpace(line)
		if empty++; empty > maxEmpty {
			return true
		}
		if words == "" {
			continue
		}
		empty = 0
		begin := utf8.RuneCountInString(line[:strings.Index(line, words)])
		begins = append(begins, begin)
		if least < 0 || begin < least {
			least = begin
		}
		gap := 0
		for _, r := range words {
			if !unicode.IsSpace(r) {
				gap = 0
			} else if gap++; gap == 2 || r == '\t' {
				holes++
			} else if gap > maxHole {
				return true
			}
		}
	}
	for _, begin := range begins {
		if begin-least > 1 {
			holes++
		}
		if begin-least > 2*maxHole { // some are in the middle
			return true
		}
	}
	return holes > maxHoles
}

// fullWidth is the width of a line that is a pattern of one character or two, over and over from
// its begin to its end, as several of the same width draw nothing; 0 of any other, and of one so
// narrow that it could be a stroke.
func fullWidth(line string) int {
	const narrow = 8
	pattern := []rune(strings.TrimRight(line, " \t\r\n"))
	if len(pattern) < narrow || len(pattern)%2 > 0 && pattern[0] != pattern[1] {
		return 0
	}
	for i, r := range pattern {
		if r != pattern[i%2] || unicode.In(r, unicode.L, unicode.N) {
			return 0
		}
	}
	return len(pattern)
}

// wordsOf are the words of a text, of letters, marks and numbers alone.
func wordsOf(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.N) })
}

// Letters that look like digits: those that hardly any language has count as such, others in words
// that have nothing else, and numerals of scripts in which words are not parted in a row, too, with
// what multiplies them: Korean words have single syllables that are one.
const (
	rareFigures   = "ƧƨȜȝƷƼƽȢȣꝚꝛꝪꝫꝮꝯꙄꙅϨϩⲊⲋⳊⳋᒿᏎᏮ"
	commonFigures = "ЗзӠӡбОоοΟ" + han + hangul
	han           = "零一二三四五六七八九两兩壹壱贰貳弐叁參叄参肆伍陆陸柒捌玖"
	multiples     = "十百千万萬亿億拾佰仟"
	hangul        = "영공일이삼사오육륙칠팔구"
)

var numerals = regexp.MustCompile(`[` + han + multiples + `]{2,}|[` + hangul + `]{3,}`)

// figuresIn returns the digits of a word, those that letters stand for too, and of how many
// alphabets its letters are, scripts aside in which words are not parted.
func figuresIn(word string) (figures string, alphabets int) {
	common := func(r rune) bool { return strings.ContainsRune(commonFigures, r) }
	others := strings.ContainsFunc(word, func(r rune) bool {
		return unicode.IsLetter(r) && !common(r) && !strings.ContainsRune(rareFigures, r)
	})
	rows := numerals.FindAllStringIndex(word, -1)
	met := map[string]bool{}
	for at, r := range word {
		inRow := slices.ContainsFunc(rows, func(row []int) bool { return row[0] <= at && at < row[1] })
		if unicode.IsNumber(r) || strings.ContainsRune(rareFigures, r) || common(r) && (!others || inRow) {
			figures += string(r)
		}
		if unicode.IsLetter(r) {
			met[alphabet(r)] = true
		}
	}
	delete(met, "")
	return figures, len(met)
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

const digits = "0123456789"

// isPiece reports whether a word could be one of those into which people part what is unordered: it
// has a capital behind another letter and a small one, or digits.
func isPiece(word string) bool {
	if word == "" || word[0] > unicode.MaxASCII {
		return false
	}
	inside := strings.ContainsFunc(word[1:], unicode.IsUpper) && strings.ContainsFunc(word, unicode.IsLower)
	return inside || strings.ContainsAny(word, digits)
}

// unordered reports whether a word has more than maxCode letters and digits in a row, of ASCII,
// with digits among them or capitals behind small letters.
func unordered(word string) bool {
	for _, run := range strings.FieldsFunc(word, func(r rune) bool { return r > unicode.MaxASCII }) {
		small := strings.IndexFunc(run, unicode.IsLower)
		if len(run) > maxCode && (strings.ContainsAny(run, digits) || small >= 0 && strings.ContainsFunc(run[small:], unicode.IsUpper)) {
			return true
		}
	}
	return false
}
