package readers

import (
	"strings"
)

// honest is what relays do to bodies: another packing of the same content.
func honest() []mutation {
	return []mutation{
		recoded("to-base64", "base64", anything),
		recoded("to-qp", "quoted-printable", anything),
		recoded("to-8bit", "8bit", carried),
		transcoded("utf8-8bit", "utf-8", "8bit"),
		transcoded("utf8-qp", "utf-8", "quoted-printable"),
		transcoded("utf8-base64", "utf-8", "base64"),
		tree("boundary-renamed", func(d dice, root *entity) bool {
			m := one(d, root.multiparts())
			if m == nil {
				return false
			}
			m.boundary = d.token()
			kind, rest, _ := strings.Cut(m.value("Content-Type"), ";")
			m.set("Content-Type", kind+"; boundary=\""+m.boundary+"\""+otherParameters(rest))
			return true
		}),
		tree("base64-width", func(d dice, root *entity) bool {
			e := one(d, root.leaves())
			if !strings.EqualFold(e.value("Content-Transfer-Encoding"), "base64") {
				return false
			}
			e.body = wrap(strings.ReplaceAll(e.body, crlf, ""), 4*(4+d.IntN(15)))
			return true
		}),
		tree("lines-at-end", func(d dice, root *entity) bool {
			if root.parts != nil {
				root.epilogue += strings.Repeat(crlf, 1+d.IntN(3))
				return true
			}
			root.body = strings.TrimRight(root.body, crlf) + strings.Repeat(crlf, 1+d.IntN(3))
			return true
		}),
		tree("text-white-at-line-end", func(d dice, root *entity) bool {
			e := one(d, root.texts())
			if e == nil || e.kind() != "text/plain" || untyped(root, e) || !strings.Contains(e.body,
				crlf) ||
				strings.Contains(e.value("Content-Type"), "flowed") {
				return false
			}
			if c := strings.ToLower(e.value("Content-Transfer-Encoding")); c == "base64" ||
				c == "quoted-printable" {
				return false
			}
			e.body = strings.Replace(e.body, crlf, "  "+crlf, 1)
			return true
		}),
		tree("part-fields-reordered", func(d dice, root *entity) bool {
			e := one(d, root.all())
			if e == root || len(e.fields) < 2 {
				return false
			}
			d.Shuffle(len(e.fields), func(i, j int) {
				e.fields[i], e.fields[j] = e.fields[j],
					e.fields[i]
			})
			return true
		}),
		tree("quotes", func(d dice, root *entity) bool {
			e := one(d, root.all())
			value := e.value("Content-Type")
			kind, rest, ok := strings.Cut(value, ";")
			if !ok || strings.Contains(value, "\"") || strings.Contains(value, "*") {
				return false
			}
			for p := range strings.SplitSeq(rest, ";") {
				name, v, _ := strings.Cut(strings.TrimSpace(p), "=")
				kind += "; " + name + "=\"" + v + "\""
			}
			e.set("Content-Type", kind)
			return true
		}),
	}
}

// anything fits.
func anything(string) bool { return true }

// carried tells whether a mail can carry s as it is.
func carried(s string) bool {
	for line := range strings.SplitSeq(s, crlf) {
		if len(line) > 900 || strings.ContainsAny(line, "\r\n\x00") || strings.HasPrefix(line,
			"--") {
			return false
		}
	}
	return true
}

// recoded is another transfer encoding of a content that fits.
func recoded(name, encoding string, fits func(content string) bool) mutation {
	return tree(name, func(d dice, root *entity) bool {
		e := one(d, root.leaves())
		old := e.value("Content-Transfer-Encoding")
		if untyped(root, e) || strings.HasPrefix(e.kind(), "message/") || strings.EqualFold(old,
			encoding) {
			return false
		}
		content, ok := e.decoded()
		if !ok || !fits(content) || encoding == "quoted-printable" && !strings.HasPrefix(e.kind(),
			"text/") {
			return false
		}
		e.encode(content, encoding)
		return true
	})
}

// transcoded is another charset of a text.
func transcoded(name, label, encoding string) mutation {
	return tree(name, func(d dice, root *entity) bool {
		e := one(d, root.texts())
		if e == nil || e.charset() == label || untyped(root, e) {
			return false
		}
		text, ok := e.text()
		if !ok || encoding == "8bit" && !carried(text) {
			return false
		}
		e.relabel(label)
		e.encode(text, encoding)
		return true
	})
}

// untyped tells a part without a type. It may be a message, in a digest, and munpack takes it for a
// file: no relay re-packs it.
func untyped(root, e *entity) bool { return e != root && e.value("Content-Type") == "" }
