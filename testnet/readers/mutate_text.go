package readers

import (
	"strings"
)

// textEdit changes the content of a text, behind its transfer encoding.
type textEdit struct {
	name   string
	change func(s string) string
}

// textEdits change what the text is.
func textEdits() []mutation {
	var list []mutation
	for _, c := range textChanges() {
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
	return list
}

// textChanges are what textEdits does.
func textChanges() []textEdit {
	return []textEdit{
		{"bom", func(s string) string { return "\ufeff" + s }},
		{"bom-utf16", func(s string) string { return "\xff\xfe" + s }},
		{"overlong", func(s string) string { return strings.Replace(s, "1", "\xc0\xb1", 1) }},
		{"surrogate", func(s string) string { return strings.Replace(s, "1", "\xed\xa0\x80", 1) }},
		{"invalid", func(s string) string { return strings.Replace(s, "2", "\xff", 1) }},
		{"replacement", func(s string) string { return strings.Replace(s, "2", "\ufffd", 1) }},
		{"cut-character", func(s string) string { return strings.Replace(s, "2", "\xe2\x82", 1) }},
		{"other-letter", func(s string) string { return strings.Replace(s, "ü", "ö", 1) }},
		{"other-8bit", func(s string) string { return strings.Replace(s, "\xfc", "\xf6", 1) }},
		{"escape-jp", func(s string) string {
			return strings.Replace(s, "1", "\x1b$B#1\x1b(B", 1)
		}},
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
		{"escape-terminal", func(s string) string {
			return strings.Replace(s, "1", "\x1b[8m9\x1b[0m1", 1)
		}},
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
		{"hidden", func(s string) string {
			return strings.Replace(s, "<b>", `<b style="display:none">`, 1)
		}},
		{"link", func(s string) string {
			return strings.Replace(s, "http://orig.", "http://evil.", 1)
		}},
		{"amount", func(s string) string { return strings.Replace(s, "1200", "9200", 1) }},
		{"spaces", func(s string) string { return strings.Replace(s, " ", "   ", 1) }},
		{"line-joined", func(s string) string { return strings.Replace(s, crlf, " ", 1) }},
		{"line-glued", func(s string) string { return strings.Replace(s, crlf, "", 1) }},
		{"lines-pushed", func(s string) string {
			return strings.Replace(s, crlf, strings.Repeat(crlf, 60), 1)
		}},
		{"quote-mark", func(s string) string { return strings.Replace(s, crlf, crlf+"> ", 1) }},
		{"from-line", func(s string) string {
			return strings.Replace(s, crlf, crlf+"From x Sun Mar 10 10:44:31 2024"+crlf, 1)
		}},
		{"from-quoted", func(s string) string {
			return strings.Replace(s, crlf, crlf+">From x"+crlf, 1)
		}},
		{"dot-stuffed", func(s string) string { return strings.Replace(s, crlf, crlf+".", 1) }},
	}
}
