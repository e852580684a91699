package grammar_test

import (
	"strings"
	"testing"

	"cairn/mailstore/message/grammar"
)

func mediaText(m grammar.Media, ok bool) string {
	if !ok {
		return "no"
	}
	text := m.Kind
	for _, p := range m.Params {
		text += ";" + p.Name + "=" + p.Value
	}
	switch {
	case m.OddFile:
		text += " odd " + m.File
	case m.Named:
		text += " file " + m.File
	}
	return text
}

func TestMediaType(t *testing.T) {
	for _, tt := range []struct{ why, in, want string }{
		{"plain", "text/plain", "text/plain"},
		{"letter case and order", "Text/PLAIN; Format=Flowed; CHARSET=UTF-8", "text/plain;charset=UTF-8;format=Flowed"},
		{"quoted", `text/plain; charset="utf-8"`, "text/plain;charset=utf-8"},
		{"white space around semicolons", "text/plain ; \t a=b ;c=\"d\" ", "text/plain;a=b;c=d"},
		{"an empty charset", `text/plain; charset=""`, "no"},
		{"a tab behind the type", "text/plain\t; a=b", "no"},
		{"semicolon at the end", "text/plain; a=b; ", "text/plain;a=b"},
		{"boundary", `multipart/mixed; boundary="a b=:'()+_,-./?"`, "multipart/mixed;boundary=a b=:'()+_,-./?"},
		{"no subtype", "text", "no"},
		{"empty subtype", "text/", "no"},
		{"two slashes", "text/plain/x", "no"},
		{"space in the type", "text /plain", "no"},
		{"comment", "text/plain (really)", "no"},
		{"comment in a parameter", "text/plain; charset=(x)utf-8", "no"},
		{"two semicolons", "text/plain;; a=b", "no"},
		{"no value", "text/plain; a=", "no"},
		{"no equals", "text/plain; a", "no"},
		{"space before equals", "text/plain; a =b", "no"},
		{"space behind equals", "text/plain; a= b", "no"},
		{"text behind quotes", `text/plain; a="b"c`, "no"},
		{"text behind a token", "text/plain; a=b c", "no"},
		{"open quotes", `text/plain; a="b`, "no"},
		{"backslash", `text/plain; a="b\"c"`, "no"},
		{"semicolon in quotes", `text/plain; a="b;c=d"`, "no"},
		{"tab in quotes", "text/plain; a=\"b\tc\"", "no"},
		{"single quotes are letters", "text/plain; a='b'", "text/plain;a='b'"},
		{"specials without quotes", "multipart/mixed; boundary=a:b", "no"},
		{"doubled", "text/plain; a=b; A=c", "no"},
		{"RFC 2231", "text/plain; charset*=us-ascii''utf-8", "no"},
		{"RFC 2231, in pieces", "multipart/mixed; boundary*0=a; boundary*1=b", "no"},
		{"encoded word", `text/plain; a="=?utf-8?q?x?="`, "no"},
		{"8-bit", "text/plain; a=\"\xc3\xa4\"", "no"},
		{"control", "text/plain; a=\"b\x01\"", "no"},
		{"DEL", "text/plain; a=\"b\x7f\"", "no"},
		{"name", "image/png; name=a.png", "image/png file a.png"},
		{"empty name", `image/png; name=""`, "image/png file "},
		{"extended name", "image/png; name*=utf-8'en'%C3%A4.png", "image/png file ä.png"},
		{"NFC", "image/png; name*=utf-8''a%CC%88.png", "image/png file ä.png"},
		{"name in pieces", `image/png; name*0="long "; name*1=name.png`, "image/png file long name.png"},
		{"extended pieces", "image/png; name*0*=iso-8859-1''%E4; name*1=b; name*2*=%E4", "image/png file äbä"},
		{"pieces out of order", "image/png; name*1=b; name*0=a", "image/png odd name*1=b; name*0=a"},
		{"piece missing", "image/png; name*0=a; name*2=b", "image/png odd name*0=a; name*2=b"},
		{"leading zero", "image/png; name*00=a", "image/png odd name*00=a"},
		{"both forms", "image/png; name=a; name*=utf-8''b", "image/png odd name=a; name*=utf-8''b"},
		{"name twice", "image/png; name=a; name=b", "image/png odd name=a; name=b"},
		{"no charset", "image/png; name*=''a", "image/png odd name*=''a"},
		{"no quotes of RFC 2231", "image/png; name*=a", "image/png odd name*=a"},
		{"one quote in the first piece", "image/png; name*0*=utf-8'a", "image/png odd name*0*=utf-8'a"},
		{"unknown charset", "image/png; name*=x-none''a", "image/png odd name*=x-none''a"},
		{"broken code", "image/png; name*=utf-8''%4", "image/png odd name*=utf-8''%4"},
		{"code in a plain piece", `image/png; name*0="%41"; name*1=b`, "image/png odd name*0=%41; name*1=b"},
		{"code that is decoded to one", "image/png; name*=utf-8''%2541", "image/png odd name*=utf-8''%2541"},
		{"RFC 2231 in a plain name", "image/png; name=\"utf-8''a\"", "image/png odd name=utf-8''a"},
		{"encoded word in a name", `image/png; name="=?utf-8?q?a?="`, "image/png odd name==?utf-8?q?a?="},
		{"decodes to an encoded word", "image/png; name*=utf-8''%3D%3Futf-8%3Fq%3Fa%3F%3D", "image/png odd name*=utf-8''%3D%3Futf-8%3Fq%3Fa%3F%3D"},
		{"8-bit in a name", "image/png; name=\"\xe4\"", "image/png odd name=\xe4"},
		{"line end in a name", "image/png; name*=utf-8''a%0Ab", "image/png odd name*=utf-8''a%0Ab"},
		{"line separator in a name", "image/png; name*=utf-8''a%E2%80%A8b", "image/png odd name*=utf-8''a%E2%80%A8b"},
		{"charset that programs differ in", "image/png; name*=gb2312''%81%40", "image/png odd name*=gb2312''%81%40"},
	} {
		if got := mediaText(grammar.MediaType(tt.in)); got != tt.want {
			t.Errorf("%s: MediaType(%q) = %q, want %q", tt.why, tt.in, got, tt.want)
		}
	}
}

func TestDisposition(t *testing.T) {
	for in, want := range map[string]string{
		"inline": "inline", "Attachment; FileName=a": "attachment file a", "attachment; size=3; filename*=utf-8''a": "attachment;size=3 file a",
		"": "no", "a/b": "no", `"attachment"`: "no", "attachment (x)": "no", "attachment filename=a": "no", "attachment; name=a": "attachment;name=a",
	} {
		if got := mediaText(grammar.Disposition(in)); got != want {
			t.Errorf("Disposition(%q) = %q, want %q", in, got, want)
		}
	}
	m, _ := grammar.MediaType("text/plain; b=2; a=1")
	if m.Get("a") != "1" || m.Get("b") != "2" || m.Get("c") != "" {
		t.Errorf("Get of %+v", m)
	}
}

// What is read is written plainly and read again the same.
func FuzzMediaType(f *testing.F) {
	for _, seed := range []string{
		`text/plain; charset="utf-8"; format=flowed`, "a/b; name*0*=utf-8''%C3%A4; name*1=b", "a/b; name=c; name*=utf-8''d;", "a/b" + strings.Repeat("; a=\"b\"", 30),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for _, read := range []func(string) (grammar.Media, bool){grammar.MediaType, grammar.Disposition} {
			m, ok := read(in)
			if !ok {
				continue
			}
			plain := m.Kind
			for i, p := range m.Params {
				if i > 0 && m.Params[i-1].Name >= p.Name || strings.ContainsAny(p.Value, ";\t\r\n\"\\") {
					t.Fatalf("%q: %+v", in, m.Params)
				}
				plain += "; " + p.Name + "=\"" + p.Value + "\""
			}
			if !m.OddFile && strings.ContainsFunc(m.File, func(r rune) bool {
				return r < ' ' && r != '\t' || r == 0x7f || r == '\ufffd' && !strings.Contains(in, "%")
			}) {
				t.Fatalf("%q: file %q", in, m.File)
			}
			again, ok := read(plain)
			if m.Named, m.OddFile, m.File = false, false, ""; !ok || mediaText(again, true) != mediaText(m, true) {
				t.Fatalf("%q is %+v, written plainly %q is %+v", in, m, plain, again)
			}
		}
	})
}
