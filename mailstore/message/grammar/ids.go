package grammar

import "strings"

// IDs reads message ids (RFC 5322, section 3.6.4): "<left@right>" in printable ASCII, with white
// space alone between them.
func IDs(value string) ([]string, bool) {
	ids := strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == '\t' })
	for _, id := range ids {
		if !isID(id) {
			return nil, false
		}
	}
	return ids, len(ids) > 0
}

// IDsAmong returns the first ids in a value that has other words too, at most as many as that.
func IDsAmong(value string, most int) (ids []string) {
	for rest := value; len(ids) < most; {
		start := strings.IndexByte(rest, '<')
		if start < 0 {
			break
		}
		rest = rest[start:]
		end := strings.IndexByte(rest, '>') + 1
		if end > 0 && isID(rest[:end]) {
			ids, rest = append(ids, rest[:end]), rest[end:]
		} else {
			rest = rest[1:]
		}
	}
	return ids
}

func isID(s string) bool {
	if len(s) < 5 || s[0] != '<' || s[len(s)-1] != '>' {
		return false
	}
	inner := s[1 : len(s)-1]
	left, right, ok := strings.Cut(inner, "@")
	if !ok || left == "" || right == "" {
		return false
	}
	for i := range len(inner) {
		if c := inner[i]; c <= ' ' || c > '~' || strings.IndexByte(`<>()"\,;`, c) >= 0 {
			return false
		}
	}
	return true
}
