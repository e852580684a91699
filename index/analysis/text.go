package analysis

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/words"
	"golang.org/x/text/unicode/norm"
)

// MaxTerm is the length in bytes that longer terms are cut to, in texts and in queries alike.
const MaxTerm = 64

// Token is a term and its place in the text, counted in terms from 0.
type Token struct {
	Term     string
	Position int
}

// Text returns the terms of a text that is to be found, by their positions, which grow by one from
// word to word. Of a number, what it is without its separators has the position of its last group.
func Text(text string) []Token {
	s := analyse(text, true)
	return s.withNumbers()
}

// Words returns the terms that a text has if it contains the searched words one after another, at
// the same distances.
func Words(searched string) []Token { return analyse(searched, false).tokens }

// Single tells whether term is one character of a script that is indexed in pairs. In a text such a
// term is found as the beginning of a pair.
func Single(term string) bool {
	r, size := utf8.DecodeRuneInString(term)
	return size == len(term) && size > 0 && paired(r)
}

// analyse splits, folds and pairs. With last set, the last character of a run of paired script is a
// term of its own, so that every character is the beginning of some term.
func analyse(text string, last bool) splitter {
	out := splitter{last: last, text: text, tokens: make([]Token, 0, len(text)/8+1)}
	if ascii(text) {
		out.ascii(text)
		return out
	}
	out.text = norm.NFKC.String(strings.ToValidUTF8(text, " "))
	segments := words.FromString(out.text)
	for segments.Next() {
		out.segment(segments.Value())
		out.base += len(segments.Value())
	}
	out.endRun()
	return out
}

// ascii reports whether all octets are ASCII; it looks at eight at a time.
func ascii(s string) bool {
	for ; len(s) >= 8; s = s[8:] {
		if s[0]|s[1]|s[2]|s[3]|s[4]|s[5]|s[6]|s[7] >= utf8.RuneSelf {
			return false
		}
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// splitter collects tokens.
type splitter struct {
	last     bool
	text     string
	base     int // in text, of the segment that is looked at
	next     int // position of the next term
	tokens   []Token
	numerals []numeral
	run      []rune // of paired script
	broken   bool   // a line ended behind the run
	symbol   rune   // the last one, if nothing followed it
}

func (s *splitter) emit(term string) {
	s.symbol = 0
	if len(term) > MaxTerm {
		end := MaxTerm
		for !utf8.RuneStart(term[end]) {
			end--
		}
		term = term[:end]
	}
	s.tokens = append(s.tokens, Token{term, s.next})
	s.next++
}

// inWord has for each octet of a word of ASCII what it is folded to, and 0 for all others.
var inWord = func() (t [256]byte) {
	for c := range t {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_':
			t[c] = byte(c)
		case 'A' <= c && c <= 'Z':
			t[c] = byte(c) - 'A' + 'a'
		}
	}
	return t
}()

// ascii is the same as segmenting and folding, for text of ASCII only: there a word is a run of
// letters, digits and underscores. Words that are folded already are parts of the text.
func (s *splitter) ascii(text string) {
	for i := 0; i < len(text); i++ {
		if inWord[text[i]] == 0 {
			continue
		}
		start, differs := i, byte(0)
		for ; i < len(text); i++ {
			c := inWord[text[i]]
			if c == 0 {
				break
			}
			differs |= c ^ text[i]
		}
		s.noteNumeral(start, i)
		word := text[start:i]
		if differs != 0 {
			word = foldASCII(word[:min(len(word), MaxTerm)])
		}
		s.emit(word)
	}
}

// foldASCII folds a word that is at most MaxTerm long.
func foldASCII(word string) string {
	var b [MaxTerm]byte
	for i := range len(word) {
		b[i] = inWord[word[i]]
	}
	return string(b[:len(word)])
}

// segment takes in one segment of UAX #29: a word, or what stands between words.
func (s *splitter) segment(segment string) {
	if ascii(segment) {
		if len(s.run) > 0 && s.overLine(segment) {
			return
		}
		s.endRun()
		s.ascii(segment)
		return
	}
	start := -1
	for i, r := range segment {
		switch {
		case paired(r):
			if start >= 0 {
				s.word(segment, start, i)
				start = -1
			}
			s.run, s.broken = append(s.run, r), false
		case len(s.run) > 0 && unicode.Is(unicode.M, r):
			if Fold(string(r)) != "" { // a mark that folding drops is no character of the run
				s.run = append(s.run, r)
			}
		case wordRune(r), r == softHyphen && start >= 0:
			if start < 0 {
				s.endRun()
				start = i
			}
		default:
			if start >= 0 {
				s.word(segment, start, i)
				start = -1
			}
			if !invisible(r) {
				s.endRun()
			}
			s.sign(r)
		}
	}
	if start >= 0 {
		s.word(segment, start, len(segment))
	}
}

func (s *splitter) word(segment string, start, end int) {
	if folded := Fold(segment[start:end]); folded != "" {
		s.noteNumeral(start, end)
		s.emit(folded)
	}
}

// sign takes in a character that is no part of a word. Signs that people look for are words of
// their own; of a row of the same one there is one.
func (s *splitter) sign(r rune) {
	if r == s.symbol || !isSign(r) {
		return
	}
	if term := Fold(string(r)); term != "" {
		s.emit(term)
		s.symbol = r
	}
}

// isSign tells emoji and other pictures, arrows and the like from punctuation, from what lines are
// drawn with, and from what changes the look of an emoji alone.
func isSign(r rune) bool {
	return r >= 0x80 && unicode.In(r, unicode.So, unicode.Sm, unicode.Sc) && (r < 0x2500 || r > 0x259f) && (r < 0x2800 || r > 0x28ff)
}

// overLine tells whether a run of paired script can go on behind an ASCII segment: behind one line
// end, and the quote marks of the next line.
func (s *splitter) overLine(segment string) bool {
	if rest := strings.TrimLeft(segment, "\r\n"); rest != segment {
		if s.broken || strings.Count(segment, "\n") > 1 {
			return false
		}
		s.broken, segment = true, rest
	}
	return s.broken && strings.Trim(segment, "> \t") == ""
}

// endRun turns the run of paired script into pairs.
func (s *splitter) endRun() {
	for i := range s.run {
		if i+1 < len(s.run) {
			s.emit(string(s.run[i : i+2]))
		} else if s.last || i == 0 {
			s.emit(string(s.run[i:]))
		} else {
			s.next++
		}
	}
	s.run, s.broken = s.run[:0], false
}

// wordRune is what \w matches in a Unicode-aware regular expression, and marks.
func wordRune(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.M, r)
}

// softHyphen stands where a word may be parted at the end of a line, and is not seen elsewhere.
const softHyphen = '\u00ad'

// invisible characters (soft hyphen, zero-width space and the like) end no word of a paired script.
func invisible(r rune) bool { return unicode.Is(unicode.Cf, r) }

// paired tells whether r belongs to a script that is written without spaces between words. The
// prolonged sound mark (U+30FC) belongs to two of them.
func paired(r rune) bool {
	return r == 0x30fc || r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Hangul)
}
