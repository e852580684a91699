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

// Text returns the terms of a text that is to be found. Positions grow by one from term to term.
func Text(text string) []Token { return analyse(text, true) }

// Words returns the terms that a text has if it contains the searched words one after another, at
// the same distances.
func Words(searched string) []Token { return analyse(searched, false) }

// Single tells whether term is one character of a script that is indexed in pairs. In a text such a
// term is found as the beginning of a pair.
func Single(term string) bool {
	r, size := utf8.DecodeRuneInString(term)
	return size == len(term) && size > 0 && paired(r)
}

// analyse splits, folds and pairs. With last set, the last character of a run of paired script is a
// term of its own, so that every character is the beginning of some term.
func analyse(text string, last bool) []Token {
	out := splitter{last: last, tokens: make([]Token, 0, len(text)/8+1)}
	if ascii(text) {
		out.ascii(text)
		return out.tokens
	}
	segments := words.FromString(norm.NFKC.String(strings.ToValidUTF8(text, " ")))
	for segments.Next() {
		out.segment(segments.Value())
	}
	out.endRun()
	return out.tokens
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
	last   bool
	next   int // position of the next term
	tokens []Token
	run    []rune // of paired script
}

func (s *splitter) emit(term string) {
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
		s.endRun()
		s.ascii(segment)
		return
	}
	start := -1
	for i, r := range segment {
		switch {
		case paired(r):
			if start >= 0 {
				s.word(segment[start:i])
				start = -1
			}
			s.run = append(s.run, r)
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
				s.word(segment[start:i])
				start = -1
			}
			if !invisible(r) {
				s.endRun()
			}
		}
	}
	if start >= 0 {
		s.word(segment[start:])
	}
}

func (s *splitter) word(word string) {
	if folded := Fold(word); folded != "" {
		s.emit(folded)
	}
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
	s.run = s.run[:0]
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
	return r == 0x30fc || r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
