package readers

import (
	"mime"
	"strings"
)

// honest is what relays do to bodies: another packing of the same content.
func honest() []mutation {
	recode := func(name, encoding string, fits func(content string) bool) mutation {
		return tree(name, func(d dice, root *entity) bool {
			e := one(d, root.leaves())
			old := e.value("Content-Transfer-Encoding")
			if untyped(root, e) || strings.HasPrefix(e.kind(), "message/") || strings.EqualFold(old, encoding) {
				return false
			}
			content, ok := e.decoded()
			if !ok || !fits(content) || encoding == "quoted-printable" && !strings.HasPrefix(e.kind(), "text/") {
				return false
			}
			e.encode(content, encoding)
			return true
		})
	}
	any := func(string) bool { return true }
	lines := func(s string) bool { // that a mail can carry as they are
		for line := range strings.SplitSeq(s, crlf) {
			if len(line) > 900 || strings.ContainsAny(line, "\r\n\x00") || strings.HasPrefix(line, "--") {
				return false
			}
		}
		return true
	}
	transcode := func(name, label, encoding string) mutation {
		return tree(name, func(d dice, root *entity) bool {
			e := one(d, root.texts())
			if e == nil || e.charset() == label || untyped(root, e) {
				return false
			}
			text, ok := e.text()
			if !ok || encoding == "8bit" && !lines(text) {
				return false
			}
			e.relabel(label)
			e.encode(text, encoding)
			return true
		})
	}
	return []mutation{
		recode("to-base64", "base64", any),
		recode("to-qp", "quoted-printable", any),
		recode("to-8bit", "8bit", lines),
		transcode("utf8-8bit", "utf-8", "8bit"),
		transcode("utf8-qp", "utf-8", "quoted-printable"),
		transcode("utf8-base64", "utf-8", "base64"),
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
			if e == nil || e.kind() != "text/plain" || untyped(root, e) || !strings.Contains(e.body, crlf) ||
				strings.Contains(e.value("Content-Type"), "flowed") {
				return false
			}
			if c := strings.ToLower(e.value("Content-Transfer-Encoding")); c == "base64" || c == "quoted-printable" {
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
			d.Shuffle(len(e.fields), func(i, j int) { e.fields[i], e.fields[j] = e.fields[j], e.fields[i] })
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

// untyped tells a part without a type. It may be a message, in a digest, and munpack takes it for a
// file: no relay re-packs it.
func untyped(root, e *entity) bool { return e != root && e.value("Content-Type") == "" }

// honestFields is what relays do to headers.
func honestFields() []mutation {
	fold := func(name, fold string) mutation {
		return tree(name, func(d dice, root *entity) bool {
			i := d.IntN(len(root.fields))
			head, value, _ := strings.Cut(strings.TrimSuffix(root.fields[i], crlf), ": ")
			at := strings.Index(value, " ")
			if at <= 0 || strings.Contains(value[:at], crlf) {
				return false
			}
			root.fields[i] = head + ": " + value[:at] + fold + value[at+1:] + crlf
			return true
		})
	}
	return []mutation{
		fold("fold", "\r\n "), fold("fold-tab", "\r\n\t"),
		tree("unfold", func(d dice, root *entity) bool {
			for i, f := range root.fields {
				if strings.Contains(strings.TrimSuffix(f, crlf), crlf) {
					root.fields[i] = strings.ReplaceAll(strings.TrimSuffix(f, crlf), crlf, "") + crlf
					return true
				}
			}
			return false
		}),
		tree("received", func(d dice, root *entity) bool {
			root.fields = append([]string{"Received: from a.example by b.example; Sun, 10 Mar 2024 10:45:00 +0000\r\n"}, root.fields...)
			return true
		}),
		tree("return-path", func(d dice, root *entity) bool {
			root.fields = append([]string{"Return-Path: <ana@orig.example>\r\n"}, root.fields...)
			return true
		}),
		tree("authentication-results", func(d dice, root *entity) bool {
			root.fields = append([]string{"Authentication-Results: b.example; spf=pass\r\n"}, root.fields...)
			return true
		}),
		tree("name-case", func(d dice, root *entity) bool {
			i := d.IntN(len(root.fields))
			name, rest, _ := strings.Cut(root.fields[i], ":")
			root.fields[i] = one(d, []func(string) string{strings.ToUpper, strings.ToLower})(name) + ":" + rest
			return true
		}),
		tree("reordered", func(d dice, root *entity) bool {
			d.Shuffle(len(root.fields), func(i, j int) { root.fields[i], root.fields[j] = root.fields[j], root.fields[i] })
			return true
		}),
		tree("domain-case", func(d dice, root *entity) bool {
			i := root.index(one(d, []string{"From", "To", "Cc"}))
			if i < 0 {
				return false
			}
			root.fields[i] = strings.ReplaceAll(root.fields[i], ".example", ".EXAMPLE")
			return true
		}),
		replaceField("subject-reencoded", "Subject", func(d dice, value string) string { return reencode(d, value) }),
		replaceField("from-reencoded", "From", func(d dice, value string) string { return reencode(d, value) }),
		tree("date-spelling", func(d dice, root *entity) bool {
			i := root.index("Date")
			if i < 0 {
				return false
			}
			root.fields[i] = strings.NewReplacer("Sun, ", "", "+0000", "-0000").Replace(root.fields[i])
			return true
		}),
		tree("date-other-zone", func(d dice, root *entity) bool {
			i := root.index("Date")
			if i < 0 {
				return false
			}
			root.fields[i] = strings.Replace(root.fields[i], "10:44:31 +0000", "11:44:31 +0100", 1)
			return true
		}),
		tree("trailing-white", func(d dice, root *entity) bool {
			i := d.IntN(len(root.fields))
			if i == root.index("Content-Transfer-Encoding") { // Python knows no "base64 "
				return false
			}
			root.fields[i] = strings.TrimSuffix(root.fields[i], crlf) + " " + crlf
			return true
		}),
	}
}

// reencode writes encoded words in the other encoding, as UTF-8.
func reencode(d dice, value string) string {
	begin, end := strings.Index(value, "=?"), strings.Index(value, "?=")
	if begin < 0 || end < begin {
		return ""
	}
	decoded := clientWords(value[begin : end+2])
	encoder := mime.QEncoding
	if strings.Contains(strings.ToLower(value), "?q?") {
		encoder = mime.BEncoding
	}
	return value[:begin] + encoder.Encode("utf-8", decoded) + value[end+2:]
}
