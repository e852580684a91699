package readers

import (
	"slices"
	"strings"
)

// partFields change the fields of parts: disposition, names, ids.
func partFields() []mutation {
	set := func(name, field, value string) mutation {
		return tree(name, func(d dice, root *entity) bool {
			e := one(d, root.all())
			e.set(field, value)
			return true
		})
	}
	return append(fileNames(), []mutation{
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
		tree("mime-version-dropped", func(_ dice, root *entity) bool {
			return root.drop("MIME-Version")
		}),
		tree("content-fields-dropped", func(d dice, root *entity) bool {
			return one(d, root.all()).drop(one(d, []string{"Content-Type", "Content-Disposition",
				"Content-ID", "Content-Transfer-Encoding"}))
		}),
		tree("header-dropped", func(d dice, root *entity) bool {
			e := one(d, root.leaves())
			if e == root || len(e.fields) == 0 {
				return false
			}
			e.fields = nil
			return true
		}),
		tree("header-added", func(d dice, root *entity) bool {
			e := one(d, root.leaves())
			if e == root || len(e.fields) > 0 {
				return false
			}
			e.fields = []string{"Content-Type: text/plain\r\n"}
			return true
		}),
		tree("empty-line-made-white", func(d dice, root *entity) bool {
			e := one(d, root.texts())
			if e == nil || !strings.Contains(e.body, crlf+crlf) {
				return false
			}
			e.body = strings.Replace(e.body, crlf+crlf, crlf+" "+crlf, 1)
			return true
		}),
		tree("type-doubled", func(d dice, root *entity) bool {
			e := one(d, root.leaves())
			e.fields = append(e.fields, "Content-Type: "+one(d, []string{"text/html", "text/plain",
				"application/octet-stream"})+crlf)
			return true
		}),
		tree("type-doubled-first", func(d dice, root *entity) bool {
			e := one(d, root.leaves())
			e.fields = append([]string{"Content-Type: " + one(d, []string{"text/html", "text/plain",
				"application/octet-stream"}) + crlf}, e.fields...)
			return true
		}),
		tree("field-in-part", func(d dice, root *entity) bool {
			e := one(d, root.leaves())
			e.fields = append(e.fields, one(d, []string{"Subject: evil\r\n",
				"From: x@evil.example\r\n", "X-Attachment-Id: 1\r\n", "Date: Mon, 11 Mar 2024 00:00:00 +0000\r\n"}))
			return true
		}),
		tree("no-colon-in-part", func(d dice, root *entity) bool {
			e := one(d, root.leaves())
			at := d.IntN(len(e.fields) + 1)
			e.fields = slices.Insert(e.fields, at, one(d, []string{"x\r\n",
				"Content-Type text/html\r\n", "Content-Type : text/html\r\n", ": x\r\n"}))
			return true
		}),
		tree("ids-exchanged", func(_ dice, root *entity) bool {
			return exchange(root, "Content-ID")
		}),
		tree("names-exchanged", func(_ dice, root *entity) bool {
			return exchange(root, "Content-Disposition")
		}),
		tree("types-exchanged", func(_ dice, root *entity) bool {
			return exchange(root, "Content-Type")
		}),
	}...)
}

// fileNames change the names of attachments.
func fileNames() []mutation {
	var list []mutation
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
			e := one(d, attachments(root))
			if e == nil {
				return false
			}
			e.set("Content-Type", e.kind()+"; name="+n.value)
			return true
		}))
	}
	return append(list, extendedNames()...)
}

// extendedNames write names in the ways of RFC 2231.
func extendedNames() []mutation {
	var list []mutation
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

// attachments are the leaves with a disposition.
func attachments(root *entity) []*entity {
	var list []*entity
	for _, e := range root.leaves() {
		if e.value("Content-Disposition") != "" {
			list = append(list, e)
		}
	}
	return list
}

// named is another disposition of an attachment.
func named(name, disposition string) mutation {
	return tree(name, func(d dice, root *entity) bool {
		e := one(d, attachments(root))
		if e == nil {
			return false
		}
		e.set("Content-Disposition", disposition)
		return true
	})
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
