package message

import (
	"bytes"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"cairn/mailstore/message/maildomain"
)

// domains yields what stands behind each @ of a text in all ways in which programs read a domain
// there: up to the first white space, comment or quote; as RFC 5322 reads an obs-domain, with white
// space and comments around its dots; and with white space and comments left out wherever they are.
// Comments nest or do not. "" stands for what can be no domain, or is not read to its end.
//
// Where the same is behind several of them it is read once. Comments may hide an @ within what is
// read behind another, so that much would be read again and again: of that no more is read than
// twice the text, and then fewSteps characters behind each @.
func (r *domainReader) domains(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !strings.Contains(text, "@") {
			return
		}
		r.text = text
		for _, nested := range []bool{true, false} {
			if !nested && !strings.Contains(text, "(") {
				return
			}
			r.gaps.of(text, nested)
			starts := r.starts()
			for _, way := range []func(*domainReader, int) bool{(*domainReader).asWritten, (*domainReader).aroundDots, (*domainReader).anywhere} {
				r.left = 2 * len(text)
				for _, start := range starts {
					r.domain, r.room = r.domain[:0], max(fewSteps, r.left)
					whole := way(r, int(start))
					if !whole && !yield("") {
						return
					}
					if !whole && !dotsAtEnd(r.domain) { // people see one end where no program reads that
						r.domain = r.domain[:bytes.LastIndexFunc(r.domain, endsSeen)+1]
					}
					if (whole || len(r.domain) > 0) && !yield(string(r.domain)) {
						return
					}
				}
			}
		}
	}
}

const (
	fewSteps   = 32                    // enough for most domains
	maxWritten = 4 * maildomain.MaxLen // octets; what is longer, but for dots at its ends, can be no domain
)

// domainReader reads the domains of one text after another.
type domainReader struct {
	text string
	gaps
	domain []byte // what was read
	room   int    // characters that may be looked at for this one
	left   int    // characters that may be looked at for all, but for fewSteps each
	steps  int    // characters that were looked at in all texts

	seen []bool // room for starts
	at   []int32
}

// starts are the positions behind the gaps that follow each @, each once.
func (r *domainReader) starts() []int32 {
	r.seen, r.at = cleared(r.seen, len(r.ends)), r.at[:0]
	for i := range len(r.text) {
		if start := r.ends[i+1]; r.text[i] == '@' && !r.seen[start] {
			r.seen[start] = true
			r.at = append(r.at, start)
		}
	}
	return r.at
}

// cleared is n zeros in the place of s, if there is room.
func cleared[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// goesOn takes a character off what may be looked at, if there is any.
func (r *domainReader) goesOn() bool {
	if r.room == 0 || len(r.domain) > maxWritten {
		return false
	}
	r.room--
	r.left--
	r.steps++
	return true
}

// write takes a character into the domain, unless it is a dot in front of it.
func (r *domainReader) write(character string) {
	if len(r.domain) > 0 || character != "." {
		r.domain = append(r.domain, character...)
	}
}

func dotsAtEnd(domain []byte) bool { return len(domain) > 0 && domain[len(domain)-1] == '.' }

// gaps says of each position in a text where the white space, comments, quotes, backslashes and
// characters that nobody sees end that begin there.
type gaps struct {
	ends     []int32
	comments []int32 // where the comment ends that begins there, 0 for none
	open     []int32 // room for the comments that are open
}

// of reads the gaps of a text.
func (g *gaps) of(text string, nested bool) {
	g.commentEnds(text, nested)
	g.ends = cleared(g.ends, len(text)+1)
	g.ends[len(text)] = int32(len(text))
	for i := len(text); i > 0; {
		r, size := utf8.DecodeLastRuneInString(text[:i])
		for n := 1; n < size; n++ {
			g.ends[i-n] = int32(i - n)
		}
		next := i
		i -= size
		switch {
		case r == '(' && g.comments[i] > 0:
			g.ends[i] = g.ends[g.comments[i]]
		case unicode.IsSpace(r) || isUnseen(r):
			g.ends[i] = g.ends[next]
		default:
			g.ends[i] = int32(i)
		}
	}
}

// commentEnds notes of each parenthesis that opens a comment where that ends, 0 if nowhere.
func (g *gaps) commentEnds(text string, nested bool) {
	g.comments = cleared(g.comments, len(text))
	ends, open := g.comments, g.open[:0]
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			if nested {
				i++
			}
		case '(':
			open = append(open, int32(i))
		case ')':
			if n := len(open); n > 0 && nested {
				ends[open[n-1]] = int32(i + 1)
				open = open[:n-1]
			} else if n > 0 {
				for _, at := range open {
					ends[at] = int32(i + 1)
				}
				open = open[:0]
			}
		}
	}
	g.open = open
}

// isUnseen reports whether a character is left out by some programs, or shows as nothing: quotes,
// backslashes, controls, and what is invisible.
func isUnseen(r rune) bool {
	return r == '"' || r == '\'' || r == '\\' || unicode.IsControl(r) && !unicode.IsSpace(r) ||
		r >= utf8.RuneSelf && unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// endsDomain reports whether no program reads a domain on behind a character.
func endsDomain(c byte) bool { return strings.IndexByte("@<>()[],;:", c) >= 0 }

// The ways in which programs read a domain from i on; false if it was not read to its end.

func (r *domainReader) asWritten(i int) bool {
	for ; i < len(r.text) && int(r.ends[i]) == i && !endsDomain(r.text[i]); i++ {
		if !r.goesOn() {
			return false
		}
		r.write(r.text[i : i+1])
	}
	return true
}

func (r *domainReader) aroundDots(i int) bool {
	dot := true // at the start or behind a dot
	for i < len(r.text) {
		if !r.goesOn() {
			return false
		}
		c, size := utf8.DecodeRuneInString(r.text[i:])
		if next := int(r.ends[i]); next > i {
			switch {
			case dot || startsWithDot(r.text[next:]):
				i = next
			case isUnseen(c):
				i += size
			case c == '(': // nothing to some, as white space is not
				i = int(r.comments[i])
			default:
				return true
			}
			continue
		}
		if endsDomain(r.text[i]) {
			break
		}
		dot = maildomain.IsDot(c)
		r.write(r.text[i : i+size])
		i += size
	}
	return true
}

func startsWithDot(s string) bool {
	c, _ := utf8.DecodeRuneInString(s)
	return maildomain.IsDot(c)
}

func (r *domainReader) anywhere(i int) bool {
	for i = int(r.ends[i]); i < len(r.text) && !endsDomain(r.text[i]); i = int(r.ends[i]) {
		if !r.goesOn() {
			return false
		}
		_, size := utf8.DecodeRuneInString(r.text[i:])
		r.write(r.text[i : i+size])
		i += size
	}
	return true
}
