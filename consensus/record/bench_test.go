package record_test

import (
	"fmt"
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// benchMail returns a mail of about size bytes as a mail program makes it: text, HTML and, if large, an attachment.
func benchMail(size int) []byte {
	words := "Quarterly figures for the harvest are attached, please look at the second column. "
	lines := func(n int, encode func(string) string) string {
		var b strings.Builder
		for b.Len() < n {
			b.WriteString(encode(words))
			b.WriteString("\r\n")
		}
		return b.String()
	}
	head := "Received: from laptop.a.example ([192.0.2.7]) by mail.a.example with ESMTPS id 77; Sat, 21 Nov 2026 10:00:00 +0000\r\n" +
		"From: =?utf-8?q?J=C3=B6rg?= <joerg@a.example>\r\nTo: Ann <ann@b.example>, Bob <bob@b.example>\r\nCc: list@b.example\r\n" +
		"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: =?utf-8?b?SGFydmVzdCBmaWd1cmVzIOKAkyBRMw==?=\r\nMessage-ID: <1@a.example>\r\n" +
		"In-Reply-To: <0@b.example>\r\nReferences: <0@b.example>\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n"
	text := "--inner\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + lines(size*3/10, func(s string) string { return s[:70] }) + "-- \r\nJörg\r\n"
	html := "--inner\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<html><body>" +
		lines(size*3/10, func(s string) string { return "<p>" + s[:40] + "=\r\n" + s[40:] + "=C3=A9</p>" }) + "</body></html>\r\n--inner--\r\n"
	attachment := ""
	if size > 10000 {
		attachment = "--outer\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n" +
			lines(size*4/10, func(string) string {
				return "JVBERi0xLjcKJeLjz9MKNSAwIG9iago8PC9GaWx0ZXIvRmxhdGVEZWNvZGUvTGVuZ3RoIDM4Pj5z"
			})
	}
	return []byte(head + text + html + attachment + "--outer--\r\n")
}

var t0 = record.Token{Secret: record.Secret{1, 2, 3}}

// BenchmarkToken is what the record of an ordinary mail costs beyond its components: at the sender's,
// signed alone as the dearest case, and at the recipient's, read from the header and checked.
func BenchmarkToken(b *testing.B) {
	comps := message.Components(benchMail(4<<10), []string{"ann@b.example"})
	b.Run("make", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sealed(comps, 0, 1).Header()
		}
	})
	for version, seal := range versions {
		raw := append(seal(comps, 1000, 1024).Header(), benchMail(4<<10)...)
		b.Run(fmt.Sprintf("check/version=%d", version), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if tok, _, err := record.FindToken(raw); err != nil || !tok.VerifySignature() {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkTags is what tags cost beside the salts of Commit.
func BenchmarkTags(b *testing.B) {
	hints := make([]message.Hint, 20)
	for i := range hints {
		hints[i] = message.Hint{Label: "x-header", Value: []byte{byte(i)}}
	}
	b.ReportAllocs()
	for b.Loop() {
		record.TagsOf(t0.Secret, hints)
	}
}
