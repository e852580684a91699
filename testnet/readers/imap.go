package readers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// imapList is a parenthesised list; its members are strings, nil for NIL, or lists again.
type imapList []any

// imapReader reads what an IMAP server says (RFC 9051, section 9). It is for a server that is
// trusted to keep to the grammar.
type imapReader struct{ r *bufio.Reader }

// maxLiteral bounds a literal, in octets.
const maxLiteral = 64 << 20

// response reads one line with its literals, as a list of its words.
func (p imapReader) response() (imapList, error) {
	list, err := p.list(true)
	if err != nil {
		return nil, fmt.Errorf("reading an IMAP answer: %w", err)
	}
	return list, nil
}

// list reads up to the closing parenthesis, or at the top up to the end of the line.
func (p imapReader) list(top bool) (imapList, error) {
	list := imapList{}
	for {
		c, err := p.r.ReadByte()
		if err != nil {
			return nil, err
		}
		switch {
		case c == '\n' && top, c == ')' && !top:
			return list, nil
		case c == ' ' || c == '\r' || c == '\n' || c == ')':
		case c == '(':
			inner, err := p.list(false)
			if err != nil {
				return nil, err
			}
			list = append(list, inner)
		case c == '"':
			s, err := p.quoted()
			if err != nil {
				return nil, err
			}
			list = append(list, s)
		case c == '{' || c == '~':
			s, err := p.literal(c)
			if err != nil {
				return nil, err
			}
			list = append(list, s)
		default:
			p.r.UnreadByte()
			word, err := p.atom()
			if err != nil {
				return nil, err
			}
			if word == "NIL" {
				list = append(list, nil)
			} else {
				list = append(list, word)
			}
		}
	}
}

func (p imapReader) quoted() (string, error) {
	var b strings.Builder
	for {
		c, err := p.r.ReadByte()
		if err != nil || c == '"' {
			return b.String(), err
		}
		if c == '\\' {
			if c, err = p.r.ReadByte(); err != nil {
				return "", err
			}
		}
		b.WriteByte(c)
	}
}

func (p imapReader) literal(c byte) (string, error) {
	head, err := p.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	size, err := strconv.Atoi(strings.Trim(head, "{}+\r\n"))
	if err != nil || size < 0 || size > maxLiteral {
		return "", errors.Join(fmt.Errorf("a literal begins with %q", string(c)+head), err)
	}
	content := make([]byte, size)
	_, err = io.ReadFull(p.r, content)
	return string(content), err
}

// atom reads a word; brackets hold what a section names.
func (p imapReader) atom() (string, error) {
	var b strings.Builder
	inside := false
	for {
		c, err := p.r.ReadByte()
		if err != nil {
			return "", err
		}
		if !inside && strings.IndexByte(" ()\r\n", c) >= 0 || c == '\r' || c == '\n' {
			p.r.UnreadByte()
			return b.String(), nil
		}
		inside = inside && c != ']' || c == '['
		b.WriteByte(c)
	}
}
