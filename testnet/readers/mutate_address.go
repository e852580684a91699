package readers

import (
	"strings"
)

// addressEdits change addresses and what stands around them ("Composition Kills", section 5.2).
func addressEdits() []mutation {
	return append(nameEdits(), []mutation{
		addressEdit("list-behind", around("", ", x@evil.example")),
		addressEdit("list-before", around("x@evil.example, ", "")),
		addressEdit("comment-behind", around("", " (evil)")),
		addressEdit("comment-before", around("(evil) ", "")),
		addressEdit("comma-before", around(",", "")),
		addressEdit("comma-behind", around("", ",")), addressEdit("commas", once(",", ",,")),
		addressEdit("semicolon-list", once(",", ";")),
		addressEdit("group", around("Evil: ", ";")),
		addressEdit("group-open", around("Evil: ", "")),
		addressEdit("group-empty", around("evil:; , ", "")),
		addressEdit("group-close", around("", ";")),
		addressEdit("text-before-angle", once("<", "evil <")),
		addressEdit("text-behind-angle", once(">", "> evil")),
		addressEdit("address-behind-angle", once(">", "> x@evil.example")),
		addressEdit("address-before-angle", once("<", "x@evil.example <")),
		addressEdit("quoted-address-name", around("\"x@evil.example\" ", "")),
		addressEdit("two-angles", once("<", "<x@evil.example> <")),
		addressEdit("two-angles-behind", once(">", "> <x@evil.example>")),
		addressEdit("nested-angles", once("<", "<<")), addressEdit("no-close", once(">", "")),
		addressEdit("no-open", once("<", "")), addressEdit("space-in-angle", once("<", "< ")),
		addressEdit("text-in-angle", once("<", "<evil ")),
		addressEdit("comment-in-angle", once("<", "<(evil)")),
		addressEdit("comment-at", once("@", "(evil)@")),
		addressEdit("comment-behind-at", once("@", "@(evil)")),
		addressEdit("space-at", once("@", " @ ")),
		addressEdit("route", once("<", "<@evil.example:")),
		addressEdit("route-list", once("<", "<@evil.example,@x.example:")),
		addressEdit("percent", once("@", "%evil.example@")),
		addressEdit("bang", once("<", "<evil.example!")), addressEdit("plus", once("@", "+evil@")),
		addressEdit("quoted-local", once("<ravi@", "<\"ravi\"@")),
		addressEdit("quoted-local-evil", once("<ana", "<\"x@evil.example\"ana")),
		addressEdit("quoted-pair-local", once("<ana", "<\"a\\na\"")),
		addressEdit("nul", once("@", "\x00@")), addressEdit("nul-behind", once(">", "\x00>")),
		addressEdit("space-before-dot", once(".example>", " .example>")),
		addressEdit("space-behind-dot", once(".example>", ". example>")),
		addressEdit("fold-at-dot", once(".example>", crlf+"\t."+crlf+" example>")),
		addressEdit("comment-at-dot", once(".example>", " (evil (x)\\)).example>")),
		addressEdit("comment-in-domain", once("example>", "exa(evil)mple>")),
		addressEdit("space-in-domain", once("example>", "exa mple>")),
		addressEdit("quoted-domain", once(".example>", ".\"example\">")),
		addressEdit("quoted-pair-domain", once(".example>", ".\\example>")),
		addressEdit("word-domain", once("example>", "=?utf-8?Q?exa?= =?utf-8?B?bXBsZQ==?=>")),
		addressEdit("bare-domain", once("<", "x@evil .example <")),
		addressEdit("dot-behind", once(".example>", ".example.>")),
		addressEdit("two-at", once("@", "@evil.example@")),
		addressEdit("domain-case", once("orig.example", "Orig.Example")),
		addressEdit("local-case", once("<ana", "<Ana")),
		addressEdit("domain-literal", once("orig.example", "[10.0.0.1]")),
		addressEdit("fullwidth-dot", once("orig.example", "orig．example")),
		addressEdit("fullwidth-at", once("@", "＠")),
		addressEdit("punycode", once("orig.example", "xn--orig-7ua.example")),
		addressEdit("umlaut-domain", once("orig.example", "örig.example")),
		addressEdit("homoglyph", once("a", "а")), addressEdit("zero-width", once("@", "\u200b@")),
		addressEdit("nbsp", once(" ", "\u00a0")), addressEdit("bidi", once("<", "\u202e<")),
	}...)
}

// addressEdit is a mutation of the value of one of the fields with addresses.
func addressEdit(name string, change func(d dice, value string) string) mutation {
	return tree(name, func(d dice, root *entity) bool {
		field := one(d, addressFields())
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

// addressFields are those that hold addresses.
func addressFields() []string { return []string{"From", "To", "Cc", "Reply-To", "Sender"} }

// once replaces the first of what it finds.
func once(old, with string) func(dice, string) string {
	return func(_ dice, s string) string { return strings.Replace(s, old, with, 1) }
}

// around puts something before and behind.
func around(before, behind string) func(dice, string) string {
	return func(_ dice, s string) string { return before + s + behind }
}

// nameEdits change display names, and which addresses there are.
func nameEdits() []mutation {
	return []mutation{
		addressEdit("many-spaces", once(" <", strings.Repeat(" ",
			200)+"<")), addressEdit("name-dropped", func(_ dice, s string) string {
			if i := strings.IndexByte(s, '<'); i > 0 {
				return s[i:]
			}
			return s
		}),
		addressEdit("name-quoted", func(_ dice, s string) string {
			if i := strings.IndexByte(s, '<'); i > 1 && !strings.ContainsAny(s[:i], "\"=,:") {
				return "\"" + strings.TrimSpace(s[:i]) + "\" " + s[i:]
			}
			return s
		}),
		addressEdit("name-unquoted", func(_ dice, s string) string {
			return strings.ReplaceAll(s, "\"", "")
		}),
		addressEdit("name-lone-quote", once(" <", "\" <")),
		addressEdit("name-quote-before", around("\"", "")),
		addressEdit("name-other", once("Ravi", "Mallory")),
		addressEdit("name-added", once("team@dest.example", "Boss <team@dest.example>")),
		addressEdit("name-dot", once("Ravi K", "Ravi K.")),
		addressEdit("name-quoted-pair", once("Ravi", "\"Ra\\vi\"")),
		addressEdit("name-in-comment", func(_ dice, s string) string {
			if i, j := strings.IndexByte(s, '<'), strings.IndexByte(s, '>'); i > 0 && j > i &&
				!strings.ContainsAny(s[:i], "\",:=") {
				return s[i+1:j] + " (" + strings.TrimSpace(s[:i]) + ")" + s[j+1:]
			}
			return s
		}),
		addressEdit("names-exchanged", func(_ dice, s string) string {
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
		addressEdit("order", func(_ dice, s string) string {
			a, b, ok := strings.Cut(s, ",")
			if !ok || strings.ContainsAny(s, "\":") {
				return s
			}
			return strings.TrimSpace(b) + ", " + a
		}),
		addressEdit("twice", func(_ dice, s string) string { return s + ", " + s }),
		addressEdit("empty", func(dice, string) string { return "" }),
		addressEdit("only-comment", func(dice, string) string { return "(x@evil.example)" }),
		addressEdit("undisclosed", func(dice, string) string { return "undisclosed-recipients:;" }),
		addressEdit("angle-added", once("team@dest.example", "<team@dest.example>")),
	}
}
