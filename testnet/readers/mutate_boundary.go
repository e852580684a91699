package readers

import (
	"strings"
)

// tooLong makes of a token a boundary longer than RFC 2046, section 5.1.1, allows, so that some
// programs compare only its begin.
var tooLong = strings.Repeat("x", 88)

// spelling is a way to write a boundary that programs read as different boundaries. %g stands for
// a fresh token.
type spelling struct {
	name      string
	parameter string   // what stands behind the media type
	readings  []string // what programs may take for the boundary
}

// spellings are from "Inbox Invasion" (CCS 2024), draft-chen-email-mime-ambiguity-defense, and our
// own reading of parsers.
var spellings = []spelling{
	{"plain", `; boundary=%g`, []string{"%g"}},
	{"quoted", `; boundary="%g"`, []string{"%g"}},
	{"trailing-semicolon", `; boundary=%g;`, []string{"%g", "%g;"}},
	{"unquoted-space", `; boundary=%g x`, []string{"%g", "%g x"}},
	{"quoted-space", `; boundary="%g x"`, []string{"%g x", "%g"}},
	{"quoted-pair", `; boundary="%g\1"`, []string{"%g1", `%g\1`, "%g"}},
	{"quoted-quote", `; boundary="%g\"x"`, []string{`%g"x`, `%g\"x`, `%g\`, "%g"}},
	{"lone-quote-end", `; boundary=%g"`, []string{"%g", `%g"`}},
	{"lone-quote-begin", `; boundary="%g`, []string{"%g", `"%g`}},
	{"quote-inside", `; boundary=%g"x"`, []string{"%g", `%g"x"`, "%gx"}},
	{"text-behind-quotes", `; boundary="%g"x`, []string{"%g", "%gx", `"%g"x`}},
	{"single-quotes", `; boundary='%g'`, []string{"%g", "'%g'"}},
	{"comment-behind", `; boundary=%g (x)`, []string{"%g", "%g (x)"}},
	{"comment-stuck", `; boundary=%g(x)`, []string{"%g", "%g(x)"}},
	{"comment-before", `; boundary=(x)%g`, []string{"%g", "(x)%g"}},
	{"comment-name", `; (boundary=%gc) boundary=%g`, []string{"%g", "%gc", "%gc)"}},
	{"comment-before-name", `; (x) boundary=%g`, []string{"%g"}},
	{"comment-quoted", `; boundary="(x)%g"`, []string{"(x)%g", "%g"}},
	{"comment-nested", `; boundary=%g (a(b)c)`, []string{"%g", "%g (a(b)c)"}},
	{"star", `; boundary*=us-ascii''%g`, []string{"%g", "us-ascii''%g"}},
	{"star-and-plain", `; boundary*=us-ascii''%gs; boundary=%g`, []string{"%g", "%gs"}},
	{"plain-and-star", `; boundary=%g; boundary*=us-ascii''%gs`, []string{"%g", "%gs"}},
	{"continued", `; boundary*0=%g; boundary*1=x`, []string{"%gx", "%g"}},
	{"continued-and-plain", `; boundary*0=%gs; boundary*1=x; boundary=%g`, []string{
		"%g", "%gsx", "%gs",
	}},
	{"continued-disordered", `; boundary*1=x; boundary*0=%g`, []string{"%gx", "x%g", "%g"}},
	{"continued-star", `; boundary*0*=us-ascii''%g; boundary*1*=%78`, []string{
		"%gx", "%g%78", "%g",
	}},
	{"percent", `; boundary=%g%31`, []string{"%g%31", "%g1"}},
	{"doubled", `; boundary=%g; boundary=%gs`, []string{"%g", "%gs"}},
	{"doubled-case", `; boundary=%g; BOUNDARY=%gs`, []string{"%g", "%gs"}},
	{"doubled-quoted", `; boundary="%g"; boundary="%gs"`, []string{"%g", "%gs"}},
	{"upper-name", `; BOUNDARY=%g`, []string{"%g"}},
	{"trailing-space-quoted", `; boundary="%g "`, []string{"%g ", "%g"}},
	{"leading-space-quoted", `; boundary=" %g"`, []string{" %g", "%g"}},
	{"spaces-at-equals", `; boundary = %g`, []string{"%g", ""}},
	{"tab-inside", "; boundary=%g\tx", []string{"%g", "%g\tx"}},
	{"tab-quoted", "; boundary=\"%g\tx\"", []string{"%g\tx", "%g x", "%g"}},
	{"nul", "; boundary=\"%g\x00x\"", []string{"%g", "%g\x00x", "%gx"}},
	{"nul-unquoted", "; boundary=%g\x00x", []string{"%g", "%g\x00x", "%gx"}},
	{"bare-cr", "; boundary=\"%g\rx\"", []string{"%g", "%g\rx", "%gx"}},
	{"control", "; boundary=\"%g\x01x\"", []string{"%g\x01x", "%g", "%gx"}},
	{"vertical-tab", "; boundary=%g\vx", []string{"%g", "%g\vx"}},
	{"8bit", "; boundary=%g\xe9x", []string{"%g\xe9x", "%g", "%gx"}},
	{"utf8", "; boundary=\"%g\u00e9\"", []string{"%g\u00e9", "%g"}},
	{"semicolon-quoted", `; boundary="%g;x"`, []string{"%g;x", "%g", `"%g`}},
	{"parameter-quoted", `; x="; boundary=%gq; "; boundary=%g`, []string{"%g", "%gq"}},
	{"comma", `; boundary=%g,x`, []string{"%g", "%g,x"}},
	{"slash", `; boundary=%g/x`, []string{"%g/x", "%g"}},
	{"equals", `; boundary=%g=x`, []string{"%g=x", "%g"}},
	{"colon", `; boundary=%g:x`, []string{"%g:x", "%g"}},
	{"at", `; boundary=%g@x`, []string{"%g@x", "%g"}},
	{"brackets", `; boundary=<%g>`, []string{"<%g>", "%g"}},
	{"no-semicolon", ` boundary=%g`, []string{"%g", ""}},
	{"no-semicolon-next", `; boundary=%g charset=utf-8`, []string{"%g", "%g charset=utf-8"}},
	{"two-semicolons", `;; boundary=%g`, []string{"%g", ""}},
	{"encoded-word", `; boundary="=?us-ascii?Q?%g?="`, []string{"=?us-ascii?Q?%g?=", "%g"}},
	{"folded-inside", "; boundary=\"%g\r\n x\"", []string{"%g x", "%g", "%gx"}},
	{"folded-value", "; boundary=\r\n %g", []string{"%g", ""}},
	{"folded-name", "; boun\r\n dary=%g", []string{"%g", ""}},
	{"folded-white", "; boundary=%g;\r\n \r\n x=y", []string{"%g", "%g;"}},
	{"empty", `; boundary=""`, []string{"", "%g"}},
	{"missing", ``, []string{"%g", ""}},
	{"long",
		"; boundary=%g" + tooLong,
		[]string{"%g" + tooLong, "%g" + tooLong[:59]}},
	{"prefix", `; boundary=%g`, []string{"%g", "%gx"}},
	{"suffix-space-line", `; boundary=%g`, []string{"%g", "%g "}},
	{"upper-line", `; boundary=%g`, []string{"%g", "%G"}},
	{"dashes", `; boundary=--%g`, []string{"--%g", "%g"}},
	{"closing-like", `; boundary=%g--`, []string{"%g--", "%g"}},
}

// boundarySpellings exchange the boundary of a multipart: alone, or with the attacker's parts where
// other programs find parts.
func boundarySpellings() []mutation {
	var list []mutation
	for _, s := range spellings {
		list = append(list, tree(s.name, s.alone))
		if len(s.readings) > 1 {
			list = append(list, tree(s.name+"+evil", s.withEvil))
		}
	}
	for _, first := range []bool{true, false} {
		name := "fields-doubled-last"
		if first {
			name = "fields-doubled-first"
		}
		list = append(list, tree(name, func(d dice, root *entity) bool {
			m := one(d, root.multiparts())
			if m == nil {
				return false
			}
			bad := d.token()
			i := m.index("Content-Type")
			field := "Content-Type: " + m.kind() + "; boundary=\"" + bad + "\"\r\n"
			if first {
				m.fields = append(m.fields[:i], append([]string{field}, m.fields[i:]...)...)
			} else {
				m.fields = append(m.fields, field)
			}
			m.addEvil(d, bad)
			return true
		}))
	}
	return list
}

// fill writes tokens into a pattern.
func fill(pattern, token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(pattern, "%g", token), "%G",
		strings.ToUpper(token))
}

func (s spelling) alone(d dice, root *entity) bool { return s.use(d, root, false) }

func (s spelling) withEvil(d dice, root *entity) bool { return s.use(d, root, true) }

func (s spelling) use(d dice, root *entity, withEvil bool) bool {
	m := one(d, root.multiparts())
	if m == nil {
		return false
	}
	token := "b" + strings.TrimPrefix(d.token(), "=_")
	kind, rest, _ := strings.Cut(m.value("Content-Type"), ";")
	m.set("Content-Type", strings.TrimSpace(kind)+fill(s.parameter, token)+otherParameters(rest))
	genuine := d.IntN(len(s.readings))
	m.boundary = fill(s.readings[genuine], token)
	if !withEvil {
		return true
	}
	other := (genuine + 1 + d.IntN(len(s.readings)-1)) % len(s.readings)
	m.addEvil(d, fill(s.readings[other], token))
	return true
}

// otherParameters are the parameters but for the boundary.
func otherParameters(s string) string {
	var b strings.Builder
	for p := range strings.SplitSeq(s, ";") {
		if name, _, ok := strings.Cut(p, "="); ok && !strings.EqualFold(strings.TrimSpace(name),
			"boundary") {
			b.WriteString(";" + p)
		}
	}
	return b.String()
}

// addEvil puts the attacker's parts under another boundary into a multipart: before, behind, or
// inside one of the genuine parts.
func (e *entity) addEvil(d dice, boundary string) {
	text := between(boundary, evil(e.parts))
	switch d.IntN(3) {
	case 0:
		e.preamble += text
	case 1:
		e.epilogue += text
	default:
		p := e.parts[len(e.parts)-1]
		if p.parts != nil {
			p.epilogue += crlf + text
		} else {
			p.body += crlf + text
		}
	}
}
