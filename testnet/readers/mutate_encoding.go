package readers

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// encodings change the transfer encoding's name, or what is encoded.
func encodings() []mutation {
	var list []mutation
	// %e is the encoding as it was.
	names := []struct{ name, value string }{
		{"comment-behind", "%e (x)"}, {"comment-before", "(x) %e"}, {"comment-stuck", "%e(x)"},
		{"token-behind", "%e x"},
		{"semicolon", "%e;"}, {"parameter", "%e; x=y"}, {"comma", "%e, 7bit"}, {"quoted", `"%e"`},
		{"single-quotes", "'%e'"},
		{"upper", "%E"}, {"spaces", "   %e   "}, {"space-behind", "%e "}, {"tab-behind", "%e\t"},
		{"nbsp", "%e\u00a0"}, {"fullwidth", "ｂａｓｅ６４"},
		{"nul", "%e\x00"}, {"tab", "\t%e\t"},
		{"dashless", "quotedprintable"}, {"underscore", "quoted_printable"}, {"x-prefix", "x-%e"},
		{"unknown", "x-unknown"},
		{"uuencode", "x-uuencode"}, {"uue", "uuencode"}, {"yenc", "x-yenc"}, {"gzip", "gzip64"},
		{"base-64", "base-64"},
		{"b", "b"}, {"q", "q"}, {"empty", ""}, {"7bit", "7bit"}, {"8bit", "8bit"},
		{"binary", "binary"}, {"base64", "base64"},
		{"qp", "quoted-printable"}, {"encoded-word", "=?us-ascii?Q?%e?="}, {"folded", "\r\n %e"},
		{"folded-inside", "base\r\n 64"},
		{"quoted-pair", `ba\se64`}, {"dot", "%e."}, {"8-bit", "8-bit"}, {"utf8", "utf-8"},
		{"text", "text"},
	}
	for _, n := range names {
		list = append(list, tree("name-"+n.name, func(d dice, root *entity) bool {
			e := one(d, root.leaves())
			old := e.value("Content-Transfer-Encoding")
			if old == "" {
				old = "7bit"
			}
			e.set("Content-Transfer-Encoding", strings.NewReplacer("%e", old, "%E", strings.ToUpper(old)).Replace(n.value))
			return true
		}))
	}
	for _, second := range []string{"7bit", "base64", "quoted-printable", "x-unknown"} {
		list = append(list, tree("doubled-"+second, func(d dice, root *entity) bool {
			e := one(d, root.leaves())
			field := "Content-Transfer-Encoding: " + second + crlf
			if d.IntN(2) == 0 {
				e.fields = append([]string{field}, e.fields...)
			} else {
				e.fields = append(e.fields, field)
			}
			return true
		}), tree("on-multipart-"+second, func(d dice, root *entity) bool {
			m := one(d, root.multiparts())
			if m == nil {
				return false
			}
			m.set("Content-Transfer-Encoding", second)
			return true
		}))
	}
	for _, encoding := range []string{"base64", "quoted-printable"} { // RFC 2046, section 5.2.1 forbids it
		list = append(list, tree("message-"+encoding, func(d dice, root *entity) bool {
			e := one(d, root.leaves())
			if !strings.HasPrefix(e.kind(), "message/") && !untyped(root, e) {
				return false
			}
			e.encode(e.body, encoding)
			return true
		}))
	}
	list = append(list, base64Edits()...)
	list = append(list, quotedPrintableEdits()...)
	return append(list, enclosed()...)
}

// encodedAs is a mutation of the octets of a leaf with that encoding.
func encodedAs(encoding, name string, change func(d dice, body string) string) mutation {
	return tree(name, func(d dice, root *entity) bool {
		e := one(d, root.leaves())
		if !strings.EqualFold(e.value("Content-Transfer-Encoding"), encoding) {
			content, ok := e.decoded()
			if !ok || !strings.HasPrefix(e.kind(), "text/") {
				return false
			}
			e.encode(content, encoding)
		}
		body := change(d, e.body)
		if body == e.body || body == "" {
			return false
		}
		e.body = body
		return true
	})
}

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
		{"padding-more", func(_ dice, s string) string { return strings.TrimRight(s, "\r\n") + "==" }},
		{"more-behind", func(_ dice, s string) string { return strings.TrimRight(s, "\r\n") + more }},
		{"more-behind-padding", func(_ dice, s string) string { return strings.TrimRight(s, "=\r\n") + "==\r\n" + more }},
		{"more-before", func(_ dice, s string) string { return more + s }},
		{"plain-behind", func(_ dice, s string) string { return s + crlf + evilText }},
		{"plain-before", func(_ dice, s string) string { return evilText + crlf + s }},
		{"cut", func(_ dice, s string) string { return s[:max(0, len(s)-3)] }},
		{"one-line", func(_ dice, s string) string { return strings.ReplaceAll(s, crlf, "") }},
		{"short-lines", func(_ dice, s string) string { return wrap(strings.ReplaceAll(s, crlf, ""), 7) }},
		{"long-lines", func(_ dice, s string) string { return wrap(strings.ReplaceAll(s, crlf, ""), 200) }},
		{"url-alphabet", func(_ dice, s string) string { return strings.NewReplacer("+", "-", "/", "_").Replace(s) }},
		{"trailing-bits", func(_ dice, s string) string {
			i := strings.Index(s, "=")
			if i < 1 {
				return s
			}
			return s[:i-1] + string(s[i-1]+1) + s[i:]
		}},
		{"bare-lf", func(_ dice, s string) string { return strings.ReplaceAll(s, crlf, "\n") }},
		{"bare-cr", func(_ dice, s string) string { return strings.Replace(s, crlf, "\r", 1) }},
		{"white-line-begin", func(_ dice, s string) string { return " " + strings.ReplaceAll(s, crlf, crlf+" ") }},
		{"white-line-end", func(_ dice, s string) string { return strings.ReplaceAll(s, crlf, " \t"+crlf) }},
		{"twice", func(_ dice, s string) string { return wrap(base64.StdEncoding.EncodeToString([]byte(s)), 76) }},
		{"qp-in-base64", func(_ dice, s string) string { return strings.Replace(s, crlf, "="+crlf, 1) }},
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
		{"white-line-end", func(_ dice, s string) string { return strings.Replace(s, crlf, "  "+crlf, 1) }},
		{"ends-soft", func(_ dice, s string) string { return strings.TrimRight(s, crlf) + "=" }},
		{"ends-soft-crlf", func(_ dice, s string) string { return strings.TrimRight(s, crlf) + "=" + crlf }},
		{"dashes", func(_ dice, s string) string { return s + crlf + "=2D-a1" + crlf + evilText }},
	}
	var list []mutation
	for _, e := range edits {
		list = append(list, encodedAs("quoted-printable", "qp-"+e.name, e.change))
	}
	return list
}

// enclosed puts files into text in the ways that are older than MIME.
func enclosed() []mutation {
	var uu strings.Builder
	data := []byte("our account is DE99 9999")
	uu.WriteString("begin 644 evil.txt\r\n" + string(rune(32+len(data))))
	for i := 0; i+2 < len(data); i += 3 {
		v := uint32(data[i])<<16 | uint32(data[i+1])<<8 | uint32(data[i+2])
		for shift := 18; shift >= 0; shift -= 6 {
			uu.WriteByte(byte(32 + v>>shift&63))
		}
	}
	uu.WriteString("\r\n`\r\nend\r\n")
	kinds := []struct{ name, text string }{
		{"uuencode", uu.String()},
		{"yenc", fmt.Sprintf("=ybegin line=128 size=%d name=evil.txt\r\nkkkkk\r\n=yend size=%d\r\n", 5, 5)},
		{"binhex", "(This file must be converted with BinHex 4.0)\r\n:$f*TEQKPH:\r\n"},
		{"pgp", "-----BEGIN PGP MESSAGE-----\r\n\r\nx\r\n-----END PGP MESSAGE-----\r\n"},
		{"headers", "\r\n--a1\r\nContent-Type: text/html\r\n\r\n<p>evil</p>\r\n"},
	}
	var list []mutation
	for _, k := range kinds {
		for _, where := range []string{"before", "behind"} {
			list = append(list, tree("enclosed-"+k.name+"-"+where, func(d dice, root *entity) bool {
				e := one(d, root.texts())
				if e == nil {
					return false
				}
				content, ok := e.decoded()
				if !ok {
					return false
				}
				if where == "before" {
					content = k.text + content
				} else {
					content += crlf + k.text
				}
				encoding := e.value("Content-Transfer-Encoding")
				if encoding == "" {
					e.body = content
					return true
				}
				e.encode(content, encoding)
				return true
			}))
		}
	}
	return list
}
