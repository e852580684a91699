package readers

import (
	"bytes"
	"errors"
	"mime"
	"strings"
)

// entity is a message or part as the generator takes it apart. Written again it gives the same
// octets; what it cannot take apart in this way is left as a leaf.
type entity struct {
	fields   []string // each with its folds and its last CRLF
	body     string   // of a leaf
	boundary string   // of the lines between the parts, whatever the fields say
	preamble string   // with its last CRLF
	parts    []*entity
	epilogue string // what follows the closing line, with that line's CRLF
	whole    bool   // the body has the fields in it
}

// errNotWellFormed is the reason why a mail is no use as a base.
var errNotWellFormed = errors.New("the mail cannot be taken apart and written again as it was")

// parseMail takes apart a mail. It wants CRLF and a well-formed header.
func parseMail(raw []byte) (*entity, error) {
	e := parseEntity(string(raw), 0)
	if e == nil || !bytes.Equal(e.bytes(), raw) {
		return nil, errNotWellFormed
	}
	return e, nil
}

const crlf = "\r\n"

func parseEntity(s string, depth int) *entity {
	e := &entity{}
	for {
		line, rest, ok := strings.Cut(s, crlf)
		if !ok {
			return nil
		}
		s = rest
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if len(e.fields) == 0 {
				return nil
			}
			e.fields[len(e.fields)-1] += line + crlf
			continue
		}
		e.fields = append(e.fields, line+crlf)
	}
	kind, parameters, err := mime.ParseMediaType(e.value("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") || parameters["boundary"] == "" ||
		depth > 8 {
		e.body = s
		return e
	}
	if !e.split(s, parameters["boundary"], depth) {
		e.body, e.parts = s, nil
	}
	return e
}

// split takes apart the body of a multipart.
func (e *entity) split(s, boundary string, depth int) bool {
	e.boundary = boundary
	line := "--" + boundary
	before, rest, ok := strings.Cut(crlf+s, crlf+line+crlf)
	if !ok {
		return false
	}
	if before != "" {
		e.preamble = before[len(crlf):] + crlf
	}
	content, epilogue, ok := strings.Cut(rest, crlf+line+"--")
	if !ok {
		return false
	}
	e.epilogue = epilogue
	for part := range strings.SplitSeq(content, crlf+line+crlf) {
		child := parseEntity(part+crlf, depth+1)
		if child == nil {
			return false
		}
		child.trim()
		e.parts = append(e.parts, child)
	}
	return true
}

// trim takes away the CRLF that belongs to the boundary line behind a part.
func (e *entity) trim() {
	if e.parts != nil {
		e.epilogue = strings.TrimSuffix(e.epilogue, crlf)
		return
	}
	e.body = strings.TrimSuffix(e.body, crlf)
}

func (e *entity) bytes() []byte {
	var b bytes.Buffer
	e.write(&b)
	return b.Bytes()
}

func (e *entity) write(b *bytes.Buffer) {
	if e.whole {
		b.WriteString(e.body)
		return
	}
	for _, f := range e.fields {
		b.WriteString(f)
	}
	b.WriteString(crlf)
	if e.parts == nil {
		b.WriteString(e.body)
		return
	}
	b.WriteString(e.preamble)
	for i, p := range e.parts {
		if i > 0 {
			b.WriteString(crlf)
		}
		b.WriteString("--" + e.boundary + crlf)
		p.write(b)
	}
	b.WriteString(crlf + "--" + e.boundary + "--" + e.epilogue)
}

// value is the unfolded value of the first field of that name.
func (e *entity) value(name string) string {
	i := e.index(name)
	if i < 0 {
		return ""
	}
	_, v, _ := strings.Cut(e.fields[i], ":")
	return strings.TrimSpace(strings.ReplaceAll(v, crlf, ""))
}

func (e *entity) index(name string) int {
	for i, f := range e.fields {
		if n, _, ok := strings.Cut(f, ":"); ok && strings.EqualFold(strings.TrimSpace(n), name) {
			return i
		}
	}
	return -1
}

// set replaces the first field of that name, or adds it at the end.
func (e *entity) set(name, value string) {
	field := name + ": " + value + crlf
	if i := e.index(name); i >= 0 {
		e.fields[i] = field
		return
	}
	e.fields = append(e.fields, field)
}

// drop removes all fields of that name.
func (e *entity) drop(name string) bool {
	dropped := false
	for i := e.index(name); i >= 0; i = e.index(name) {
		e.fields = append(e.fields[:i], e.fields[i+1:]...)
		dropped = true
	}
	return dropped
}

// kind is the media type, by default text/plain.
func (e *entity) kind() string {
	kind, _, _ := strings.Cut(e.value("Content-Type"), ";")
	if kind = strings.ToLower(strings.TrimSpace(kind)); kind == "" {
		return "text/plain"
	}
	return kind
}

// all are the entity and those inside, in order.
func (e *entity) all() []*entity {
	list := []*entity{e}
	for _, p := range e.parts {
		list = append(list, p.all()...)
	}
	return list
}

func (e *entity) leaves() []*entity {
	var list []*entity
	for _, p := range e.all() {
		if p.parts == nil {
			list = append(list, p)
		}
	}
	return list
}

func (e *entity) texts() []*entity {
	var list []*entity
	for _, p := range e.leaves() {
		if k := p.kind(); k == "text/plain" || k == "text/html" {
			list = append(list, p)
		}
	}
	return list
}

func (e *entity) multiparts() []*entity {
	var list []*entity
	for _, p := range e.all() {
		if p.parts != nil {
			list = append(list, p)
		}
	}
	return list
}

// clone is a copy that shares nothing.
func (e *entity) clone() *entity {
	c := *e
	c.fields = append([]string(nil), e.fields...)
	if e.parts != nil {
		c.parts = make([]*entity, len(e.parts))
		for i, p := range e.parts {
			c.parts[i] = p.clone()
		}
	}
	return &c
}
