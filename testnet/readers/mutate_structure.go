package readers

import (
	"slices"
	"strings"
)

// structures change which parts there are and what they are to each other.
func structures() []mutation {
	var list []mutation
	for _, subtype := range []string{"mixed", "alternative", "related", "digest", "parallel",
		"signed", "report", "appledouble", "x-unknown", "form-data"} {
		list = append(list, multipart("becomes-"+subtype, func(_ dice, m *entity) bool {
			_, rest, _ := strings.Cut(m.value("Content-Type"), ";")
			m.set("Content-Type", "multipart/"+subtype+";"+rest)
			return true
		}))
	}
	for _, kind := range []string{"text/plain", "text/html", "text/enriched", "text/richtext",
		"text/calendar; method=REQUEST",
		"text/x-vcard", "application/octet-stream", "application/pdf", "message/rfc822",
		"message/partial; id=x; number=1; total=2",
		"message/external-body; access-type=URL; URL=\"http://evil.example/\"",
		"message/delivery-status", "application/pkcs7-mime",
		"application/ms-tnef", "image/png", "multipart/mixed", "multipart/mixed; boundary=zz",
		"text", "TEXT/PLAIN", "text/", "/plain",
		"text plain", "text/plain/html", "application/x-msdownload", "message/global", "text/rtf", "image/svg+xml", "application/xhtml+xml"} {
		list = append(list, leaf("type-"+kind, func(_ dice, e *entity) bool {
			_, rest, ok := strings.Cut(e.value("Content-Type"), ";")
			if ok && !strings.Contains(kind, ";") {
				e.set("Content-Type", kind+";"+rest)
			} else {
				e.set("Content-Type", kind)
			}
			return true
		}))
	}
	return append(append(list, additions()...), rearrangements()...)
}

// additions are parts that were not there.
func additions() []mutation {
	var list []mutation
	add := func(name string, part func(d dice, m *entity) *entity) {
		list = append(list, multipart("add-"+name, func(d dice, m *entity) bool {
			at := d.IntN(len(m.parts) + 1)
			m.parts = slices.Insert(m.parts, at, part(d, m))
			return true
		}))
	}
	text := func(kind, body string, more ...string) func(dice, *entity) *entity {
		return func(dice, *entity) *entity {
			return &entity{fields: append([]string{"Content-Type: " + kind + crlf}, more...),
				body: body}
		}
	}
	add("blank-html", text("text/html; charset=utf-8", "<html></html>"))
	add("blank-text", text("text/plain", ""))
	add("evil-text", text("text/plain", evilText))
	add("evil-html", text("text/html", evilHTML))
	add("evil-attachment", text("application/pdf; name=evil.pdf", "evil",
		"Content-Disposition: attachment; filename=evil.pdf\r\n"))
	add("empty-attachment", text("application/octet-stream; name=empty.bin", "",
		"Content-Disposition: attachment\r\n"))
	add("no-header", func(dice, *entity) *entity { return &entity{body: evilText} })
	add("calendar", text("text/calendar; method=REQUEST",
		"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"))
	add("tracking-picture", text("image/gif", "GIF89a", "Content-ID: <x@evil.example>\r\n"))
	add("message", text("message/rfc822", "From: x@evil.example\r\nSubject: evil\r\n\r\n"+evilText))
	add("empty-multipart", func(d dice, _ *entity) *entity {
		b := d.token()
		return &entity{fields: []string{"Content-Type: multipart/mixed; boundary=\"" + b +
			"\"\r\n"}, body: "--" + b + "--\r\n"}
	})
	add("copy", func(d dice, m *entity) *entity { return one(d, m.parts).clone() })
	return list
}

// rearrangements are of the parts that there are.
func rearrangements() []mutation {
	return []mutation{
		multipart("swap", func(d dice, m *entity) bool {
			if len(m.parts) < 2 {
				return false
			}
			i := d.IntN(len(m.parts) - 1)
			m.parts[i], m.parts[i+1] = m.parts[i+1], m.parts[i]
			return true
		}),
		multipart("swap-bodies", func(d dice, m *entity) bool {
			if len(m.parts) < 2 {
				return false
			}
			i := d.IntN(len(m.parts) - 1)
			a, b := m.parts[i], m.parts[i+1]
			a.body, b.body = b.body, a.body
			return a.parts == nil && b.parts == nil
		}),
		multipart("remove", func(d dice, m *entity) bool {
			if len(m.parts) < 2 {
				return false
			}
			i := d.IntN(len(m.parts))
			m.parts = slices.Delete(m.parts, i, i+1)
			return true
		}),
		multipart("flatten", func(_ dice, m *entity) bool {
			for i, p := range m.parts {
				if p.parts != nil {
					m.parts = slices.Concat(m.parts[:i:i], p.parts, m.parts[i+1:])
					return true
				}
			}
			return false
		}),
		multipart("one-part-unwrapped", func(_ dice, m *entity) bool {
			p := m.parts[0]
			if p.parts != nil {
				return false
			}
			m.drop("Content-Type")
			m.fields = append(m.fields, p.fields...)
			m.body, m.parts = p.body, nil
			return true
		}),
		leaf("wrapped", func(d dice, e *entity) bool { return wrapEntity(d, e, "mixed", 1) }),
		leaf("wrapped-alternative", func(d dice, e *entity) bool {
			return wrapEntity(d, e, "alternative", 1)
		}),
		leaf("wrapped-deep", func(d dice, e *entity) bool { return wrapEntity(d, e, "mixed", 12) }),
		leaf("body-dropped", func(_ dice, e *entity) bool {
			e.body = ""
			return true
		}),
		tree("second-message-behind", func(_ dice, root *entity) bool {
			m := root.clone()
			m.parts, m.body = nil, evilText
			if root.parts != nil {
				root.epilogue += crlf + string(m.bytes())
			} else {
				root.body += crlf + string(m.bytes())
			}
			return true
		}),
		tree("footer", func(d dice, root *entity) bool {
			e := one(d, root.texts())
			if e == nil || e.value("Content-Transfer-Encoding") == "base64" {
				return false
			}
			e.body += "\r\n-- \r\n" + one(d, []string{"To leave write to grow-leave@orig.example.",
				"Account: DE99 9999 9999"}) + crlf
			return true
		}),
	}
}

// leaf is a mutation of a part that holds no parts.
func leaf(name string, change func(d dice, e *entity) bool) mutation {
	return tree(name, func(d dice, root *entity) bool { return change(d, one(d, root.leaves())) })
}

// wrapEntity makes a leaf the only part of multiparts around it.
func wrapEntity(d dice, e *entity, subtype string, depth int) bool {
	for range depth {
		inner := &entity{body: e.body, parts: e.parts, boundary: e.boundary, epilogue: e.epilogue}
		var kept []string
		for _, f := range e.fields {
			if strings.HasPrefix(strings.ToLower(f), "content-") {
				inner.fields = append(inner.fields, f)
			} else {
				kept = append(kept, f)
			}
		}
		boundary := d.token()
		e.fields = append(kept,
			"Content-Type: multipart/"+subtype+"; boundary=\""+boundary+"\"\r\n")
		e.body, e.parts, e.boundary, e.epilogue = "", []*entity{inner}, boundary, crlf
	}
	return true
}
