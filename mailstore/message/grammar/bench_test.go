package grammar_test

import (
	"strings"
	"testing"

	"cairn/mailstore/message/grammar"
)

// BenchmarkReadSection reads the header of a mail with a record.
func BenchmarkReadSection(b *testing.B) {
	token := strings.Repeat(strings.Repeat("0123456789abcdef", 4)+"\r\n ", 20)
	raw := []byte("Received: from a.example ([192.0.2.1]) by b.example\r\n\twith ESMTPS id 1; Sat, 21 Nov 2026 10:00:00 +0000\r\n" +
		"Cairn-Record: " + token + "x\r\nFrom: Jo <jo@a.example>\r\nTo: Ann <ann@b.example>\r\nSubject: Figures\r\n" +
		"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@a.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHi\r\n")
	b.ReportAllocs()
	for b.Loop() {
		if s := grammar.ReadSection(raw, grammar.MaxHeader); len(s.Fields) != 9 {
			b.Fatalf("%d fields", len(s.Fields))
		}
	}
}
