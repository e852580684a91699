package message_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"cairn/mailstore/message"
)

// BenchmarkLargeAttachment reads a mail with one attachment, in either line end: bytes/op shows the
// copies made of it.
func BenchmarkLargeAttachment(b *testing.B) {
	line := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00\xff attachment\x01", 4)))[:76] + "\n"
	lf := "From: a@b.example\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\n" + strings.Repeat(line, 20<<20/len(line))
	for name, raw := range map[string][]byte{"LF": []byte(lf), "CRLF": withCRLF([]byte(lf))} {
		b.Run(fmt.Sprintf("20MB-%s", name), func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if len(message.ComponentsV1(raw, nil)) < 3 {
					b.Fatal("no attachment")
				}
			}
		})
	}
}

// BenchmarkParseHeader reads the header of a mail with a record.
func BenchmarkParseHeader(b *testing.B) {
	token := strings.Repeat(strings.Repeat("0123456789abcdef", 4)+"\r\n ", 20)
	raw := []byte("Received: from a.example ([192.0.2.1]) by b.example with ESMTPS id 1; Sat, 21 Nov 2026 10:00:00 +0000\r\n" +
		"Cairn-Record: " + token + "x\r\nFrom: Jo <jo@a.example>\r\nTo: Ann <ann@b.example>\r\nSubject: Figures\r\n" +
		"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@a.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHi\r\n")
	b.ReportAllocs()
	for b.Loop() {
		if m := message.ParseHeader(raw); len(m.From) != 1 {
			b.Fatal("no author")
		}
	}
}
