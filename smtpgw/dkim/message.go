package dkim

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"io"
	"slices"
	"strings"
)

// Field is a header field as it came, folded, without the CRLF at its end.
type Field struct {
	Name string // lower case; empty: it has none
	Raw  []byte
}

// Value is what stands behind the colon.
func (f Field) Value() []byte {
	_, value, _ := bytes.Cut(f.Raw, []byte(":"))
	return value
}

// Message is a message taken apart once, for all signatures on it. It is used by one goroutine at a
// time.
type Message struct {
	Fields []Field // from the top
	Body   []byte

	named  map[string][]int // where in Fields those of a name are, from the top
	bodies map[bodyPart]bodySum
}

// bodyPart is as much of a body as a signature counts, and bodySum what comes of it.
type (
	bodyPart struct {
		form  Form
		limit int64
	}
	bodySum struct {
		sum  []byte
		left int64
	}
)

// Split takes a message with CRLF line ends apart, of which pieces that stand one behind the other
// have whole fields each until the body begins. Its parts are slices of them.
func Split(pieces ...[]byte) *Message {
	m := &Message{named: make(map[string][]int), bodies: make(map[bodyPart]bodySum)}
	for i, piece := range pieces {
		body, begun := m.addFields(piece)
		if !begun {
			continue
		}
		if m.Body = body; i+1 < len(pieces) {
			m.Body = slices.Concat(body, slices.Concat(pieces[i+1:]...))
		}
		break
	}
	return m
}

// addFields takes fields up to the end of raw, or to the empty line behind which the body begins.
func (m *Message) addFields(raw []byte) (body []byte, begun bool) {
	for len(raw) > 0 {
		end := 0
		for {
			at := bytes.Index(raw[end:], []byte("\r\n"))
			if at < 0 {
				end = len(raw)
				break
			}
			if end += at; end+2 == len(raw) || raw[end+2] != ' ' && raw[end+2] != '\t' || end == 0 {
				break
			}
			end += 2
		}
		field := raw[:end]
		raw = raw[min(end+2, len(raw)):]
		if len(field) == 0 {
			return raw, true
		}
		m.add(field)
	}
	return nil, false
}

func (m *Message) add(raw []byte) {
	name, _, ok := bytes.Cut(raw, []byte(":"))
	f := Field{Raw: raw}
	if ok {
		f.Name = strings.ToLower(string(bytes.TrimRight(name, " \t")))
	}
	m.named[f.Name] = append(m.named[f.Name], len(m.Fields))
	m.Fields = append(m.Fields, f)
}

// folded reports whether the message begins with a folded line. What is put in front of it does
// not stay as it is.
func (m *Message) folded() bool {
	return len(m.Fields) > 0 && (m.Fields[0].Raw[0] == ' ' || m.Fields[0].Raw[0] == '\t')
}

// Named returns the fields of a name in lower case, from the top.
func (m *Message) Named(name string) []Field {
	fields := make([]Field, 0, len(m.named[name]))
	for _, at := range m.named[name] {
		fields = append(fields, m.Fields[at])
	}
	return fields
}

// MaxSigned bounds how often one of a field is signed, and so the length of what signs it.
const MaxSigned = 16

// HeaderHash is the SHA-256 of the fields that names lists, from the bottom for a name that is
// there several times, and of the field that signs them, whose value of b is left out (RFC 6376,
// section 3.7).
func (m *Message) HeaderHash(names []string, form Form, signing Field) []byte {
	h := sha256.New()
	used := make(map[string]int)
	for _, name := range names {
		at := m.named[name]
		if used[name]++; used[name] <= len(at) {
			form.WriteField(h, m.Fields[at[len(at)-used[name]]].Raw)
		}
	}
	form.WriteSigning(h, signing.Raw)
	return h.Sum(nil)
}

// BodyHash is the SHA-256 of the body in a canonical form, at most limit octets of it unless that
// is negative. left is how much of it was not hashed.
func (m *Message) BodyHash(form Form, limit int64) (sum []byte, left int64) {
	known, ok := m.bodies[bodyPart{form, limit}]
	if !ok {
		w := &limited{h: sha256.New(), limit: limit}
		form.writeBody(w, m.Body)
		known = bodySum{w.h.Sum(nil), w.left}
		m.bodies[bodyPart{form, limit}] = known
	}
	return known.sum, known.left
}

// limited hashes so many octets and counts the others.
type limited struct {
	h           hash.Hash
	limit, left int64
}

func (w *limited) Write(b []byte) (int, error) {
	if w.limit < 0 {
		return w.h.Write(b)
	}
	n := min(w.limit, int64(len(b)))
	w.limit -= n
	w.left += int64(len(b)) - n
	w.h.Write(b[:n])
	return len(b), nil
}

// Form is a canonical form (RFC 6376, section 3.4).
type Form bool

// The forms.
const (
	Simple  Form = false
	Relaxed Form = true
)

// WriteField writes a header field with its CRLF.
func (form Form) WriteField(w io.Writer, raw []byte) {
	form.writeLast(w, raw)
	w.Write([]byte("\r\n"))
}

// WriteSigning writes the field that signs as what it signs itself: without the value of its tag b
// and without a CRLF (RFC 6376, section 3.7).
func (form Form) WriteSigning(w io.Writer, raw []byte) { form.writeLast(w, withoutSignature(raw)) }

func (form Form) writeLast(w io.Writer, raw []byte) {
	if form == Simple {
		w.Write(raw)
		return
	}
	name, value, _ := bytes.Cut(raw, []byte(":"))
	w.Write(bytes.ToLower(bytes.TrimRight(name, " \t")))
	w.Write([]byte(":"))
	unfolded := bytes.ReplaceAll(value, []byte("\r\n"), nil)
	w.Write(bytes.Trim(single(make([]byte, 0, len(unfolded)), unfolded), " "))
}

// single appends line to b, with one space for each run of spaces and tabs.
func single(b, line []byte) []byte {
	blank := false
	for _, c := range line {
		if c == ' ' || c == '\t' {
			blank = true
			continue
		}
		if blank {
			b, blank = append(b, ' '), false
		}
		b = append(b, c)
	}
	if blank {
		b = append(b, ' ')
	}
	return b
}

func (form Form) writeBody(w io.Writer, body []byte) {
	if form == Simple {
		for bytes.HasSuffix(body, []byte("\r\n")) {
			body = body[:len(body)-2]
		}
		w.Write(body)
		w.Write([]byte("\r\n"))
		return
	}
	empty := 0 // lines that may be the last ones
	var b []byte
	for len(body) > 0 {
		line, rest, _ := bytes.Cut(body, []byte("\r\n"))
		body = rest
		if b = bytes.TrimRight(single(b[:0], line), " "); len(b) == 0 {
			empty++
			continue
		}
		for ; empty > 0; empty-- {
			w.Write([]byte("\r\n"))
		}
		w.Write(append(b, "\r\n"...))
	}
}

// withoutSignature is a field that signs, without the value of its tag b (RFC 6376, section 3.5).
func withoutSignature(raw []byte) []byte {
	colon := bytes.IndexByte(raw, ':') + 1
	out := append(make([]byte, 0, len(raw)), raw[:colon]...)
	for i, tag := range bytes.Split(raw[colon:], []byte(";")) {
		if i > 0 {
			out = append(out, ';')
		}
		name, _, ok := bytes.Cut(tag, []byte("="))
		if ok && string(bytes.Trim(name, blank)) == "b" {
			tag = tag[:len(name)+1]
		}
		out = append(out, tag...)
	}
	return out
}

// blank is what folding white space is made of.
const blank = " \t\r\n"
