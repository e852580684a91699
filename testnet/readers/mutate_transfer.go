package readers

import (
	"encoding/base64"
	"strings"
)

// base64Edits are from "Inbox Invasion" and RFC 4648, section 12.
func base64Edits() []mutation {
	more := base64.StdEncoding.EncodeToString([]byte(evilText))
	insert := func(junk string) func(dice, string) string {
		return func(d dice, s string) string {
			at := d.IntN(len(s) + 1)
			return s[:at] + junk + s[at:]
		}
	}
	edits := []struct {
		name   string
		change func(d dice, s string) string
	}{
		{"junk", insert("!")}, {"junk-dash", insert("-")}, {"junk-underscore", insert("_")},
		{"junk-space", insert(" ")},
		{"junk-8bit", insert("\xe9")}, {"junk-nul", insert("\x00")}, {"junk-dot", insert(".")},
		{"junk-quote", insert("\"")},
		{"padding-inside", insert("=")}, {"padding-inside-2", insert("==")},
		{"padding-inside-4", insert("====")},
		{"blank-line", insert("\r\n\r\n")}, {"dashes-line", insert("\r\n-----\r\n")},
		{"comment", insert("(x)")},
		{"padding-missing", func(_ dice, s string) string { return strings.TrimRight(s, "=\r\n") }},
		{"padding-more", func(_ dice, s string) string {
			return strings.TrimRight(s, "\r\n") + "=="
		}},
		{"more-behind", func(_ dice, s string) string {
			return strings.TrimRight(s, "\r\n") + more
		}},
		{"more-behind-padding", func(_ dice, s string) string {
			return strings.TrimRight(s, "=\r\n") + "==\r\n" + more
		}},
		{"more-before", func(_ dice, s string) string { return more + s }},
		{"plain-behind", func(_ dice, s string) string { return s + crlf + evilText }},
		{"plain-before", func(_ dice, s string) string { return evilText + crlf + s }},
		{"cut", func(_ dice, s string) string { return s[:max(0, len(s)-3)] }},
		{"one-line", func(_ dice, s string) string { return strings.ReplaceAll(s, crlf, "") }},
		{"short-lines", func(_ dice, s string) string {
			return wrap(strings.ReplaceAll(s, crlf, ""), 7)
		}},
		{"long-lines", func(_ dice, s string) string {
			return wrap(strings.ReplaceAll(s, crlf, ""), 200)
		}},
		{"url-alphabet", func(_ dice, s string) string {
			return strings.NewReplacer("+", "-", "/", "_").Replace(s)
		}},
		{"trailing-bits", func(_ dice, s string) string {
			i := strings.Index(s, "=")
			if i < 1 {
				return s
			}
			return s[:i-1] + string(s[i-1]+1) + s[i:]
		}},
		{"bare-lf", func(_ dice, s string) string { return strings.ReplaceAll(s, crlf, "\n") }},
		{"bare-cr", func(_ dice, s string) string { return strings.Replace(s, crlf, "\r", 1) }},
		{"white-line-begin", func(_ dice, s string) string {
			return " " + strings.ReplaceAll(s, crlf, crlf+" ")
		}},
		{"white-line-end", func(_ dice, s string) string {
			return strings.ReplaceAll(s, crlf, " \t"+crlf)
		}},
		{"twice", func(_ dice, s string) string {
			return wrap(base64.StdEncoding.EncodeToString([]byte(s)), 76)
		}},
		{"qp-in-base64", func(_ dice, s string) string {
			return strings.Replace(s, crlf, "="+crlf, 1)
		}},
		{"chunks-padded", func(_ dice, s string) string {
			content, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(s, crlf, ""))
			if err != nil || len(content) < 8 {
				return s
			}
			return base64.StdEncoding.EncodeToString(content[:7]) + crlf + base64.StdEncoding.EncodeToString(content[7:])
		}},
	}
	var list []mutation
	for _, e := range edits {
		list = append(list, encodedAs("base64", "base64-"+e.name, e.change))
	}
	return list
}

func quotedPrintableEdits() []mutation {
	insert := func(junk string) func(dice, string) string {
		return func(d dice, s string) string {
			at := strings.IndexByte(s, ' ')
			if at < 0 {
				return s
			}
			return s[:at] + junk + s[at:]
		}
	}
	edits := []struct {
		name   string
		change func(d dice, s string) string
	}{
		{"soft-break", insert("=\r\n")}, {"soft-break-white", insert("= \t\r\n")},
		{"soft-break-lf", insert("=\n")},
		{"soft-break-cr", insert("=\r")}, {"bad-escape", insert("=XY")},
		{"half-escape", insert("=4")}, {"lone-equals", insert("=")},
		{"two-equals", insert("==")}, {"bad-escape-digit", insert("=4G")},
		{"escape-space", insert("= 41")}, {"8bit", insert("\xe9")},
		{"escaped-crlf", insert("=0D=0A")}, {"escaped-lf", insert("=0A")},
		{"escaped-cr", insert("=0D")}, {"escaped-nul", insert("=00")},
		{"escaped-equals", insert("=3D")}, {"text", insert("9")}, {"control", insert("\x01")},
		{"escaped-trailing", insert("=20\r\n")},
		{"lower", func(_ dice, s string) string {
			at := strings.IndexByte(s, '=')
			if at < 0 || at+3 > len(s) {
				return s
			}
			return s[:at] + strings.ToLower(s[at:at+3]) + s[at+3:]
		}},
		{"all-escaped", func(_ dice, s string) string { return strings.ReplaceAll(s, "e", "=65") }},
		{"long-line", func(_ dice, s string) string { return strings.ReplaceAll(s, "="+crlf, "") }},
		{"white-line-end", func(_ dice, s string) string {
			return strings.Replace(s, crlf, "  "+crlf, 1)
		}},
		{"ends-soft", func(_ dice, s string) string { return strings.TrimRight(s, crlf) + "=" }},
		{"ends-soft-crlf", func(_ dice, s string) string {
			return strings.TrimRight(s, crlf) + "=" + crlf
		}},
		{"dashes", func(_ dice, s string) string { return s + crlf + "=2D-a1" + crlf + evilText }},
	}
	var list []mutation
	for _, e := range edits {
		list = append(list, encodedAs("quoted-printable", "qp-"+e.name, e.change))
	}
	return list
}
