package message

import (
	"bytes"
	"net/textproto"
	"strings"
)

// header is a header section, its fields from the top. It shares the memory that it was read from:
// most readers want a few fields of many, and a record's token is longer than all others.
type header []headerField

type headerField struct {
	name  []byte // as it is spelled
	value []byte // what follows the colon, with its folds
}

// readHeader reads what headerBlock returns.
func readHeader(block []byte) header {
	h := make(header, 0, 16)
	for len(block) > 0 {
		_, rest := cutLine(block)
		for len(rest) > 0 && isBlank(rest[0]) {
			_, rest = cutLine(rest)
		}
		field := block[:len(block)-len(rest)]
		if name, value, ok := bytes.Cut(field, []byte(":")); ok {
			h = append(h, headerField{name: bytes.Trim(name, " \t"), value: value})
		}
		block = rest
	}
	return h
}

// is reports whether the field has that name.
func (f *headerField) is(name string) bool {
	return len(f.name) == len(name) && strings.EqualFold(string(f.name), name)
}

// key is the name in its canonical spelling.
func (f *headerField) key() string { return textproto.CanonicalMIMEHeaderKey(string(f.name)) }

// unfolded is the value with one space for each fold and the blanks around it, undecoded.
func (f *headerField) unfolded() string {
	value := withoutBlanks(f.value)
	if bytes.IndexByte(value, '\n') < 0 {
		return string(value)
	}
	var b strings.Builder
	b.Grow(len(value))
	for more := true; more; {
		var line []byte
		line, value, more = bytes.Cut(value, []byte("\n"))
		if line = trimLine(line); len(line) == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.Write(line)
	}
	return b.String()
}

// withoutBlanks is a value without what unfolded drops at its ends.
func withoutBlanks(value []byte) []byte {
	value = bytes.TrimSuffix(value, []byte("\n"))
	if bytes.IndexByte(value, '\n') < 0 {
		return trimLine(value)
	}
	return value
}

// trimLine is a line without a CR at its end, and then the blanks around it.
func trimLine(line []byte) []byte {
	return bytes.Trim(bytes.TrimSuffix(line, []byte("\r")), " \t")
}

// get returns the value of the topmost field with that name; empty if there is none.
func (h header) get(name string) string {
	for i := range h {
		if h[i].is(name) {
			return h[i].unfolded()
		}
	}
	return ""
}

// values returns the unfolded, undecoded values of all fields of that name, from the top.
func (h header) values(name string) []string {
	var all []string
	for i := range h {
		if h[i].is(name) {
			all = append(all, h[i].unfolded())
		}
	}
	return all
}
