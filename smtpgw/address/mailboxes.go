package address

import (
	"errors"
	"slices"
	"strings"

	"cairn/mailstore/message"
	"cairn/mailstore/message/maildomain"
)

// What can be wrong with a From or Sender. The texts go on "<name> field ...".
var (
	ErrNobody = errors.New("names nobody")
	ErrGroup  = errors.New("holds a group; a list of mailboxes is needed")
	ErrUnsure = errors.New("is read in different ways by different programs; write each address as name <local@domain>")
)

// Mailboxes reads a From or Sender, each address once. Other than the message package, which
// makes the best of anything, it takes a mailbox-list only (RFC 5322, section 3.4), the looser
// names that are in use included: outside of quotes and comments no "@" stands anywhere but in the
// addresses. It takes no group: RFC 6854 allows one in From for mail that nobody can answer. list
// is what the message package reads there, which is what records and recipients go by; both must
// agree.
func Mailboxes(value string, list []message.Address) ([]Mailbox, error) {
	text, shape, ok := shapeOf(value)
	if !ok {
		return nil, ErrUnsure
	}
	var found []Mailbox
	for len(text) > 0 {
		n := strings.IndexByte(shape, ',')
		if n < 0 {
			n = len(text)
		}
		if strings.TrimSpace(shape[:n]) != "" {
			m, err := mailboxOf(text[:n], shape[:n])
			if err != nil {
				return nil, err
			}
			if !slices.ContainsFunc(found, func(f Mailbox) bool { return f.Key() == m.Key() }) {
				found = append(found, m)
			}
		}
		text, shape = text[min(n+1, len(text)):], shape[min(n+1, len(shape)):]
	}
	if len(found) == 0 {
		return nil, ErrNobody
	}
	if !slices.Equal(keysOf(found, Mailbox.Key), keysOf(list, func(a message.Address) string { return maildomain.AddressKey(a.Addr) })) {
		return nil, ErrUnsure
	}
	return found, nil
}

// keysOf returns a set of keys, sorted.
func keysOf[T any](list []T, key func(T) string) []string {
	var keys []string
	for _, v := range list {
		keys = append(keys, key(v))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// mailboxOf reads what stands between two commas of a mailbox-list.
func mailboxOf(text, shape string) (Mailbox, error) {
	spec := text
	switch open, end := strings.IndexByte(shape, '<'), strings.IndexByte(shape, '>'); {
	case open < 0 && end < 0:
		if strings.ContainsAny(shape, ":;") {
			return Mailbox{}, ErrGroup
		}
	case open >= 0 && end > open && strings.TrimSpace(shape[end+1:]) == "" && isOwnName(text[:open], text[open+1:end]):
		spec = text[open+1 : end]
	case open < 0, end < open, strings.TrimSpace(shape[end+1:]) != "", strings.Contains(shape[:open], "@"):
		if strings.ContainsAny(shape, ":;") && !strings.Contains(shape[:max(open, 0)], "@") {
			return Mailbox{}, ErrGroup
		}
		return Mailbox{}, ErrUnsure
	case strings.ContainsAny(shape[:open], ":;"):
		return Mailbox{}, ErrGroup
	default:
		spec = text[open+1 : end]
	}
	spec = strings.TrimSpace(spec)
	at := strings.LastIndexByte(spec, '@')
	if at < 0 {
		return Mailbox{}, ErrNobody
	}
	local := spec[:at]
	if n := len(local); n >= 2 && local[0] == '"' && local[n-1] == '"' {
		local = maildomain.Unquoted(local[1 : n-1])
	} else if strings.ContainsAny(local, " \t\"()[]:;@\\,<>") {
		return Mailbox{}, ErrUnsure
	}
	m, err := Parse(local+spec[at:], true)
	if err != nil {
		return Mailbox{}, ErrUnsure
	}
	return m, nil
}

// isOwnName reports whether the name is the address once more, which cannot mislead.
func isOwnName(name, spec string) bool {
	name = strings.TrimSpace(name)
	return strings.Contains(name, "@") && maildomain.AddressKey(name) == maildomain.AddressKey(strings.TrimSpace(spec))
}

// shapeOf returns a value with white space in place of comments, and the same with "x" in place of
// quoted strings and domain literals, so that what is left in it has a meaning. ok is false if
// something is not closed.
func shapeOf(value string) (text, shape string, ok bool) {
	t, s := []byte(value), []byte(value)
	for i := 0; i < len(value); {
		end, mask := i+1, value[i]
		switch {
		case value[i] == '"':
			end, mask = Closing(value, i, '"', '"'), 'x'
		case value[i] == '(':
			end, mask = Closing(value, i, '(', ')'), ' '
		case value[i] == '[' && i > 0 && value[i-1] == '@':
			end, mask = Closing(value, i, '[', ']'), 'x'
		}
		if end < 0 {
			return "", "", false
		}
		for ; i < end; i++ {
			s[i] = mask
			if mask == ' ' {
				t[i] = mask
			}
		}
	}
	return string(t), string(s), true
}

// Closing returns the position behind what closes the text that begins at i; -1 if nothing does.
func Closing(s string, i int, open, end byte) int {
	depth := 0
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == end && (open != end || depth > 0):
			if depth--; depth == 0 {
				return i + 1
			}
		case c == open:
			depth++
		}
	}
	return -1
}
