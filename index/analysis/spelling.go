package analysis

import (
	"slices"
	"strings"
)

// maxAlternatives bounds in how many ways the numbers of a phrase are spelled: five numbers in all.
const maxAlternatives = 32

// spelling is another way to write the tokens from first to last: the terms at each place.
type spelling struct {
	last  int
	terms [][]string
}

// Alternatives are other terms that a text can have in place of those of Words, if it has the
// numbers in another spelling: without separators, or with those that it has none of in the query.
func Alternatives(searched string) (all [][]Token) {
	s := analyse(searched, false)
	spellings := s.spellings()
	if len(spellings) == 0 {
		return nil
	}
	var written []Token
	var write func(i, place int, changed bool)
	write = func(i, place int, changed bool) {
		if i == len(s.tokens) {
			if changed {
				all = append(all, slices.Clone(written))
			}
			return
		}
		before := len(written)
		next := func(last, place int, changed bool) {
			if last+1 < len(s.tokens) {
				place += s.tokens[last+1].Position - s.tokens[last].Position
			}
			if len(all) < maxAlternatives {
				write(last+1, place, changed)
			}
			written = written[:before]
		}
		for _, other := range spellings[i] {
			for at, terms := range other.terms {
				for _, term := range terms {
					written = append(written, Token{term, place + at})
				}
			}
			next(other.last, place+len(other.terms)-1, true)
		}
		written = append(written, Token{s.tokens[i].Term, place})
		next(i, place, changed)
	}
	write(0, 0, false)
	return all
}

// spellings are the other ways to write numbers, by the token that they begin with.
func (s *splitter) spellings() map[int][]spelling {
	all := make(map[int][]spelling)
	joined := make(map[int]bool)
	for _, n := range s.numbers() {
		all[int(n.first)] = append(all[int(n.first)], spelling{int(n.last), [][]string{{n.term}}})
		for i := n.first; i <= n.last; i++ {
			joined[int(i)] = true
		}
	}
	for _, n := range s.numerals {
		i := int(n.token)
		// At the beginning of a phrase the text's own term for the whole number is enough.
		if i > 0 && !joined[i] && n.digits {
			all[i] = appendGroups(all[i], i, s.tokens[i].Term, 3, (len(s.tokens[i].Term)+2)%3+1)
		}
	}
	for i, t := range s.tokens {
		const least, most = 15, 34
		if i > 0 && least <= len(t.Term) && len(t.Term) <= most && isIBAN(t.Term) {
			all[i] = appendGroups(all[i], i, t.Term, 4, 4)
		}
	}
	return all
}

// appendGroups appends a term in groups of so many characters, of which the first one has first;
// behind the last stands the whole term, which a text has there if the groups are one number.
func appendGroups(all []spelling, i int, term string, size, first int) []spelling {
	if len(term) <= size || len(term) >= MaxTerm {
		return all
	}
	groups := [][]string{{term[:first]}}
	for rest := term[first:]; rest != ""; rest = rest[min(size, len(rest)):] {
		groups = append(groups, []string{rest[:min(size, len(rest))]})
	}
	last := len(groups) - 1
	groups[last] = append(groups[last], term)
	return append(all, spelling{i, groups})
}

// isIBAN tells whether a folded word without separators is an IBAN (ISO 13616).
func isIBAN(word string) bool {
	return isLetter(word[0]) && isLetter(word[1]) && isDigit(word[2]) && isDigit(word[3]) &&
		strings.IndexFunc(word, func(r rune) bool { return r >= 0x80 || !isLetter(byte(r)) && !isDigit(byte(r)) }) < 0 && checkDigits(word)
}
