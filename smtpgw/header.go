package smtpgw

import (
	"bytes"
	"strings"
)

// field is one header field of a message as it stands there, or a run of bytes
// in the header that is none (name is empty then).
type field struct {
	name string // lower case
	raw  []byte // with folding and CRLF
}

// value returns what follows the colon, folding and CRLF included.
func (f field) value() string {
	_, v, _ := bytes.Cut(f.raw, []byte(":"))
	return string(v)
}

// splitHeader cuts a message in two: its header fields, and the rest from the
// empty line on. Nothing is lost: the fields and rest joined are raw again. A
// message without an empty line is all header.
func splitHeader(raw []byte) (fields []field, rest []byte) {
	for len(raw) > 0 && !bytes.HasPrefix(raw, []byte("\r\n")) {
		n := lineEnd(raw)
		for n < len(raw) && (raw[n] == ' ' || raw[n] == '\t') {
			n += lineEnd(raw[n:])
		}
		fields = append(fields, field{name: fieldName(raw[:n]), raw: raw[:n]})
		raw = raw[n:]
	}
	return fields, raw
}

// lineEnd returns the length of the first line with its LF.
func lineEnd(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}

// fieldName returns the name of a field in lower case. White space before the
// colon, obsolete but read by many (RFC 5322, section 4.5.8), does not hide
// it.
func fieldName(raw []byte) string {
	name, _, found := bytes.Cut(raw, []byte(":"))
	name = bytes.TrimRight(name, " \t")
	if !found || len(name) == 0 {
		return ""
	}
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return ""
		}
	}
	return strings.ToLower(string(name))
}

// count returns how many fields have the name.
func count(fields []field, name string) int {
	n := 0
	for _, f := range fields {
		if f.name == name {
			n++
		}
	}
	return n
}
