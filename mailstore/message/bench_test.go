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
