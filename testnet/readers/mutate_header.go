package readers

import (
	"slices"
	"strings"
)

// headerLines break the grammar of header lines ("Composition Kills", section 5; RFC 5322, section
// 2.2).
func headerLines() []mutation {
	return append(brokenFields(), []mutation{
		addedLine("no-colon", "evil\r\n"), addedLine("no-name",
			": evil\r\n"), addedLine("white-line", " \r\n"),
		addedLine("tab-line", "\t\r\n"),
		addedLine("fold-evil", " evil\r\n"), addedLine("cr-line", "\r\r\n"),
		addedLine("from-line", "From x@evil.example Sun Mar 10 10:44:31 2024\r\n"),
		addedLine("quoted-from-line", ">From x@evil.example Sun Mar 10 10:44:31 2024\r\n"),
		addedLine("8bit-name", "Fr\xf6m: x@evil.example\r\n"),
		addedLine("space-in-name", "Sub ject: evil\r\n"),
		addedLine("nul-name", "From\x00: x@evil.example\r\n"), addedLine("nul-line", "\x00\r\n"),
		addedLine("lf-only-blank", "\n"), addedLine("cr-only-blank", "\r"),
		addedLine("space-colon-from", "From : x@evil.example\r\n"),
		addedLine("space-colon-subject", "Subject : evil\r\n"),
		addedLine("tab-colon", "Reply-To\t: x@evil.example\r\n"),
		addedLine("leading-space-from", " From: x@evil.example\r\n"),
		addedLine("folded-name-from", "From\r\n : x@evil.example\r\n"),
		addedLine("cr-from", "X: y\rFrom: x@evil.example\r\n"),
		addedLine("lf-from", "X: y\nFrom: x@evil.example\r\n"),
		addedLine("cr-subject", "X: y\rSubject: evil\r\n"), addedLine("lf-blank-body",
			"X: y\n\nevil\r\n"),
		addedLine("cr-blank-body", "X: y\r\revil\r\n"),
		addedLine("lfcr", "X: y\n\rSubject: evil\r\n"), addedLine("vt-subject",
			"X: y\vSubject: evil\r\n"),
		addedLine("ff-subject", "X: y\fSubject: evil\r\n"),
		addedLine("nel-subject", "X: y\u0085Subject: evil\r\n"),
		addedLine("ls-subject", "X: y\u2028Subject: evil\r\n"), addedLine("blank", "\r\n"),
		addedLine("long", "X: "+strings.Repeat("x", 2000)+crlf),
		addedLine("long-name", strings.Repeat("X", 300)+": y\r\n"),
		addedLine("bom", "\ufeffSubject: evil\r\n"), addedLine("nbsp-colon",
			"Subject\u00a0: evil\r\n"),
		addedLine("dash-line", "--a1\r\n"), addedLine("dot", ".\r\n"),
		addedLine("fullwidth-colon", "Subject： evil\r\n"), addedLine("quoted-name",
			"\"Subject\": evil\r\n"),
	}...)
}

// brokenFields break fields that are there, and the first line.
func brokenFields() []mutation {
	return []mutation{
		insertion("bare-cr", "\r"), insertion("bare-lf", "\n"), insertion("nul", "\x00"),
		tree("wide-fold", wideFold), insertion("fold", "\r\n "), insertion("fold-white", "\r\n \r\n "),
		insertion("fold-tab-white", "\r\n\t\r\n\t"),
		insertion("8bit", "\xe9"), insertion("control", "\x01"), insertion("vertical-tab", "\v"),
		insertion("inject", "\r\nReply-To: x@evil.example\r\nX:"),
		insertion("inject-lf", "\nReply-To: x@evil.example\nX:"),
		insertion("end-of-header", "\r\n\r\n"), insertion("backspace", "\b"), insertion("escape",
			"\x1b[8m"),
		fieldEdit("space-before-colon", func(_ dice, _, n, v string) string {
			return n + " :" +
				v
		}),
		fieldEdit("tab-before-colon", func(_ dice, _, n, v string) string { return n + "\t:" + v }),
		fieldEdit("no-space-behind-colon", func(_ dice, _, n, v string) string {
			return n + ":" + strings.TrimLeft(v, " ")
		}),
		fieldEdit("many-spaces-behind-colon", func(_ dice, _, n, v string) string {
			return n + ":     " + v
		}),
		fieldEdit("tab-behind-colon", func(_ dice, _, n, v string) string { return n + ":\t" + v }),
		fieldEdit("fold-behind-colon", func(_ dice, _, n, v string) string {
			return n + ":\r\n" +
				v
		}),
		fieldEdit("white-fold-at-end", func(_ dice, f, _, _ string) string { return f + " \r\n" }),
		fieldEdit("leading-space", func(_ dice, f, _, _ string) string { return " " + f }),
		fieldEdit("colon-dropped", func(_ dice, _, n, v string) string { return n + v }),
		fieldEdit("lf-only", func(_ dice, f, _, _ string) string {
			return strings.TrimSuffix(f, crlf) + "\n"
		}),
		fieldEdit("cr-only", func(_ dice, f, _, _ string) string {
			return strings.TrimSuffix(f, crlf) + "\r"
		}),
		fieldEdit("name-8bit", func(_ dice, _, n, v string) string { return n + "\xe9:" + v }),
		fieldEdit("name-nul", func(_ dice, _, n, v string) string { return n + "\x00:" + v }),
		fieldEdit("name-cut", func(_ dice, _, n, v string) string {
			return n[:len(n)-1] + ":" +
				v
		}),
		fieldEdit("comment-name", func(_ dice, _, n, v string) string { return n + " (x):" + v }),
		{"first-line-from", func(_ dice, raw []byte) ([]byte, bool) {
			return append([]byte("From x@evil.example Sun Mar 10 10:44:31 2024\r\n"), raw...), true
		}},
		{"first-line-blank", func(_ dice, raw []byte) ([]byte, bool) {
			return append([]byte(crlf), raw...), true
		}},
		{"first-line-junk", func(_ dice, raw []byte) ([]byte, bool) {
			return append([]byte("junk\r\n"), raw...), true
		}},
		{"first-line-fold", func(_ dice, raw []byte) ([]byte, bool) {
			return append([]byte(" x\r\n"), raw...), true
		}},
		{"first-line-bom", func(_ dice, raw []byte) ([]byte, bool) {
			return append([]byte("\ufeff"), raw...), true
		}},
	}
}

// addedLine is a mutation that puts a line between fields.
func addedLine(name, text string) mutation {
	return tree(name, func(d dice, root *entity) bool {
		at := d.IntN(len(root.fields) + 1)
		root.fields = slices.Insert(root.fields, at, text)
		return true
	})
}

// fieldEdit is a mutation of a field; it leaves lines alone that are none.
func fieldEdit(name string, change func(d dice, field, name, value string) string) mutation {
	return tree(name, func(d dice, root *entity) bool {
		i := d.IntN(len(root.fields))
		n, v, ok := strings.Cut(root.fields[i], ":")
		if !ok || n == "" || v == "" {
			return false
		}
		root.fields[i] = change(d, root.fields[i], n, v)
		return true
	})
}

// insertion is a mutation that puts something into a value.
func insertion(name, junk string) mutation {
	return fieldEdit(name, func(d dice, _, n, v string) string {
		at := 1 + d.IntN(max(1, len(v)-len(crlf)-1))
		return n + ":" + v[:at] + junk + v[at:]
	})
}

// wideFold folds a field of the mail or of a part at a blank, with any width of white space before
// and behind.
func wideFold(d dice, root *entity) bool {
	e := one(d, root.all())
	if len(e.fields) == 0 {
		return false
	}
	i := d.IntN(len(e.fields))
	name, value, _ := strings.Cut(e.fields[i], ":")
	words := strings.Split(strings.TrimSuffix(value, crlf), " ")
	if len(words) < 3 {
		return false
	}
	at := 2 + d.IntN(len(words)-2)
	widths := []int{0, 1, 7, 8, 9, 15, 16, 40, 300}
	blank := one(d, []string{" ", "\t"})
	gap := strings.Repeat(blank, one(d, widths)) + crlf + strings.Repeat(blank, 1+one(d, widths))
	e.fields[i] = name + ":" + strings.Join(words[:at], " ") + gap + strings.Join(words[at:], " ") + crlf
	return true
}
