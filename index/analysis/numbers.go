package analysis

import (
	"slices"
	"strings"
)

// numeral is a word that may be a part of a number: its token, and its octets in the text.
type numeral struct {
	token, start, end int32
	digits            bool // and nothing else
}

// noteNumeral notes the word that is emitted next, if it is a number, or the beginning of an IBAN
// or a version; start and end are in the segment.
func (s *splitter) noteNumeral(start, end int) {
	if isDigit(s.text[s.base+end-1]) { // few words end so
		s.addNumeral(s.base+start, s.base+end)
	}
}

func (s *splitter) addNumeral(start, end int) {
	word := s.text[start:end]
	digits := strings.Trim(word, "0123456789") == ""
	if digits || isVersion(word) || len(word) == 4 && isLetter(word[0]) && isLetter(word[1]) && isDigit(word[2]) {
		s.numerals = append(s.numerals, numeral{int32(len(s.tokens)), int32(start), int32(end), digits})
	}
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// isVersion is v14 and the like.
func isVersion(word string) bool {
	return len(word) > 1 && word[0]|0x20 == 'v' && strings.Trim(word[1:], "0123456789") == ""
}

// number is a term that stands for the tokens from first to last.
type number struct {
	first, last int32
	term        string
}

// maxDigits is how many digits a telephone number has at most (ITU-T E.164), and what is joined
// with hyphens here.
const maxDigits = 15

// withNumbers are the tokens with those of numbers among them.
func (s *splitter) withNumbers() []Token {
	numbers := s.numbers()
	if len(numbers) == 0 {
		return s.tokens
	}
	for _, n := range numbers {
		s.tokens = append(s.tokens, Token{n.term, s.tokens[n.last].Position})
	}
	slices.SortStableFunc(s.tokens, func(a, b Token) int { return a.Position - b.Position })
	return s.tokens
}

// numbers are the numbers that are written with separators: in thousands, with hyphens or slashes
// (dates, telephone numbers), as an international telephone number, as an IBAN; and versions
// without their v.
func (s *splitter) numbers() (all []number) {
	taken := 0 // numerals before it are in a number of that kind
	joined := 0
	for i, n := range s.numerals {
		word := s.text[n.start:n.end]
		switch {
		case isVersion(word):
			all = append(all, number{n.token, n.token, word[1:]})
			continue
		case !n.digits:
			if iban, ok := s.iban(n); ok {
				all = append(all, iban)
			}
			continue
		}
		if n.start > 0 && s.text[n.start-1] == '+' {
			if phone, ok := s.phone(i); ok {
				all = append(all, phone)
			}
		}
		if i >= taken {
			if thousands, count := s.thousands(i); count > 1 {
				all = append(all, thousands)
				taken = i + count
			}
		}
		if i >= joined {
			if hyphened, count := s.hyphened(i); count > 1 {
				all = append(all, hyphened)
				joined = i + count
			}
		}
	}
	return all
}

// gap is what stands between numeral i and the next word, if that is a number too; ok is false
// where it is not.
func (s *splitter) gap(i int) (gap string, ok bool) {
	if i+1 >= len(s.numerals) {
		return "", false
	}
	n, next := s.numerals[i], s.numerals[i+1]
	if !next.digits || next.token != n.token+1 {
		return "", false
	}
	return s.text[n.end:next.start], true
}

// join is the number of so many numerals from i on.
func (s *splitter) join(i, count int) number {
	var b strings.Builder
	for _, n := range s.numerals[i : i+count] {
		b.WriteString(s.text[n.start:n.end])
	}
	return number{s.numerals[i].token, s.numerals[i+count-1].token, b.String()}
}

// thousands reads one to three digits and groups of three behind the same separator.
func (s *splitter) thousands(i int) (n number, count int) {
	if s.numerals[i].end-s.numerals[i].start > 3 {
		return n, 0
	}
	separator := ""
	count = 1
	for ; ; count++ {
		gap, ok := s.gap(i + count - 1)
		if !ok || separator != "" && gap != separator || separator == "" && !slices.Contains([]string{",", ".", "'", "’", " "}, gap) {
			break
		}
		if next := s.numerals[i+count]; next.end-next.start != 3 {
			if separator != " " && separator != "" {
				return n, 0 // 1.234.56 is something else
			}
			break
		}
		if (count+1)*3 > MaxTerm {
			return n, 0
		}
		separator = gap
	}
	if count > 1 {
		return s.join(i, count), count
	}
	return n, 0
}

// hyphened reads groups of digits with a hyphen or a slash between them.
func (s *splitter) hyphened(i int) (n number, count int) {
	digits := s.numerals[i].end - s.numerals[i].start
	count = 1
	for ; ; count++ {
		gap, ok := s.gap(i + count - 1)
		if !ok || gap != "-" && gap != "/" {
			break
		}
		digits += s.numerals[i+count].end - s.numerals[i+count].start
		if digits > maxDigits {
			return n, 0
		}
	}
	if count > 1 {
		return s.join(i, count), count
	}
	return n, 0
}

// phone reads an international telephone number, whose + stands before numeral i: the term begins
// with it.
func (s *splitter) phone(i int) (n number, ok bool) {
	const least = 7
	digits, count := s.numerals[i].end-s.numerals[i].start, 1
	for ; ; count++ {
		gap, ok := s.gap(i + count - 1)
		if !ok || len(gap) > 3 || strings.Trim(gap, " ()-./") != "" {
			break
		}
		digits += s.numerals[i+count].end - s.numerals[i+count].start
		if digits > maxDigits {
			return n, false
		}
	}
	if digits < least || digits > maxDigits {
		return n, false
	}
	n = s.join(i, count)
	n.term = "+" + n.term
	return n, true
}

// iban reads an IBAN (ISO 13616) that is written in groups of four; its check digits tell.
func (s *splitter) iban(first numeral) (n number, ok bool) {
	const least, most = 15, 34
	var b strings.Builder
	at, tokens := int(first.start), int32(0)
	for b.Len() <= most && at < len(s.text) {
		end := at
		for end < len(s.text) && end-at < 5 && (isLetter(s.text[end]) || isDigit(s.text[end])) {
			end++
		}
		if end == at || end-at > 4 {
			break
		}
		b.WriteString(strings.ToLower(s.text[at:end]))
		tokens++
		last := end-at < 4
		if b.Len() >= least && b.Len() <= most && checkDigits(b.String()) {
			n, ok = number{first.token, first.token + tokens - 1, b.String()}, true
		}
		if at = end; last || at >= len(s.text) || s.text[at] != ' ' {
			break
		}
		at++
	}
	return n, ok && int(n.last) < len(s.tokens)
}

// checkDigits tells whether the number that an IBAN stands for leaves 1 when divided by 97 (ISO
// 7064).
func checkDigits(iban string) bool {
	rest := 0
	for _, c := range []byte(iban[4:] + iban[:4]) {
		if isDigit(c) {
			rest = (rest*10 + int(c-'0')) % 97
		} else {
			rest = (rest*100 + int(c-'a') + 10) % 97
		}
	}
	return rest == 1
}
