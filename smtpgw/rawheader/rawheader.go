// Package rawheader cuts the header section of a message into fields, octet for octet: joined they
// are the section again. What fields mean is for mailstore/message.
package rawheader

import (
	"bytes"
	"iter"
	"strings"
)

// Field is one header field of a message as it stands there, or a run of bytes
// in the header that is none (name is empty then).
type Field struct {
	Name []byte // as it stands there
	Raw  []byte // with folding and CRLF
}

// Is reports whether the field has the name.
func (f Field) Is(name string) bool { return bytes.EqualFold(f.Name, []byte(name)) }

// Lower returns the name in lower case.
func (f Field) Lower() string { return strings.ToLower(string(f.Name)) }

// Value returns what follows the colon, folding and CRLF included.
func (f Field) Value() string {
	_, v, _ := bytes.Cut(f.Raw, []byte(":"))
	return string(v)
}

// Unfolded returns the value without folding, white space around it dropped.
func (f Field) Unfolded() string {
	return strings.TrimSpace(strings.NewReplacer("\r\n", "", "\n", "").Replace(f.Value()))
}

// Join is Fields the other way round.
func Join(fields []Field) []byte {
	var b bytes.Buffer
	for _, f := range fields {
		b.Write(f.Raw)
	}
	return b.Bytes()
}

// Split cuts a message in two: its header section, and the rest from the
// empty line on. A message without an empty line is all header.
func Split(raw []byte) (header, rest []byte) {
	if bytes.HasPrefix(raw, []byte("\r\n")) {
		return nil, raw
	}
	if i := bytes.Index(raw, []byte("\n\r\n")); i >= 0 {
		return raw[:i+1], raw[i+1:]
	}
	return raw, nil
}

// Fields returns the fields of a header section. Nothing is left out: joined
// they are the section again.
func Fields(header []byte) iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for left := header; len(left) > 0; {
			n := LineEnd(left)
			for n < len(left) && (left[n] == ' ' || left[n] == '\t') {
				n += LineEnd(left[n:])
			}
			if !yield(Field{Name: FieldName(left[:n]), Raw: left[:n]}) {
				return
			}
			left = left[n:]
		}
	}
}

// LineEnd returns the length of the first line with its LF.
func LineEnd(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}

// FieldName returns the name of a field, which is ASCII. White space before the
// colon, obsolete but read by many (RFC 5322, section 4.5.8), does not hide
// it.
func FieldName(raw []byte) []byte {
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

// Count returns how many fields of a header section have the name.
func Count(header []byte, name string) int {
	n := 0
	for f := range Fields(header) {
		if f.Is(name) {
			n++
		}
	}
	return n
}
