package dkim

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Tags is a tag-list (RFC 6376, section 3.2): values by their names, white space around them taken
// off.
type Tags map[string]string

const maxTags = 64

// ParseTags reads a tag-list. It is an error where a name stands twice.
func ParseTags(s string) (Tags, error) {
	tags := make(Tags)
	for part := range strings.SplitSeq(s, ";") {
		if part = strings.Trim(part, blank); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		name = strings.TrimRight(name, blank)
		if !ok || !isTagName(name) {
			return nil, fmt.Errorf("%.40q is no tag", part)
		}
		if _, twice := tags[name]; twice {
			return nil, fmt.Errorf("tag %s stands there twice", name)
		}
		if len(tags) == maxTags {
			return nil, errors.New("too many tags")
		}
		tags[name] = strings.Trim(value, blank)
	}
	return tags, nil
}

func isTagName(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if letter := c >= 'a' && c <= 'z'; !letter && (i == 0 || s[i] != '_' && (s[i] < '0' || s[i] > '9')) {
			return false
		}
	}
	return s != ""
}

// require is an error if one of these is missing or empty.
func (t Tags) require(names ...string) error {
	for _, n := range names {
		if t[n] == "" {
			return fmt.Errorf("tag %s is missing", n)
		}
	}
	return nil
}

// Base64 is the value of a tag that holds octets, in which white space may stand anywhere.
func (t Tags) Base64(name string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(squeezed(t[name]))
	if err != nil {
		return nil, fmt.Errorf("tag %s is no base64", name)
	}
	return b, nil
}

// Number is the value of a tag of decimal digits; -1 if there is none.
func (t Tags) Number(name string) (int64, error) {
	s, ok := t[name]
	if !ok {
		return -1, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || s[0] == '+' {
		return 0, fmt.Errorf("tag %s is no number", name)
	}
	return n, nil
}

// List is the value of a tag with colons in it; fallback if there is none.
func (t Tags) List(name, fallback string) (list []string) {
	s, ok := t[name]
	if !ok {
		s = fallback
	}
	for part := range strings.SplitSeq(s, ":") {
		list = append(list, strings.ToLower(strings.Trim(part, blank)))
	}
	return list
}

// squeezed is s without white space.
func squeezed(s string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(blank, c) {
			return -1
		}
		return c
	}, s)
}
