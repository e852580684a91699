package message

import "strings"

// parseAddresses reads address-list values (RFC 5322, section 3.4) and whatever else stands in such fields. Groups are dissolved, comments and
// source routes dropped. It never fails: an item without an address yields its text.
func parseAddresses(values []string) []Address {
	var list []Address
	for _, value := range values {
		s := addressScanner{text: value}
		if !balanced(value) {
			s.text = strings.ReplaceAll(value, `"`, "")
		}
		s.lastAngle = strings.LastIndexByte(s.text, '>')
		list = append(list, s.scan()...)
	}
	return list
}

// balanced reports whether every quoted string in s is closed.
func balanced(s string) bool {
	open := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			open = !open
		}
	}
	return !open
}

// addressScanner walks an address list byte by byte, gathering the parts of the current item.
type addressScanner struct {
	text      string
	lastAngle int // position of the last '>'
	open      comments

	words    strings.Builder // outside of angles, comments left out, quotes kept
	comment  strings.Builder
	angle    string
	hasAngle bool
}

func (s *addressScanner) scan() []Address {
	var list []Address
	end := func() {
		if a, ok := s.item(); ok {
			list = append(list, a)
		}
		s.words.Reset()
		s.comment.Reset()
		s.angle, s.hasAngle = "", false
	}
	for i := 0; i < len(s.text); i++ {
		switch c := s.text[i]; c {
		case '"':
			close := quotedEnd(s.text, i)
			s.words.WriteString(s.text[i:close])
			i = close - 1
		case '(':
			close := s.open.end(s.text, i)
			s.comment.WriteString(unquote(strings.TrimSuffix(s.text[i+1:close], ")")))
			s.comment.WriteByte(' ')
			s.words.WriteByte(' ')
			i = close - 1
		case '<':
			close := s.angleEnd(i)
			s.angle, s.hasAngle = strings.TrimSuffix(s.text[i+1:close], ">"), true
			i = close - 1
		case '[': // domain literal: its colons and commas are no separators
			close := strings.IndexByte(s.text[i:min(len(s.text), i+256)], ']')
			if close < 0 {
				s.words.WriteByte(c)
				continue
			}
			s.words.WriteString(s.text[i : i+close+1])
			i += close
		case ':': // the name of a group
			s.words.Reset()
			s.comment.Reset()
		case ',', ';':
			end()
		default:
			s.words.WriteByte(c)
		}
	}
	end()
	return list
}

// item makes an address of what was gathered.
func (s *addressScanner) item() (Address, bool) {
	words, comment := strings.TrimSpace(s.words.String()), s.comment.String()
	if !s.hasAngle {
		if words == "" {
			return Address{}, false
		}
		return Address{Name: phrase(comment), Addr: canonicalSpec(words)}, true
	}
	name := phrase(unquoteWords(words))
	if name == "" {
		name = phrase(comment)
	}
	spec := s.angle
	if !strings.Contains(spec, `"`) {
		spec = dropComments(spec)
	}
	if strings.TrimSpace(spec) == "" && name == "" {
		return Address{}, false
	}
	return Address{Name: name, Addr: canonicalSpec(spec)}, true
}

// angleEnd returns the position behind the '>' that closes the '<' at i; an unclosed one ends at the next comma.
func (s *addressScanner) angleEnd(i int) int {
	stop := byte('>')
	if i > s.lastAngle {
		stop = ','
	}
	for j := i + 1; j < len(s.text); j++ {
		switch s.text[j] {
		case '"':
			j = quotedEnd(s.text, j) - 1
		case stop:
			if stop == ',' {
				return j
			}
			return j + 1
		}
	}
	return len(s.text)
}

func quotedEnd(s string, i int) int {
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case '\\':
			j++
		case '"':
			return j + 1
		}
	}
	return len(s)
}

// comments finds the ends of comments in one text, in time linear in it.
type comments struct {
	flat bool // one was not closed: from there on comments do not nest
	none bool // no closing parenthesis is left
}

// end returns the position behind the comment that starts at i. A parenthesis that is never closed is passed over: i+1.
func (c *comments) end(s string, i int) int {
	depth := 0
	for j := i; j < len(s) && !c.flat; j++ {
		switch s[j] {
		case '\\':
			j++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return j + 1
			}
		}
	}
	c.flat = true
	if c.none {
		return i + 1
	}
	close := strings.IndexByte(s[i:], ')')
	if close < 0 {
		c.none = true
		return i + 1
	}
	return i + close + 1
}

func dropComments(s string) string {
	var out strings.Builder
	var open comments
	for {
		i := strings.IndexByte(s, '(')
		if i < 0 {
			out.WriteString(s)
			return out.String()
		}
		out.WriteString(s[:i])
		s = s[open.end(s, i):]
	}
}

// unquoteWords removes the quotes of quoted strings in a phrase.
func unquoteWords(s string) string {
	var out strings.Builder
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			out.WriteString(s)
			return out.String()
		}
		end := quotedEnd(s, i)
		out.WriteString(s[:i])
		out.WriteString(unquote(strings.TrimSuffix(s[i+1:end], `"`)))
		s = s[end:]
	}
}
