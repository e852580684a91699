package authres

import (
	"strings"

	"cairn/smtpgw/screen"
)

// Limits of a field. What a method has to say beyond them is cut; a stranger
// must not make headers grow with what he has others look into.
const (
	maxResults = 24
	maxReason  = 160 // octets
	maxValue   = 320 // octets of what a result is about: an address, or a domain

	// lineAim is how many octets a line should have at most (RFC 5322, section
	// 2.1.1). A word of the longest value alone in its line is far below the
	// 998 that it must not exceed.
	lineAim = 78
)

// Field returns a whole header field, CRLF included, that reports all of the
// evidence under authservID (RFC 8601, section 2.2), in its order. A result
// whose method or value is no keyword of that grammar is left out; what
// contains other characters than printable ASCII has question marks there.
func Field(authservID string, evidence screen.Evidence) []byte {
	f := folder{}
	f.word("Authentication-Results: " + keyOrQuoted(authservID))
	written := 0
	for _, r := range evidence {
		if !keyword(r.Method) || !keyword(r.Result) || written == maxResults {
			continue
		}
		f.end(";")
		f.line("\t" + r.Method + "=" + r.Result)
		if reason := plain(r.Reason, maxReason); reason != "" {
			f.quoted("reason=", reason)
		}
		ptype, property, ok := strings.Cut(r.Property, ".")
		if about := plain(r.About, maxValue); ok && about != "" && keyword(ptype) && keyword(property) {
			f.word(r.Property + "=" + value(about))
		}
		written++
	}
	if written == 0 {
		f.end("; none")
	}
	return append(f.b, "\r\n"...)
}

// folder writes words, and breaks the line before one that would make it too
// long.
type folder struct {
	b    []byte
	used int // octets of the last line
}

// line begins a line with s.
func (f *folder) line(s string) {
	f.b = append(append(f.b, "\r\n"...), s...)
	f.used = len(s)
}

// word puts s behind a space, or on a line of its own.
func (f *folder) word(s string) {
	switch {
	case len(f.b) == 0:
		f.b, f.used = append(f.b, s...), len(s)
	case f.used+1+len(s)+1 > lineAim: // a semicolon may follow
		f.line("\t" + s)
	default:
		f.b = append(append(f.b, ' '), s...)
		f.used += 1 + len(s)
	}
}

// end puts s right behind what was written.
func (f *folder) end(s string) {
	f.b = append(f.b, s...)
	f.used += len(s)
}

// quoted writes name and a quoted string, folded at the spaces in it: folding
// white space is part of a quoted string, and unfolded it is what it was (RFC
// 5322, section 3.2.4).
func (f *folder) quoted(name, text string) {
	words := strings.Split(quote(text), " ")
	f.word(name + words[0])
	for _, w := range words[1:] {
		if f.used+1+len(w)+1 > lineAim {
			f.line(" " + w)
			continue
		}
		f.b = append(append(f.b, ' '), w...)
		f.used += 1 + len(w)
	}
}

// keyword reports whether s is a Keyword of RFC 5321, section 4.1.2, which
// methods, their results, ptypes and properties are.
func keyword(s string) bool {
	if s == "" || len(s) > 64 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	})
}

// plain makes s printable ASCII with single spaces, of at most so many octets.
func plain(s string, most int) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case r == '\r' || r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f:
			return '?'
		}
		return r
	}, s)), " ")
	return strings.TrimRight(s[:min(len(s), most)], " ")
}

// value writes a pvalue (RFC 8601, section 2.2): as it is where it is a token
// or an address of plain parts, else quoted.
func value(s string) string {
	local, domain, address := strings.Cut(s, "@")
	if token(local) && (!address || token(domain)) {
		return s
	}
	return quote(s)
}

func keyOrQuoted(s string) string {
	if s = plain(s, maxValue); token(s) {
		return s
	}
	return quote(s)
}

// token reports whether s is one of RFC 2045, section 5.1.
func token(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("()<>@,;:\\\"/[]?=", r)
	})
}

// quote makes a quoted string.
func quote(s string) string {
	return `"` + escaped.Replace(s) + `"`
}

var escaped = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// Bears reports whether the value of an Authentication-Results field, folded
// or not, claims to come from authservID. Comments and quoting do not hide it.
func Bears(value, authservID string) bool {
	return strings.EqualFold(strings.TrimSuffix(identity(value), "."), authservID)
}

// identity returns the authserv-id of a field value (RFC 8601, section 2.2):
// the first token or quoted string that is not in a comment.
func identity(value string) string {
	var id strings.Builder
	depth := 0 // of comments
	quoted := false
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '\\' && (quoted || depth > 0) && i+1 < len(value):
			i++
			if quoted {
				id.WriteByte(value[i])
			}
		case quoted:
			if c == '"' {
				return id.String()
			}
			id.WriteByte(c)
		case c == '(':
			if depth == 0 && id.Len() > 0 {
				return id.String()
			}
			depth++
		case depth > 0:
			if c == ')' {
				depth--
			}
		case c == '"' && id.Len() == 0:
			quoted = true
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';':
			if id.Len() > 0 || c == ';' {
				return id.String()
			}
		default:
			id.WriteByte(c)
		}
	}
	return id.String()
}
