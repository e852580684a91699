package grammar

import (
	"slices"
	"strconv"
	"strings"
)

// Param is one parameter of a media type or disposition.
type Param struct {
	Name  string // in lower case
	Value string // without its quotes

	written string // the name as it stands
}

// Media is a Content-Type or Content-Disposition value.
type Media struct {
	Kind   string  // type/subtype or disposition, in lower case
	Params []Param // but file names, ascending by name
	File   string  // the parameter name (of a type) or filename (of a disposition), decoded
	// Named says that there is a file name, OddFile that it is written in a way in which programs
	// differ: File then holds its parameters as they stand there.
	Named, OddFile bool
	Tail           bool // a semicolon stands behind all parameters: some programs read on behind it
}

// Get returns the value of a parameter, empty if it is not there.
func (m *Media) Get(name string) string {
	for _, p := range m.Params {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// MediaType reads a Content-Type (RFC 2045, section 5.1): `type/subtype`, then parameters whose
// values are tokens or quoted strings of printable ASCII, not empty, without backslash, semicolon,
// tab or encoded word. Only file names may be cut or encoded by RFC 2231.
func MediaType(value string) (Media, bool) {
	m, ok := media(value, "name")
	major, minor, found := strings.Cut(m.Kind, "/")
	return m, ok && found && isToken(major) && isToken(minor)
}

// Disposition reads a Content-Disposition (RFC 2183) in the same way.
func Disposition(value string) (Media, bool) {
	m, ok := media(value, "filename")
	return m, ok && isToken(m.Kind)
}

const maxParams = 256 // of one value

func media(value, fileParam string) (m Media, ok bool) {
	kind, rest, more := strings.Cut(value, ";")
	m.Kind = strings.ToLower(strings.TrimRight(kind, " "))
	var file []Param
	for more {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" {
			m.Tail = true
			break
		}
		var p Param
		if p, rest, more, ok = param(rest); !ok || len(m.Params)+len(file) == maxParams {
			return m, false
		}
		if base, _, _ := strings.Cut(p.Name, "*"); base == fileParam {
			file = append(file, p)
			continue
		}
		if p.Value == "" || !isPrintable(p.Value) || strings.Contains(p.Value, "=?") || strings.IndexByte(p.Name, '*') >= 0 {
			return m, false
		}
		m.Params = append(m.Params, p)
	}
	slices.SortFunc(m.Params, func(a, b Param) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(m.Params); i++ {
		if m.Params[i].Name == m.Params[i-1].Name {
			return m, false
		}
	}
	if m.Named = len(file) > 0; m.Named {
		var plain bool
		if m.File, plain = fileName(file, fileParam); !plain || mixedCase(file) {
			m.File, m.OddFile = asWritten(file), true
		}
	}
	return m, true
}

// param reads one parameter at the start of s; more says that a semicolon follows it.
func param(s string) (p Param, rest string, more, ok bool) {
	name, value, found := strings.Cut(s, "=")
	if !found || !isToken(name) {
		return p, "", false, false
	}
	p.Name, p.written = strings.ToLower(name), name
	if quoted, isQuoted := strings.CutPrefix(value, `"`); isQuoted {
		end := strings.IndexByte(quoted, '"')
		if end < 0 || strings.ContainsAny(quoted[:end], "\\;\t\r\x00") {
			return p, "", false, false
		}
		p.Value, rest = quoted[:end], strings.TrimLeft(quoted[end+1:], " \t")
	} else {
		end := strings.IndexAny(value, "; \t")
		if end < 0 {
			end = len(value)
		}
		if p.Value, rest = value[:end], strings.TrimLeft(value[end:], " \t"); !isToken(p.Value) {
			return p, "", false, false
		}
	}
	if rest == "" {
		return p, "", false, true
	}
	rest, more = strings.CutPrefix(rest, ";")
	return p, rest, more, more
}

// fileName joins and decodes the parameters that make up a file name: one plain value, or one
// extended value, or pieces numbered from 0 (RFC 2231, sections 3 and 4), and never two of these.
func fileName(params []Param, base string) (string, bool) {
	if len(params) == 1 && params[0].Name == base {
		v := params[0].Value
		return v, isPrintable(v) && !strings.Contains(v, "=?") && !strings.Contains(v, "''")
	}
	if len(params) == 1 && params[0].Name == base+"*" {
		return extended(params[0].Value)
	}
	var charset string
	var octets strings.Builder
	for i, p := range params {
		number := strings.TrimPrefix(p.Name, base+"*")
		plain := strconv.Itoa(i)
		switch {
		case number == plain && isPrintable(p.Value) && strings.IndexByte(p.Value, '%') < 0:
			octets.WriteString(p.Value)
		case number == plain+"*" && i == 0:
			var first string
			var found, ok bool
			charset, first, _ = strings.Cut(p.Value, "'")
			if _, first, found = strings.Cut(first, "'"); charset == "" || !found {
				return "", false
			}
			if first, ok = unpercent(first); !ok {
				return "", false
			}
			octets.WriteString(first)
		case number == plain+"*" && charset != "":
			text, ok := unpercent(p.Value)
			if !ok {
				return "", false
			}
			octets.WriteString(text)
		default:
			return "", false
		}
	}
	return decodedName(charset, octets.String())
}

// extended decodes charset'language'percent-encoded.
func extended(value string) (string, bool) {
	parts := strings.Split(value, "'")
	if len(parts) != 3 || parts[0] == "" {
		return "", false
	}
	octets, ok := unpercent(parts[2])
	if !ok {
		return "", false
	}
	return decodedName(parts[0], octets)
}

func decodedName(charset, octets string) (string, bool) {
	if charset == "" {
		return octets, isPrintable(octets) && !strings.Contains(octets, "=?")
	}
	text, label, ok := Text(charset, []byte(octets))
	if !ok || label == labelOther || !agreed(label, []byte(octets)) || hasControl(string(text)) {
		return "", false
	}
	name := string(Normal(text))
	return name, !strings.Contains(name, "=?") && strings.IndexByte(name, '%') < 0 // decoded twice by some
}

func unpercent(s string) (string, bool) {
	if !strings.Contains(s, "%") {
		return s, isPrintable(s)
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			if s[i] <= ' ' || s[i] > '~' {
				return "", false
			}
			out = append(out, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		b, ok := unhex(s[i+1], s[i+2])
		if !ok {
			return "", false
		}
		out = append(out, b)
		i += 2
	}
	return string(out), true
}

// mixedCase reports whether pieces of a file name are named in different letters, capital or small:
// not all programs join them.
func mixedCase(params []Param) bool {
	base := func(p Param) string { name, _, _ := strings.Cut(p.written, "*"); return name }
	return slices.ContainsFunc(params[1:], func(p Param) bool { return base(p) != base(params[0]) })
}

func asWritten(params []Param) string {
	var list []string
	for _, p := range params {
		list = append(list, p.written+"="+p.Value)
	}
	return strings.Join(list, "; ")
}

// isToken reports whether s is a token of RFC 2045, section 5.1.
func isToken(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return false
		}
	}
	return true
}
