package readers

import (
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
			e.set("Content-Transfer-Encoding", strings.NewReplacer("%e", old, "%E",
				strings.ToUpper(old)).Replace(n.value))
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
		{"yenc", fmt.Sprintf("=ybegin line=128 size=%d name=evil.txt\r\nkkkkk\r\n=yend size=%d\r\n",
			5, 5)},
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
