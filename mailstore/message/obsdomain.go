package message

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"cairn/mailstore/message/maildomain"
)

// obsDomains yields what stands behind each @ of a text in all ways in which programs read a domain
// there: up to the first white space, comment or quote; as RFC 5322 reads an obs-domain, with white
// space and comments around its dots; and with white space and comments left out wherever they are.
// Comments nest or do not. It takes time linear in the text: no octet is read twice in one way.
func obsDomains(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !strings.Contains(text, "@") {
			return
		}
		for _, nested := range []bool{true, false} {
			g := gapsOf(text, nested)
			for _, way := range []func(string, gaps, int) string{asWritten, aroundDots, anywhere} {
				for i := range len(text) {
					if text[i] == '@' && !yield(way(text, g, i+1)) {
						return
					}
				}
			}
		}
	}
}

// gaps says of each position in a text where the white space, comments, quotes, backslashes and
// characters that nobody sees end that begin there.
type gaps struct {
	ends     []int32
	comments []int32 // where the comment ends that begins there, 0 for none
}

func gapsOf(text string, nested bool) gaps {
	g := gaps{make([]int32, len(text)+1), commentEnds(text, nested)}
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
	return g
}

// commentEnds says of each parenthesis that opens a comment where that ends, 0 if nowhere.
func commentEnds(text string, nested bool) []int32 {
	ends := make([]int32, len(text))
	var open []int
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			if nested {
				i++
			}
		case '(':
			open = append(open, i)
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
	return ends
}

// isUnseen reports whether a character is left out by some programs, or shows as nothing: quotes,
// backslashes, controls, and what is invisible.
func isUnseen(r rune) bool {
	return r == '"' || r == '\'' || r == '\\' || unicode.IsControl(r) && !unicode.IsSpace(r) ||
		r >= utf8.RuneSelf && unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// endsDomain reports whether no program reads a domain on behind a character.
func endsDomain(c byte) bool { return strings.IndexByte("@<>()[],;:", c) >= 0 }

func asWritten(text string, g gaps, i int) string {
	start := int(g.ends[i])
	for i = start; i < len(text) && int(g.ends[i]) == i && !endsDomain(text[i]); {
		i++
	}
	return text[start:i]
}

func aroundDots(text string, g gaps, i int) string {
	var domain strings.Builder
	dot := true // at the start or behind a dot
	for i < len(text) {
		r, size := utf8.DecodeRuneInString(text[i:])
		if next := int(g.ends[i]); next > i {
			switch {
			case dot || startsWithDot(text[next:]):
				i = next
			case isUnseen(r):
				i += size
			case r == '(': // nothing to some, as white space is not
				i = int(g.comments[i])
			default:
				return domain.String()
			}
			continue
		}
		if endsDomain(text[i]) {
			break
		}
		dot = maildomain.IsDot(r)
		domain.WriteString(text[i : i+size])
		i += size
	}
	return domain.String()
}

func startsWithDot(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return maildomain.IsDot(r)
}

func anywhere(text string, g gaps, i int) string {
	var domain strings.Builder
	for i = int(g.ends[i]); i < len(text) && !endsDomain(text[i]); i = int(g.ends[i]) {
		_, size := utf8.DecodeRuneInString(text[i:])
		domain.WriteString(text[i : i+size])
		i += size
	}
	return domain.String()
}
