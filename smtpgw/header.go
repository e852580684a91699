package smtpgw

import (
	"bytes"
	"iter"
	"strings"
)

// field is one header field of a message as it stands there, or a run of bytes
// in the header that is none (name is empty then).
type field struct {
	name []byte // as it stands there
	raw  []byte // with folding and CRLF
}

// is reports whether the field has the name.
func (f field) is(name string) bool { return bytes.EqualFold(f.name, []byte(name)) }

// lower returns the name in lower case.
func (f field) lower() string { return strings.ToLower(string(f.name)) }

// value returns what follows the colon, folding and CRLF included.
func (f field) value() string {
	_, v, _ := bytes.Cut(f.raw, []byte(":"))
	return string(v)
}

// unfolded returns the value without folding, white space around it dropped.
func (f field) unfolded() string {
	return strings.TrimSpace(strings.NewReplacer("\r\n", "", "\n", "").Replace(f.value()))
}

// joinFields is fieldsOf the other way round.
func joinFields(fields []field) []byte {
	var b bytes.Buffer
	for _, f := range fields {
		b.Write(f.raw)
	}
	return b.Bytes()
}

// splitHeader cuts a message in two: its header section, and the rest from the
// empty line on. A message without an empty line is all header.
func splitHeader(raw []byte) (header, rest []byte) {
	if bytes.HasPrefix(raw, []byte("\r\n")) {
		return nil, raw
	}
	if i := bytes.Index(raw, []byte("\n\r\n")); i >= 0 {
		return raw[:i+1], raw[i+1:]
	}
	return raw, nil
}

// fieldsOf returns the fields of a header section. Nothing is left out: joined
// they are the section again.
func fieldsOf(header []byte) iter.Seq[field] {
	return func(yield func(field) bool) {
		for left := header; len(left) > 0; {
			n := lineEnd(left)
			for n < len(left) && (left[n] == ' ' || left[n] == '\t') {
				n += lineEnd(left[n:])
			}
			if !yield(field{name: fieldName(left[:n]), raw: left[:n]}) {
				return
			}
			left = left[n:]
		}
	}
}

// lineEnd returns the length of the first line with its LF.
func lineEnd(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}

// fieldName returns the name of a field, which is ASCII. White space before the
// colon, obsolete but read by many (RFC 5322, section 4.5.8), does not hide
// it.
func fieldName(raw []byte) []byte {
	name, _, found := bytes.Cut(raw, []byte(":"))
	name = bytes.TrimRight(name, " \t")
	if !found || len(name) == 0 {
		return nil
	}
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return nil
		}
	}
	return name
}

// count returns how many fields of a header section have the name.
func count(header []byte, name string) int {
	n := 0
	for f := range fieldsOf(header) {
		if f.is(name) {
			n++
		}
	}
	return n
}
