package readers

import (
	"strings"
)

// addressFields are those that hold addresses.
var addressFields = []string{"From", "To", "Cc", "Reply-To", "Sender"}

// addressEdits change addresses and what stands around them ("Composition Kills", section 5.2).
func addressEdits() []mutation {
	edit := func(name string, change func(d dice, value string) string) mutation {
		return tree(name, func(d dice, root *entity) bool {
			field := one(d, addressFields)
			i := root.index(field)
			if i < 0 {
				return false
			}
			value := root.value(field)
			changed := change(d, value)
			root.fields[i] = field + ": " + changed + crlf
			return changed != value
		})
	}
	replace := func(old, with string) func(dice, string) string {
		return func(_ dice, s string) string { return strings.Replace(s, old, with, 1) }
	}
	wrapWith := func(before, behind string) func(dice, string) string {
		return func(_ dice, s string) string { return before + s + behind }
	}
	list := []mutation{
		edit("list-behind", wrapWith("", ", x@evil.example")),
		edit("list-before", wrapWith("x@evil.example, ", "")),
		edit("comment-behind", wrapWith("", " (evil)")),
		edit("comment-before", wrapWith("(evil) ", "")), edit("comma-before", wrapWith(",", "")),
		edit("comma-behind", wrapWith("", ",")), edit("commas", replace(",", ",,")),
		edit("semicolon-list", replace(",", ";")),
		edit("group", wrapWith("Evil: ", ";")), edit("group-open", wrapWith("Evil: ", "")),
		edit("group-empty", wrapWith("evil:; , ", "")),
		edit("group-close", wrapWith("", ";")), edit("text-before-angle", replace("<", "evil <")),
		edit("text-behind-angle", replace(">", "> evil")),
		edit("address-behind-angle", replace(">", "> x@evil.example")),
		edit("address-before-angle", replace("<", "x@evil.example <")),
		edit("quoted-address-name", wrapWith("\"x@evil.example\" ", "")),
		edit("two-angles", replace("<", "<x@evil.example> <")),
		edit("two-angles-behind", replace(">", "> <x@evil.example>")),
		edit("nested-angles", replace("<", "<<")), edit("no-close", replace(">", "")),
		edit("no-open", replace("<", "")), edit("space-in-angle", replace("<", "< ")),
		edit("text-in-angle", replace("<", "<evil ")),
		edit("comment-in-angle", replace("<", "<(evil)")),
		edit("comment-at", replace("@", "(evil)@")),
		edit("comment-behind-at", replace("@", "@(evil)")),
		edit("space-at", replace("@", " @ ")), edit("route", replace("<", "<@evil.example:")),
		edit("route-list", replace("<", "<@evil.example,@x.example:")),
		edit("percent", replace("@", "%evil.example@")),
		edit("bang", replace("<", "<evil.example!")), edit("plus", replace("@", "+evil@")),
		edit("quoted-local", replace("<ravi@", "<\"ravi\"@")),
		edit("quoted-local-evil", replace("<ana", "<\"x@evil.example\"ana")),
		edit("quoted-pair-local", replace("<ana", "<\"a\\na\"")),
		edit("nul", replace("@", "\x00@")), edit("nul-behind", replace(">", "\x00>")),
		edit("dot-behind", replace(".example>", ".example.>")),
		edit("two-at", replace("@", "@evil.example@")),
		edit("domain-case", replace("orig.example", "Orig.Example")),
		edit("local-case", replace("<ana", "<Ana")),
		edit("domain-literal", replace("orig.example", "[10.0.0.1]")),
		edit("fullwidth-dot", replace("orig.example", "orig．example")),
		edit("fullwidth-at", replace("@", "＠")),
		edit("punycode", replace("orig.example", "xn--orig-7ua.example")),
		edit("umlaut-domain", replace("orig.example", "örig.example")),
		edit("homoglyph", replace("a", "а")), edit("zero-width", replace("@", "\u200b@")),
		edit("nbsp", replace(" ", "\u00a0")), edit("bidi", replace("<", "\u202e<")),
		edit("many-spaces", replace(" <", strings.Repeat(" ", 200)+"<")), edit("name-dropped", func(_ dice, s string) string {
			if i := strings.IndexByte(s, '<'); i > 0 {
				return s[i:]
			}
			return s
		}),
		edit("name-quoted", func(_ dice, s string) string {
			if i := strings.IndexByte(s, '<'); i > 1 && !strings.ContainsAny(s[:i], "\"=,:") {
				return "\"" + strings.TrimSpace(s[:i]) + "\" " + s[i:]
			}
			return s
		}),
		edit("name-unquoted", func(_ dice, s string) string { return strings.ReplaceAll(s, "\"", "") }),
		edit("name-lone-quote", replace(" <", "\" <")),
		edit("name-quote-before", wrapWith("\"", "")),
		edit("name-other", replace("Ravi", "Mallory")),
		edit("name-added", replace("team@dest.example", "Boss <team@dest.example>")),
		edit("name-dot", replace("Ravi K", "Ravi K.")),
		edit("name-quoted-pair", replace("Ravi", "\"Ra\\vi\"")),
		edit("name-in-comment", func(_ dice, s string) string {
			if i, j := strings.IndexByte(s, '<'), strings.IndexByte(s, '>'); i > 0 && j > i && !strings.ContainsAny(s[:i], "\",:=") {
				return s[i+1:j] + " (" + strings.TrimSpace(s[:i]) + ")" + s[j+1:]
			}
			return s
		}),
		edit("names-exchanged", func(_ dice, s string) string {
			a, b, ok := strings.Cut(s, ",")
			i, j := strings.IndexByte(a, '<'), strings.IndexByte(b, '<')
			if !ok || i < 0 {
				return s
			}
			if j < 0 {
				return a[i:] + ", " + strings.TrimSpace(a[:i]) + " <" + strings.TrimSpace(b) + ">"
			}
			return b[:j] + a[i:] + "," + a[:i] + b[j:]
		}),
		edit("order", func(_ dice, s string) string {
			a, b, ok := strings.Cut(s, ",")
			if !ok || strings.ContainsAny(s, "\":") {
				return s
			}
			return strings.TrimSpace(b) + ", " + a
		}),
		edit("twice", func(_ dice, s string) string { return s + ", " + s }),
		edit("empty", func(dice, string) string { return "" }),
		edit("only-comment", func(dice, string) string { return "(x@evil.example)" }),
		edit("undisclosed", func(dice, string) string { return "undisclosed-recipients:;" }),
		edit("angle-added", replace("team@dest.example", "<team@dest.example>")),
	}
	return list
}

// wordEdits change the subject and encoded words.
func wordEdits() []mutation {
	var list []mutation
	for _, w := range []struct{ name, word string }{
		{"q", "=?utf-8?Q?evil?="}, {"b", "=?utf-8?B?ZXZpbA==?="},
		{"unknown-charset", "=?x-unknown?Q?evil?="}, {"unknown-encoding", "=?utf-8?X?evil?="},
		{"no-end", "=?utf-8?Q?evil"}, {"bad-base64", "=?utf-8?B?ZXZpb!?="},
		{"padding-missing", "=?utf-8?B?ZXZpbA?="}, {"padding-inside", "=?utf-8?B?ZXY=aWw=?="},
		{"bad-escape", "=?utf-8?Q?ev=XYil?="}, {"invalid", "=?utf-8?Q?=FF?="},
		{"utf7", "=?utf-7?Q?+AGUAdgBpAGw-?="}, {"utf16", "=?utf-16?B?/v8AZQB2?="},
		{"language", "=?utf-8*en?Q?evil?="}, {"lower", "=?utf-8?q?evil?="},
		{"space-inside", "=?utf-8?Q?ev il?="}, {"empty", "=?utf-8?Q??="},
		{"nul", "=?utf-8?Q?=00evil?="}, {"crlf", "=?utf-8?Q?=0D=0AReply-To:_x=40evil.example?="},
		{"bidi", "=?utf-8?Q?=E2=80=AElive?="},
		{"question", "=?utf-8?Q?e?vil?="}, {"long", "=?utf-8?Q?" + strings.Repeat("e", 100) + "?="},
		{"quoted", "\"=?utf-8?Q?evil?=\""}, {"comment", "(=?utf-8?Q?evil?=)"},
		{"in-address", "=?utf-8?Q?x=40evil.example?="},
		{"nested", "=?utf-8?Q?=3D=3Futf-8=3FQ=3Fevil=3F=3D?="},
		{"split-character", "=?utf-8?Q?=C3?= =?utf-8?Q?=BC?="},
		{"tab", "=?utf-8?Q?e=09vil?="}, {"underscore-b", "=?utf-8?B?ZXZp_A==?="},
		{"iso2022", "=?iso-2022-jp?B?GyRCQEE=?="}, {"single-quotes", "='?utf-8?Q?evil?='"},
	} {
		for _, field := range []string{"Subject", "From", "To"} {
			list = append(list, replaceField(strings.ToLower(field)+"-"+w.name, field, func(_ dice, v string) string { return w.word + " " + v }))
		}
		list = append(list, replaceField("subject-stuck-"+w.name, "Subject", func(_ dice, v string) string { return v + w.word }))
	}
	for _, s := range []struct {
		name   string
		change func(s string) string
	}{
		{"tag", func(s string) string { return "[grow] " + s }},
		{"re", func(s string) string { return "Re: " + s }},
		{"re-upper", func(s string) string { return strings.Replace(s, "Re:", "RE:", 1) }},
		{"spaces", func(s string) string { return strings.Replace(s, " ", strings.Repeat(" ", 80), 1) }},
		{"tab", func(s string) string { return strings.Replace(s, " ", "\t", 1) }},
		{"nbsp", func(s string) string { return strings.Replace(s, " ", "\u00a0", 1) }},
		{"ideographic-space", func(s string) string { return strings.Replace(s, " ", "\u3000", 1) }},
		{"zero-width", func(s string) string { return strings.Replace(s, "e", "e\u200b", 1) }},
		{"bidi", func(s string) string { return "\u202e" + s }},
		{"homoglyph", func(s string) string { return strings.Replace(s, "e", "е", 1) }},
		{"case", strings.ToUpper}, {"word", func(s string) string { return s + " urgent" }},
		{"trailing", func(s string) string { return s + "   \t" }},
		{"8bit", func(s string) string { return s + " \xe9" }},
		{"utf8", func(s string) string { return s + " é" }},
		{"replacement", func(s string) string { return s + " \ufffd" }},
		{"soft-hyphen", func(s string) string { return strings.Replace(s, "e", "e\u00ad", 1) }},
		{"combining", func(s string) string { return s + "\u0301" }},
		{"tag-character", func(s string) string { return s + "\U000e0065" }},
		{"words-joined", func(s string) string { return strings.Replace(s, "?= =?", "?==?", 1) }},
		{"words-apart", func(s string) string { return strings.Replace(s, "?=", "?= =?utf-8?Q?_?=", 1) }},
		{"charset-other", func(s string) string { return strings.Replace(s, "=?utf-8?", "=?iso-8859-1?", 1) }},
		{"charset-language", func(s string) string { return strings.Replace(s, "=?utf-8?", "=?utf-8*de?", 1) }},
	} {
		list = append(list, replaceField("subject-edit-"+s.name, "Subject", func(_ dice, v string) string { return s.change(v) }))
	}
	return list
}

// dateEdits change the date, or how it is written (RFC 5322, sections 3.3 and 4.3).
func dateEdits() []mutation {
	var list []mutation
	for _, v := range []struct{ name, value string }{
		{"no-day", "10 Mar 2024 10:44:31 +0000"}, {"wrong-day", "Mon, 10 Mar 2024 10:44:31 +0000"},
		{"gmt", "Sun, 10 Mar 2024 10:44:31 GMT"}, {"ut", "Sun, 10 Mar 2024 10:44:31 UT"},
		{"utc", "Sun, 10 Mar 2024 10:44:31 UTC"}, {"z", "Sun, 10 Mar 2024 10:44:31 Z"},
		{"military", "Sun, 10 Mar 2024 10:44:31 A"}, {"est", "Sun, 10 Mar 2024 10:44:31 EST"},
		{"cest", "Sun, 10 Mar 2024 10:44:31 CEST"}, {"ist", "Sun, 10 Mar 2024 10:44:31 IST"},
		{"comment-zone", "Sun, 10 Mar 2024 10:44:31 +0000 (EST)"},
		{"comment-only", "Sun, 10 Mar 2024 10:44:31 (EST)"},
		{"no-zone", "Sun, 10 Mar 2024 10:44:31"}, {"minus-zero", "Sun, 10 Mar 2024 10:44:31 -0000"},
		{"colon-zone", "Sun, 10 Mar 2024 10:44:31 +00:00"},
		{"gmt-offset", "Sun, 10 Mar 2024 10:44:31 GMT+0300"},
		{"gmt-colon", "Sun, 10 Mar 2024 10:44:31 +0000 GMT+3"},
		{"two-zones", "Sun, 10 Mar 2024 10:44:31 +0000 -0500"},
		{"big-zone", "Sun, 10 Mar 2024 10:44:31 +9900"},
		{"three-zone", "Sun, 10 Mar 2024 10:44:31 +000"},
		{"two-digit-year", "Sun, 10 Mar 24 10:44:31 +0000"},
		{"three-digit-year", "Sun, 10 Mar 124 10:44:31 +0000"},
		{"no-seconds", "Sun, 10 Mar 2024 10:44 +0000"},
		{"pm", "Sun, 10 Mar 2024 10:44:31 PM +0000"},
		{"am", "Sun, 10 Mar 2024 10:44:31 AM +0000"}, {"leap", "Sun, 10 Mar 2024 10:44:60 +0000"},
		{"hour-24", "Sun, 10 Mar 2024 24:44:31 +0000"},
		{"one-digit", "Sun, 10 Mar 2024 1:2:3 +0000"},
		{"iso", "2024-03-10T10:44:31Z"}, {"asctime", "Sun Mar 10 10:44:31 2024"},
		{"asctime-zone", "Sun Mar 10 10:44:31 2024 +0100"}, {"american", "03/10/2024 10:44:31"},
		{"month-first", "Mar 10, 2024 10:44:31 +0000"},
		{"long-month", "Sunday, 10 March 2024 10:44:31 +0000"},
		{"dashes", "Sun, 10-Mar-2024 10:44:31 +0000"}, {"lower", "sun, 10 mar 2024 10:44:31 +0000"},
		{"zero-day", "Sun, 010 Mar 2024 10:44:31 +0000"},
		{"garbage-behind", "Sun, 10 Mar 2024 10:44:31 +0000 evil"},
		{"garbage-before", "evil Sun, 10 Mar 2024 10:44:31 +0000"},
		{"comment-inside", "Sun, 10 (x) Mar 2024 10:44:31 +0000"},
		{"comment-number", "Sun, 10 Mar 2024 (2025) 10:44:31 +0000"},
		{"dots", "Sun, 10 Mar 2024 10.44.31 +0000"},
		{"fraction", "Sun, 10 Mar 2024 10:44:31.5 +0000"},
		{"day-32", "Sun, 32 Mar 2024 10:44:31 +0000"},
		{"feb-30", "Fri, 30 Feb 2024 10:44:31 +0000"}, {"empty", "(x)"},
		{"moved-second", "Sun, 10 Mar 2024 10:44:32 +0000"},
		{"moved-day", "Mon, 11 Mar 2024 10:44:31 +0000"},
		{"spaces", "Sun,  10  Mar  2024  10:44:31  +0000"},
		{"spaces-colon", "Sun, 10 Mar 2024 10 : 44 : 31 +0000"},
		{"no-comma", "Sun 10 Mar 2024 10:44:31 +0000"},
		{"day-behind", "10 Mar 2024 10:44:31 +0000 (Sun)"},
		{"year-5", "Sun, 10 Mar 12024 10:44:31 +0000"},
		{"folded", "Sun, 10 Mar 2024\r\n 10:44:31 +0000"},
		{"tab", "Sun, 10 Mar 2024\t10:44:31 +0000"},
		{"encoded-word", "=?utf-8?Q?Sun,_10_Mar_2024_10=3A44=3A31_+0000?="},
		{"other-zone", "Sun, 10 Mar 2024 16:14:31 +0530"},
	} {
		list = append(list, replaceField(v.name, "Date", func(dice, string) string { return v.value }))
	}
	return list
}

// octets change single octets, anywhere.
func octets() []mutation {
	return []mutation{
		{"replace", func(d dice, raw []byte) ([]byte, bool) {
			out := append([]byte(nil), raw...)
			out[d.IntN(len(out))] = byte(d.IntN(256))
			return out, true
		}},
		{"replace-printable", func(d dice, raw []byte) ([]byte, bool) {
			out := append([]byte(nil), raw...)
			out[d.IntN(len(out))] = byte(32 + d.IntN(95))
			return out, true
		}},
		{"insert", func(d dice, raw []byte) ([]byte, bool) {
			at := d.IntN(len(raw) + 1)
			return append(append(append([]byte(nil), raw[:at]...), byte(d.IntN(256))), raw[at:]...), true
		}},
		{"insert-special", func(d dice, raw []byte) ([]byte, bool) {
			at := d.IntN(len(raw) + 1)
			return append(append(append([]byte(nil), raw[:at]...), one(d, []byte("\r\n\t \"\\();:=?<>@,-\x00"))), raw[at:]...), true
		}},
		{"delete", func(d dice, raw []byte) ([]byte, bool) {
			at := d.IntN(len(raw))
			return append(append([]byte(nil), raw[:at]...), raw[at+1:]...), true
		}},
		{"transpose", func(d dice, raw []byte) ([]byte, bool) {
			out := append([]byte(nil), raw...)
			at := d.IntN(len(out) - 1)
			out[at], out[at+1] = out[at+1], out[at]
			return out, true
		}},
		{"case", func(d dice, raw []byte) ([]byte, bool) {
			out := append([]byte(nil), raw...)
			for range 100 {
				if at := d.IntN(len(out)); out[at]|0x20 >= 'a' && out[at]|0x20 <= 'z' {
					out[at] ^= 0x20
					return out, true
				}
			}
			return nil, false
		}},
		{"line-dropped", func(d dice, raw []byte) ([]byte, bool) {
			lines := strings.SplitAfter(string(raw), "\n")
			at := d.IntN(len(lines))
			return []byte(strings.Join(append(append([]string(nil), lines[:at]...), lines[at+1:]...), "")), true
		}},
		{"line-doubled", func(d dice, raw []byte) ([]byte, bool) {
			lines := strings.SplitAfter(string(raw), "\n")
			at := d.IntN(len(lines))
			return []byte(strings.Join(append(append([]string(nil), lines[:at+1]...), lines[at:]...), "")), true
		}},
		{"lines-transposed", func(d dice, raw []byte) ([]byte, bool) {
			lines := strings.SplitAfter(string(raw), "\n")
			if len(lines) < 3 {
				return nil, false
			}
			at := d.IntN(len(lines) - 2)
			lines[at], lines[at+1] = lines[at+1], lines[at]
			return []byte(strings.Join(lines, "")), true
		}},
		{"cut", func(d dice, raw []byte) ([]byte, bool) {
			return raw[:len(raw)-1-d.IntN(min(len(raw)-2, 200))], true
		}},
		{"lf", func(_ dice, raw []byte) ([]byte, bool) {
			return []byte(strings.ReplaceAll(string(raw), crlf, "\n")), true
		}},
	}
}
