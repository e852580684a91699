package message

import (
	"bytes"
	"math"
	"slices"
	"strings"
)

// parseAddresses reads values of version 1, of which there is an end elsewhere.
func parseAddresses(values []string) []Address {
	return (&addressRoom{math.MaxInt, math.MaxInt}).parse(values)
}

// parse reads address-list values (RFC 5322, section 3.4) and whatever else stands in such fields.
// Groups are dissolved, source routes dropped. Each address is found wherever it stands, and text
// that is none counts as the display name of the next one, since a mail program may show it. It
// never fails: an item without an address yields its text.
func (r *addressRoom) parse(values []string) []Address {
	var list []Address
	for _, value := range values {
		value, whole := r.take(value)
		s := addressScanner{text: value, room: r}
		if !balanced(value) {
			s.text = strings.ReplaceAll(value, `"`, "")
		}
		s.lastAngle = strings.LastIndexByte(s.text, '>')
		list = append(list, s.scan()...)
		if !whole {
			return append(list, beyondRoom)
		}
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
	room      *addressRoom

	found    []Address
	loose    strings.Builder // words before the item that belong to none, canonical
	words    bytes.Buffer    // outside of angles, comments left out, quotes kept
	comment  bytes.Buffer
	angle    string
	hasAngle bool
}

func (s *addressScanner) scan() []Address {
	for i := 0; i < len(s.text); i++ {
		if s.room.items <= 0 {
			return append(s.found, beyondRoom)
		}
		switch c := s.text[i]; c {
		case '"':
			end := quotedEnd(s.text, i)
			s.words.WriteString(s.text[i:end])
			i = end - 1
		case '(':
			end := s.open.end(s.text, i)
			s.comment.WriteString(unquote(strings.TrimSuffix(s.text[i+1:end], ")")))
			s.comment.WriteByte(' ')
			s.words.WriteByte(' ')
			i = end - 1
		case '<':
			if s.hasAngle {
				s.end()
			}
			end := s.angleEnd(i)
			s.angle, s.hasAngle = strings.TrimSuffix(s.text[i+1:end], ">"), true
			i = end - 1
		case '[': // domain literal: its colons and commas are no separators
			end := strings.IndexByte(s.text[i:min(len(s.text), i+256)], ']')
			if end < 0 {
				s.words.WriteByte(c)
				continue
			}
			s.words.WriteString(s.text[i : i+end+1])
			i += end
		case ':':
			if words := s.words.String(); !s.hasAngle && !strings.Contains(words, "@") { // the name of a group
				s.room.items--
				s.keep(joinName(phrase(unquoteWords(words)), phrase(s.comment.String())), ": ")
				s.clear()
				continue
			}
			s.end()
		case ',', ';':
			s.end()
		default:
			s.words.WriteByte(c)
		}
	}
	if s.end(); s.room.items < 0 {
		return append(s.found, beyondRoom)
	}
	if last := len(s.found) - 1; last >= 0 && s.loose.Len() > 0 {
		s.found[last].Name = collapse(s.found[last].Name + " " + strings.TrimSuffix(s.loose.String(), ": "))
	}
	return s.found
}

// keep puts words that belong to no item before the next one.
func (s *addressScanner) keep(words, separator string) {
	if words != "" {
		s.loose.WriteString(words + separator)
	}
}

func (s *addressScanner) clear() {
	s.words.Reset()
	s.comment.Reset()
	s.angle, s.hasAngle = "", false
}

// end makes addresses of what was gathered.
func (s *addressScanner) end() {
	if !s.hasAngle && s.words.Len() == 0 && s.comment.Len() == 0 {
		return
	}
	defer s.clear()
	s.room.items--
	words, comment := strings.TrimSpace(s.words.String()), phrase(s.comment.String())
	spec, name := s.angle, joinName(phrase(unquoteWords(words)), comment)
	if !s.hasAngle {
		spec, name = words, joinName("", comment)
		if some := severalSpecs(words); some != nil {
			if s.room.items -= len(some); s.room.items <= 0 {
				return
			}
			for _, other := range some[:len(some)-1] {
				s.found = append(s.found, Address{Addr: canonicalSpec(other)})
			}
			spec = some[len(some)-1]
		}
	} else if !strings.Contains(spec, `"`) {
		spec = dropComments(spec)
	}
	addr := canonicalSpec(spec)
	if addr == "" && (!s.hasAngle || name == "") {
		s.keep(name, " ")
		return
	}
	if s.loose.Len() > 0 {
		name = strings.TrimSuffix(s.loose.String()+name, ": ")
		s.loose.Reset()
	}
	s.found = append(s.found, Address{Name: strings.TrimSpace(name), Addr: addr})
}

// severalSpecs returns the words with an @ if there are several and no quotes, else nil.
func severalSpecs(words string) []string {
	if strings.Count(words, "@") < 2 || strings.Contains(words, `"`) {
		return nil
	}
	return slices.DeleteFunc(strings.Fields(words), func(word string) bool { return !strings.Contains(word, "@") })
}

// joinName puts a comment behind a display name; without one it stands for it.
func joinName(name, comment string) string {
	switch {
	case comment == "":
		return name
	case name == "":
		return comment
	}
	return name + " (" + comment + ")"
}

// angleEnd returns the position behind the '>' that closes the '<' at i; an unclosed one ends at
// the next comma.
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

// end returns the position behind the comment that starts at i. A parenthesis that is never closed
// is passed over: i+1.
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
	end := strings.IndexByte(s[i:], ')')
	if end < 0 {
		c.none = true
		return i + 1
	}
	return i + end + 1
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
