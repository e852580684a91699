package readers

import (
	"slices"
	"strings"
)

// structures change which parts there are and what they are to each other.
func structures() []mutation {
	multi := func(name string, change func(d dice, m *entity) bool) mutation {
		return tree(name, func(d dice, root *entity) bool {
			m := one(d, root.multiparts())
			return m != nil && change(d, m)
		})
	}
	leaf := func(name string, change func(d dice, e *entity) bool) mutation {
		return tree(name, func(d dice, root *entity) bool { return change(d, one(d, root.leaves())) })
	}
	var list []mutation
	for _, subtype := range []string{"mixed", "alternative", "related", "digest", "parallel", "signed", "report", "appledouble", "x-unknown", "form-data"} {
		list = append(list, multi("becomes-"+subtype, func(_ dice, m *entity) bool {
			_, rest, _ := strings.Cut(m.value("Content-Type"), ";")
			m.set("Content-Type", "multipart/"+subtype+";"+rest)
			return true
		}))
	}
	for _, kind := range []string{"text/plain", "text/html", "text/enriched", "text/richtext", "text/calendar; method=REQUEST",
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
	add := func(name string, part func(d dice, m *entity) *entity) {
		list = append(list, multi("add-"+name, func(d dice, m *entity) bool {
			at := d.IntN(len(m.parts) + 1)
			m.parts = slices.Insert(m.parts, at, part(d, m))
			return true
		}))
	}
	text := func(kind, body string, more ...string) func(dice, *entity) *entity {
		return func(dice, *entity) *entity {
			return &entity{fields: append([]string{"Content-Type: " + kind + crlf}, more...), body: body}
		}
	}
	add("blank-html", text("text/html; charset=utf-8", "<html></html>"))
	add("blank-text", text("text/plain", ""))
	add("evil-text", text("text/plain", evilText))
	add("evil-html", text("text/html", evilHTML))
	add("evil-attachment", text("application/pdf; name=evil.pdf", "evil", "Content-Disposition: attachment; filename=evil.pdf\r\n"))
	add("empty-attachment", text("application/octet-stream; name=empty.bin", "", "Content-Disposition: attachment\r\n"))
	add("no-header", func(dice, *entity) *entity { return &entity{body: evilText} })
	add("calendar", text("text/calendar; method=REQUEST", "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"))
	add("tracking-picture", text("image/gif", "GIF89a", "Content-ID: <x@evil.example>\r\n"))
	add("message", text("message/rfc822", "From: x@evil.example\r\nSubject: evil\r\n\r\n"+evilText))
	add("empty-multipart", func(d dice, _ *entity) *entity {
		b := d.token()
		return &entity{fields: []string{"Content-Type: multipart/mixed; boundary=\"" + b + "\"\r\n"}, body: "--" + b + "--\r\n"}
	})
	add("copy", func(d dice, m *entity) *entity { return one(d, m.parts).clone() })
	list = append(list,
		multi("swap", func(d dice, m *entity) bool {
			if len(m.parts) < 2 {
				return false
			}
			i := d.IntN(len(m.parts) - 1)
			m.parts[i], m.parts[i+1] = m.parts[i+1], m.parts[i]
			return true
		}),
		multi("swap-bodies", func(d dice, m *entity) bool {
			if len(m.parts) < 2 {
				return false
			}
			i := d.IntN(len(m.parts) - 1)
			a, b := m.parts[i], m.parts[i+1]
			a.body, b.body = b.body, a.body
			return a.parts == nil && b.parts == nil
		}),
		multi("remove", func(d dice, m *entity) bool {
			if len(m.parts) < 2 {
				return false
			}
			i := d.IntN(len(m.parts))
			m.parts = slices.Delete(m.parts, i, i+1)
			return true
		}),
		multi("flatten", func(_ dice, m *entity) bool {
			for i, p := range m.parts {
				if p.parts != nil {
					m.parts = slices.Concat(m.parts[:i:i], p.parts, m.parts[i+1:])
					return true
				}
			}
			return false
		}),
		multi("one-part-unwrapped", func(_ dice, m *entity) bool {
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
		leaf("wrapped-alternative", func(d dice, e *entity) bool { return wrapEntity(d, e, "alternative", 1) }),
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
			e.body += "\r\n-- \r\n" + one(d, []string{"To leave write to grow-leave@orig.example.", "Account: DE99 9999 9999"}) + crlf
			return true
		}),
	)
	return list
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
		e.fields = append(kept, "Content-Type: multipart/"+subtype+"; boundary=\""+boundary+"\"\r\n")
		e.body, e.parts, e.boundary, e.epilogue = "", []*entity{inner}, boundary, crlf
	}
	return true
}

// partFields change the fields of parts: disposition, names, ids.
func partFields() []mutation {
	attachment := func(root *entity) []*entity {
		var list []*entity
		for _, e := range root.leaves() {
			if e.value("Content-Disposition") != "" {
				list = append(list, e)
			}
		}
		return list
	}
	set := func(name, field, value string) mutation {
		return tree(name, func(d dice, root *entity) bool {
			e := one(d, root.all())
			e.set(field, value)
			return true
		})
	}
	named := func(name, disposition string) mutation {
		return tree(name, func(d dice, root *entity) bool {
			e := one(d, attachment(root))
			if e == nil {
				return false
			}
			e.set("Content-Disposition", disposition)
			return true
		})
	}
	list := []mutation{
		set("disposition-attachment", "Content-Disposition", "attachment"),
		set("disposition-inline", "Content-Disposition", "inline"),
		set("disposition-unknown", "Content-Disposition", "x-hidden"),
		set("disposition-empty", "Content-Disposition", ""),
		set("disposition-name", "Content-Disposition", "attachment; filename=evil.exe"),
		set("location", "Content-Location", "http://evil.example/one.png"),
		set("base", "Content-Base", "http://evil.example/"),
		set("id", "Content-ID", "<one@orig.example>"),
		set("description", "Content-Description", "Pay to DE99"),
		set("language", "Content-Language", "de"),
		set("duration", "Content-Duration", "10"),
		set("md5", "Content-MD5", "Q2hlY2sgSW50ZWdyaXR5IQ=="),
		set("length", "Content-Length", "3"),
		set("lines", "Lines", "1"),
		set("features", "Content-Features", "x"),
		set("mime-version", "MIME-Version", "1.0"),
		set("mime-version-2", "MIME-Version", "2.0"),
		set("mime-version-comment", "MIME-Version", "1.0 (x)"),
		set("mime-version-empty", "MIME-Version", ""),
		tree("mime-version-dropped", func(_ dice, root *entity) bool { return root.drop("MIME-Version") }),
		tree("content-fields-dropped", func(d dice, root *entity) bool {
			return one(d, root.all()).drop(one(d, []string{"Content-Type", "Content-Disposition", "Content-ID", "Content-Transfer-Encoding"}))
		}),
		tree("type-doubled", func(d dice, root *entity) bool {
			e := one(d, root.leaves())
			e.fields = append(e.fields, "Content-Type: "+one(d, []string{"text/html", "text/plain", "application/octet-stream"})+crlf)
			return true
		}),
		tree("type-doubled-first", func(d dice, root *entity) bool {
			e := one(d, root.leaves())
			e.fields = append([]string{"Content-Type: " + one(d, []string{"text/html", "text/plain", "application/octet-stream"}) + crlf}, e.fields...)
			return true
		}),
		tree("field-in-part", func(d dice, root *entity) bool {
			e := one(d, root.leaves())
			e.fields = append(e.fields, one(d, []string{"Subject: evil\r\n", "From: x@evil.example\r\n", "X-Attachment-Id: 1\r\n", "Date: Mon, 11 Mar 2024 00:00:00 +0000\r\n"}))
			return true
		}),
		tree("no-colon-in-part", func(d dice, root *entity) bool {
			e := one(d, root.leaves())
			at := d.IntN(len(e.fields) + 1)
			e.fields = slices.Insert(e.fields, at, one(d, []string{"x\r\n", "Content-Type text/html\r\n", "Content-Type : text/html\r\n", ": x\r\n"}))
			return true
		}),
		tree("ids-exchanged", func(_ dice, root *entity) bool {
			return exchange(root, "Content-ID")
		}),
		tree("names-exchanged", func(_ dice, root *entity) bool { return exchange(root, "Content-Disposition") }),
		tree("types-exchanged", func(_ dice, root *entity) bool { return exchange(root, "Content-Type") }),
	}
	for _, n := range []struct{ name, value string }{
		{"plain", "budget.pdf"}, {"exe", "budget.exe"}, {"two-dots", "budget.pdf.exe"},
		{"space", "budget .pdf"}, {"unquoted-space", "budget pdf.exe"},
		{"quoted", `"budget.pdf"`}, {"quoted-pair", `"bud\get.pdf"`},
		{"quoted-quote", `"budget\".exe"`}, {"lone-quote", `"budget.pdf`},
		{"quote-behind", `budget.pdf"`}, {"text-behind", `"budget.pdf".exe`},
		{"comment", "budget.pdf (x)"}, {"comment-stuck", "budget.pdf(x)"},
		{"semicolon", `"budget.pdf;.exe"`}, {"semicolon-unquoted", `budget.exe;.pdf`},
		{"nul", "\"budget.exe\x00.pdf\""}, {"bidi", "\"budget\u202efdp.exe\""},
		{"path", `"../../budget.pdf"`}, {"backslash", `"..\..\budget.pdf"`},
		{"encoded-word", `"=?utf-8?Q?budget.exe?="`},
		{"encoded-word-bare", "=?utf-8?Q?budget.exe?="},
		{"encoded-words", `"=?utf-8?Q?budget?= =?utf-8?Q?.exe?="`}, {"percent", "budget%2Eexe"},
		{"utf8", "\"bü.pdf\""}, {"latin1", "\"b\xfc.pdf\""},
		{"empty", `""`}, {"dot", "."}, {"trailing-space", `"budget.exe "`},
		{"leading-space", `" budget.pdf"`}, {"tab", "\"budget\t.pdf\""},
		{"newline", "\"budget\r\n .pdf\""},
		{"unknown-charset", `"=?x-unknown?Q?budget?="`},
	} {
		list = append(list, named("filename-"+n.name, "attachment; filename="+n.value))
		list = append(list, tree("name-"+n.name, func(d dice, root *entity) bool {
			e := one(d, attachment(root))
			if e == nil {
				return false
			}
			e.set("Content-Type", e.kind()+"; name="+n.value)
			return true
		}))
	}
	for _, n := range []struct{ name, value string }{
		{"2231", "filename*=utf-8''budget.exe"},
		{"2231-both", "filename=budget.pdf; filename*=utf-8''budget.exe"},
		{"2231-both-back", "filename*=utf-8''budget.exe; filename=budget.pdf"},
		{"2231-parts", "filename*0=budget; filename*1=.exe"},
		{"2231-parts-back", "filename*1=.exe; filename*0=budget"},
		{"2231-parts-gap", "filename*0=budget; filename*2=.exe"},
		{"2231-parts-double", "filename*0=budget; filename*0=evil; filename*1=.exe"},
		{"2231-no-charset", "filename*=''budget.exe"},
		{"2231-unknown", "filename*=x-unknown''budget%FC.exe"},
		{"2231-bad-percent", "filename*=utf-8''budget%2.exe"},
		{"2231-no-quotes", "filename*=budget.exe"},
		{"2231-quoted", `filename*="utf-8''budget.exe"`},
		{"2231-latin1", "filename*=iso-8859-1''b%FC.pdf"},
		{"doubled", "filename=budget.pdf; filename=budget.exe"},
		{"doubled-case", "filename=budget.pdf; FileName=budget.exe"},
		{"spaces", "filename = budget.pdf"}, {"name", "name=budget.pdf"},
		{"no-semicolon", "filename=budget.pdf size=3"},
		{"2231-nul", "filename*=utf-8''budget.exe%00.pdf"},
		{"2231-leading-zero", "filename*00=budget; filename*01=.exe"},
	} {
		list = append(list, named("filename-"+n.name, "attachment; "+n.value))
	}
	return list
}

// exchange swaps a field of two parts that have it.
func exchange(root *entity, field string) bool {
	var with []*entity
	for _, e := range root.leaves() {
		if e.index(field) >= 0 {
			with = append(with, e)
		}
	}
	if len(with) < 2 {
		return false
	}
	a, b := with[len(with)-2], with[len(with)-1]
	i, j := a.index(field), b.index(field)
	a.fields[i], b.fields[j] = b.fields[j], a.fields[i]
	return true
}
