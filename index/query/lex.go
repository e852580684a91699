package query

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is a fault in the text of a query.
type Error struct {
	Pos    int // characters of the text before it
	Reason string
}

// Error says where, counted in characters from 1, and why.
func (e *Error) Error() string { return fmt.Sprintf("position %d: %s", e.Pos+1, e.Reason) }

func faultAt(pos int, format string, args ...any) *Error {
	return &Error{Pos: pos, Reason: fmt.Sprintf(format, args...)}
}

type kind uint8

const (
	tokenEnd    kind = iota
	tokenOpen        // ( or {
	tokenClose       // ) or }
	tokenMinus       // - or ! before something
	tokenOr          // |
	tokenPhrase      // text between quotes
	tokenWord        // a word as written
	tokenField       // a name before a colon, lower case; its value follows
)

type token struct {
	kind kind
	text string
	pos  int
}

// lexer cuts a query into tokens.
type lexer struct {
	text string
	pos  int
}

func wordEnd(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`(){}|"`, r) }

// next returns the next token. After a tokenField the caller takes the value with value.
func (l *lexer) next() (token, error) {
	rest := strings.TrimLeftFunc(l.text[l.pos:], unicode.IsSpace)
	l.pos = len(l.text) - len(rest)
	start := l.pos
	if rest == "" {
		return token{kind: tokenEnd, pos: start}, nil
	}
	switch rest[0] {
	case '(', '{':
		l.pos++
		return token{kind: tokenOpen, text: rest[:1], pos: start}, nil
	case ')', '}':
		l.pos++
		return token{kind: tokenClose, text: rest[:1], pos: start}, nil
	case '|':
		l.pos++
		return token{kind: tokenOr, text: rest[:1], pos: start}, nil
	case '"':
		return l.phrase()
	case '-', '!':
		// Two dashes in a row, or one by itself, are punctuation of a text that was pasted.
		if r, _ := utf8.DecodeRuneInString(rest[1:]); len(rest) > 1 && r != '-' && r != '!' && (!wordEnd(r) || r == '(' || r == '{' || r == '"') {
			l.pos++
			return token{kind: tokenMinus, text: rest[:1], pos: start}, nil
		}
	}
	word := l.word()
	name, value, found := strings.Cut(word, ":")
	if !found || !fieldLike(name) && !isName(strings.ToLower(name)) || strings.HasPrefix(value, "//") || l.isPasted(name, value) {
		return token{kind: tokenWord, text: word, pos: start}, nil
	}
	l.pos = start + len(name) + 1
	return token{kind: tokenField, text: strings.ToLower(name), pos: start}, nil
}

// replies are what programs put before the subject of an answer or of mail that is sent on.
var replies = []string{"re", "fw", "fwd", "aw", "wg", "sv", "vs", "vb", "antw", "tr", "rif", "res", "enc", "odp", "ynt", "ref"}

// isPasted tells whether what looks like a field is a piece of a text: the Re: of a subject, the
// drive of a path, or a word that is followed by a colon and a blank, as no field is.
func (l *lexer) isPasted(name, value string) bool {
	name = strings.ToLower(name)
	if isName(name) {
		return false
	}
	alone := false
	if value == "" {
		r, size := utf8.DecodeRuneInString(l.text[l.pos:])
		alone = size == 0 || unicode.IsSpace(r)
	}
	return alone || slices.Contains(replies, name) || len(name) == 1 && strings.ContainsAny(value[:min(1, len(value))], `\/`)
}

// value returns what stands right behind a field's colon: a word, a phrase or an opening
// parenthesis.
func (l *lexer) value(field token) (token, error) {
	start := l.pos
	r, size := utf8.DecodeRuneInString(l.text[start:])
	switch {
	case size == 0 || wordEnd(r) && r != '"' && r != '(' && r != '{':
		return token{}, faultAt(start, "%s: needs a value right behind the colon; to search for the text itself, put it in quotes", field.text)
	case r == '"':
		return l.phrase()
	case r == '(' || r == '{':
		l.pos++
		return token{kind: tokenOpen, text: string(r), pos: start}, nil
	}
	return token{kind: tokenWord, text: l.word(), pos: start}, nil
}

func (l *lexer) word() string {
	rest := l.text[l.pos:]
	if end := strings.IndexFunc(rest, wordEnd); end >= 0 {
		rest = rest[:end]
	}
	l.pos += len(rest)
	return rest
}

func (l *lexer) phrase() (token, error) {
	start := l.pos
	var b strings.Builder
	for i := start + 1; i < len(l.text); i++ {
		switch c := l.text[i]; {
		case c == '"':
			l.pos = i + 1
			return token{kind: tokenPhrase, text: b.String(), pos: start}, nil
		case c == '\\' && i+1 < len(l.text) && (l.text[i+1] == '"' || l.text[i+1] == '\\'):
			i++
			b.WriteByte(l.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return token{}, faultAt(start, "the quote that begins here is not closed; add a \" where the phrase ends")
}

func fieldLike(name string) bool {
	for _, c := range []byte(name) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_') {
			return false
		}
	}
	return name != ""
}
