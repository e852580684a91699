package readers

import (
	"strings"
)

// charsets change what text is said to be, or what it is.
func charsets() []mutation {
	var list []mutation
	labels := []struct{ name, label string }{
		{"latin1", "iso-8859-1"}, {"latin2", "iso-8859-2"}, {"greek", "iso-8859-7"},
		{"latin15", "iso-8859-15"},
		{"koi8r", "koi8-r"}, {"cp1251", "windows-1251"}, {"cp1252", "windows-1252"},
		{"ascii", "us-ascii"},
		{"utf8", "utf-8"}, {"utf7", "utf-7"}, {"utf16", "utf-16"}, {"utf16le", "utf-16le"},
		{"utf32", "utf-32"},
		{"ebcdic", "ebcdic-us"}, {"cp037", "cp037"}, {"big5", "big5"}, {"gb", "gb18030"},
		{"sjis", "shift_jis"},
		{"iso2022jp", "iso-2022-jp"}, {"hz", "hz-gb-2312"}, {"euckr", "euc-kr"},
		{"unknown", "x-unknown"},
		{"unknown-8bit", "unknown-8bit"}, {"binary", "binary"}, {"macintosh", "macintosh"},
		{"viscii", "viscii"},
		{"empty", `""`}, {"quoted", `"utf-8"`}, {"single-quotes", "'utf-8'"},
		{"space-quoted", `" utf-8 "`},
		{"comment", "utf-8 (iso-8859-1)"}, {"comment-before", "(x)utf-8"},
		{"text-behind", "utf-8 iso-8859-1"},
		{"encoded-word", "=?utf-8?Q?utf-7?="}, {"upper", "UTF-8"}, {"utf8-nodash", "utf8"},
		{"doubled", "utf-8; charset=koi8-r"}, {"doubled-back", "koi8-r; charset=utf-8"},
		{"star", "utf-8; charset*=us-ascii''koi8-r"}, {"quoted-pair", `"utf\-8"`},
		{"lone-quote", `"utf-8`},
		{"semicolon", "utf-8;"}, {"nul", "utf-8\x00x"}, {"underscore", "utf_8"},
		{"alias", "latin1"}, {"cp65001", "cp65001"},
		{"hidden-boundary", "utf-8; boundary=x"},
	}
	for _, l := range labels {
		list = append(list, tree("label-"+l.name, func(d dice, root *entity) bool {
			e := one(d, root.texts())
			if e == nil {
				return false
			}
			e.relabel(l.label)
			return true
		}))
	}
	list = append(list, tree("label-dropped", func(d dice, root *entity) bool {
		e := one(d, root.texts())
		if e == nil {
			return false
		}
		e.set("Content-Type", e.kind())
		return true
	}), tree("label-in-disposition", func(d dice, root *entity) bool {
		e := one(d, root.texts())
		if e == nil {
			return false
		}
		e.set("Content-Disposition", "inline; charset=koi8-r")
		return true
	}))
	contents := []struct {
		name   string
		change func(s string) string
	}{
		{"bom", func(s string) string { return "\ufeff" + s }},
		{"bom-utf16", func(s string) string { return "\xff\xfe" + s }},
		{"overlong", func(s string) string { return strings.Replace(s, "1", "\xc0\xb1", 1) }},
		{"surrogate", func(s string) string { return strings.Replace(s, "1", "\xed\xa0\x80", 1) }},
		{"invalid", func(s string) string { return strings.Replace(s, "2", "\xff", 1) }},
		{"replacement", func(s string) string { return strings.Replace(s, "2", "\ufffd", 1) }},
		{"cut-character", func(s string) string { return strings.Replace(s, "2", "\xe2\x82", 1) }},
		{"other-letter", func(s string) string { return strings.Replace(s, "ü", "ö", 1) }},
		{"other-8bit", func(s string) string { return strings.Replace(s, "\xfc", "\xf6", 1) }},
		{"escape-jp", func(s string) string { return strings.Replace(s, "1", "\x1b$B#1\x1b(B", 1) }},
		{"escape-kana", func(s string) string { return strings.Replace(s, "1", "\x1b(I1", 1) }},
		{"escape-hz", func(s string) string { return strings.Replace(s, "1", "~{#1~}", 1) }},
		{"utf7-text", func(s string) string { return strings.Replace(s, "1", "+ADk-", 1) }},
		{"fullwidth", func(s string) string { return strings.Replace(s, "1", "１", 1) }},
		{"homoglyph", func(s string) string { return strings.Replace(s, "a", "а", 1) }},
		{"nfd", func(s string) string { return strings.Replace(s, "ü", "u\u0308", 1) }},
		{"zero-width", func(s string) string { return strings.Replace(s, "1", "1\u200b", 1) }},
		{"bidi", func(s string) string { return strings.Replace(s, "12", "\u202e21\u202c", 1) }},
		{"nbsp", func(s string) string { return strings.Replace(s, " ", "\u00a0", 1) }},
		{"nul", func(s string) string { return strings.Replace(s, "1", "\x001", 1) }},
		{"backspace", func(s string) string { return strings.Replace(s, "1", "9\b1", 1) }},
		{"escape-terminal", func(s string) string { return strings.Replace(s, "1", "\x1b[8m9\x1b[0m1", 1) }},
		{"form-feed", func(s string) string { return strings.Replace(s, crlf, crlf+"\f", 1) }},
		{"bare-cr", func(s string) string { return strings.Replace(s, " ", "\r", 1) }},
		{"bare-lf", func(s string) string { return strings.Replace(s, " ", "\n", 1) }},
		{"line-separator", func(s string) string { return strings.Replace(s, " ", "\u2028", 1) }},
		{"nel", func(s string) string { return strings.Replace(s, " ", "\u0085", 1) }},
		{"meta-other", func(s string) string {
			return strings.Replace(s, "<body>", `<meta charset="koi8-r"><body>`, 1)
		}},
		{"meta-changed", func(s string) string {
			return strings.Replace(s, "charset=iso-8859-1", "charset=iso-8859-7", 1)
		}},
		{"entity", func(s string) string { return strings.Replace(s, "1200", "&#57;200", 1) }},
		{"hidden", func(s string) string { return strings.Replace(s, "<b>", `<b style="display:none">`, 1) }},
		{"link", func(s string) string { return strings.Replace(s, "http://orig.", "http://evil.", 1) }},
		{"amount", func(s string) string { return strings.Replace(s, "1200", "9200", 1) }},
		{"spaces", func(s string) string { return strings.Replace(s, " ", "   ", 1) }},
		{"line-joined", func(s string) string { return strings.Replace(s, crlf, " ", 1) }},
		{"line-glued", func(s string) string { return strings.Replace(s, crlf, "", 1) }},
		{"lines-pushed", func(s string) string { return strings.Replace(s, crlf, strings.Repeat(crlf, 60), 1) }},
		{"quote-mark", func(s string) string { return strings.Replace(s, crlf, crlf+"> ", 1) }},
		{"from-line", func(s string) string { return strings.Replace(s, crlf, crlf+"From x Sun Mar 10 10:44:31 2024"+crlf, 1) }},
		{"from-quoted", func(s string) string { return strings.Replace(s, crlf, crlf+">From x"+crlf, 1) }},
		{"dot-stuffed", func(s string) string { return strings.Replace(s, crlf, crlf+".", 1) }},
	}
	for _, c := range contents {
		list = append(list, tree("text-"+c.name, func(d dice, root *entity) bool {
			e := one(d, root.texts())
			if e == nil {
				return false
			}
			content, ok := e.decoded()
			changed := c.change(content)
			if !ok || changed == content {
				return false
			}
			encoding := e.value("Content-Transfer-Encoding")
			if encoding == "" {
				e.body = changed
			} else {
				e.encode(changed, encoding)
			}
			return true
		}))
	}
	return append(list, flowedEdits()...)
}

// flowedEdits change how lines are joined (RFC 3676).
func flowedEdits() []mutation {
	var list []mutation
	for _, p := range []string{"format=flowed", "format=flowed; delsp=yes", "format=fixed", "Format=Flowed; DelSp=Yes", "format=\"flowed\"", "reply-type=original"} {
		list = append(list, tree("parameter-"+strings.ReplaceAll(p, "; ", "+"), func(d dice, root *entity) bool {
			e := one(d, root.texts())
			if e == nil || e.kind() != "text/plain" || e.value("Content-Type") == "" {
				return false
			}
			kind, rest, _ := strings.Cut(e.value("Content-Type"), ";")
			kept := ""
			for q := range strings.SplitSeq(rest, ";") {
				if n := strings.ToLower(strings.TrimSpace(q)); n != "" && !strings.HasPrefix(n, "format") && !strings.HasPrefix(n, "delsp") {
					kept += ";" + q
				}
			}
			e.set("Content-Type", kind+kept+"; "+p)
			return true
		}))
	}
	return append(list, tree("flowed-rewrapped", func(d dice, root *entity) bool {
		e := one(d, root.texts())
		if e == nil || !strings.Contains(e.value("Content-Type"), "format=flowed") || !strings.Contains(e.body, " "+crlf) {
			return false
		}
		e.body = strings.Replace(e.body, " "+crlf, " ", 1)
		return true
	}))
}
