package arc

import "strings"

// Finding is one result in an ARC-Authentication-Results field, all in lower case.
type Finding struct {
	Method, Result string
	Properties     map[string]string // by ptype.property, as header.from
}

// maxFindings bounds what is read of one field.
const maxFindings = 32

// findings reads the results behind the authserv-id (RFC 8601, section 2.2). What cannot be read is
// left out.
func findings(value string) (all []Finding) {
	_, rest, _ := strings.Cut(plain(value), ";")
	for part := range strings.SplitSeq(rest, ";") {
		words := strings.Fields(strings.ToLower(part))
		if len(words) == 0 || len(all) == maxFindings {
			continue
		}
		method, result, ok := strings.Cut(words[0], "=")
		if !ok {
			continue
		}
		method, _, _ = strings.Cut(method, "/") // its version
		f := Finding{Method: method, Result: result, Properties: make(map[string]string)}
		for _, w := range words[1:] {
			if name, v, ok := strings.Cut(w, "="); ok && strings.Contains(name, ".") {
				f.Properties[name] = v
			}
		}
		all = append(all, f)
	}
	return all
}

// plain is a value without its comments and quoted strings, and without white space around equals
// signs.
func plain(value string) string {
	var b strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '\\' && (quoted || depth > 0):
			i++
		case quoted:
			quoted = c != '"'
		case c == '(':
			depth++
		case depth > 0:
			if c == ')' {
				depth--
			}
		case c == '"':
			quoted = true
			b.WriteByte('?') // it holds a place
		default:
			b.WriteByte(c)
		}
	}
	return aroundEquals.Replace(b.String())
}

var aroundEquals = strings.NewReplacer(" = ", "=", " =", "=", "= ", "=")
