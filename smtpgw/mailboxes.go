package smtpgw

import (
	"errors"
	"slices"
	"strings"

	"cairn/mailstore/message"
	"cairn/mailstore/message/maildomain"
)

// What can be wrong with a From or Sender. The texts go on "<name> field ...".
var (
	errNobody = errors.New("names nobody")
	errGroup  = errors.New("holds a group; a list of mailboxes is needed")
	errUnsure = errors.New("is read in different ways by different programs; write each address as name <local@domain>")
)

// mailboxesOf reads a From or Sender, each address once. Other than the message package, which
// makes the best of anything, it takes a mailbox-list only (RFC 5322, section 3.4), the looser
// names that are in use included: outside of quotes and comments no "@" stands anywhere but in the
// addresses. It takes no group: RFC 6854 allows one in From for mail that nobody can answer. list
// is what the message package reads there, which is what records and recipients go by; both must
// agree.
func mailboxesOf(value string, list []message.Address) ([]mailbox, error) {
	text, shape, ok := shapeOf(value)
	if !ok {
		return nil, errUnsure
	}
	var found []mailbox
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
			if !slices.ContainsFunc(found, func(f mailbox) bool { return f.key() == m.key() }) {
				found = append(found, m)
			}
		}
		text, shape = text[min(n+1, len(text)):], shape[min(n+1, len(shape)):]
	}
	if len(found) == 0 {
		return nil, errNobody
	}
	if !slices.Equal(keysOf(found, mailbox.key), keysOf(list, func(a message.Address) string { return maildomain.AddressKey(a.Addr) })) {
		return nil, errUnsure
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
func mailboxOf(text, shape string) (mailbox, error) {
	spec := text
	switch open, end := strings.IndexByte(shape, '<'), strings.IndexByte(shape, '>'); {
	case open < 0 && end < 0:
		if strings.ContainsAny(shape, ":;") {
			return mailbox{}, errGroup
		}
	case open >= 0 && end > open && strings.TrimSpace(shape[end+1:]) == "" && isOwnName(text[:open], text[open+1:end]):
		spec = text[open+1 : end]
	case open < 0, end < open, strings.TrimSpace(shape[end+1:]) != "", strings.Contains(shape[:open], "@"):
		if strings.ContainsAny(shape, ":;") && !strings.Contains(shape[:max(open, 0)], "@") {
			return mailbox{}, errGroup
		}
		return mailbox{}, errUnsure
	case strings.ContainsAny(shape[:open], ":;"):
		return mailbox{}, errGroup
	default:
		spec = text[open+1 : end]
	}
	spec = strings.TrimSpace(spec)
	at := strings.LastIndexByte(spec, '@')
	if at < 0 {
		return mailbox{}, errNobody
	}
	local := spec[:at]
	if n := len(local); n >= 2 && local[0] == '"' && local[n-1] == '"' {
		local = maildomain.Unquoted(local[1 : n-1])
	} else if strings.ContainsAny(local, " \t\"()[]:;@\\,<>") {
		return mailbox{}, errUnsure
	}
	m, err := parseMailbox(local+spec[at:], true)
	if err != nil {
		return mailbox{}, errUnsure
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
			end, mask = closing(value, i, '"', '"'), 'x'
		case value[i] == '(':
			end, mask = closing(value, i, '(', ')'), ' '
		case value[i] == '[' && i > 0 && value[i-1] == '@':
			end, mask = closing(value, i, '[', ']'), 'x'
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

// closing returns the position behind what closes the text that begins at i; -1 if nothing does.
func closing(s string, i int, open, end byte) int {
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
