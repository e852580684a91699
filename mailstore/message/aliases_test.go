package message_test

import (
	"strings"
	"testing"

	"cairn/mailstore/message"
)

func TestShownCharsets(t *testing.T) {
	for _, tt := range []struct{ charset, body, want string }{
		{"cp932", "\x93\xfa\x96{", "日本"},
		{"CP-1252", "\x80", "€"},
		{"win-1251", "\xcf\xf0\xe8", "При"},
		{"uhc", "\x81A", "갂"},
		{"ms936", "\x81@", "丂"},
		{"latin-1", "\xe4", "ä"},
		{"utf-7", "Hi Mom +Jjo-!", "Hi Mom ☺!"},
		{"UTF-7", "1 +- 1 = +2D3eAA-", "1 + 1 = 😀"},
		{"utf-7", "a+", "a+"},
		{"utf-7", "+2D3", "\ufffd"},
		{"utf-7", "\xe4", "\ufffd"},
	} {
		raw := "From: =?" + tt.charset + "?Q?=" + strings.ToUpper(hexOf(tt.body)) + "?= <a@b.example>\nSubject: Re: =?" + tt.charset + "?q?=" + hexOf(tt.body) +
			"?=\nContent-Type: text/plain; charset=" + tt.charset + "\n\n" + tt.body + "\n"
		m := message.Parse([]byte(raw))
		if m.Text != tt.want || m.Subject != "Re: "+tt.want || m.From[0].Name != tt.want {
			t.Errorf("%s: text %q, subject %q, from %q, want %q", tt.charset, m.Text, m.Subject, m.From, tt.want)
		}
	}
	m := message.Parse([]byte("Subject: =?cp932*ja?q?=93=FA?= =?x-none?q?a?= =? =?utf-7?q?open\n\n"))
	if m.Subject != "日a =? =?utf-7?q?open" {
		t.Errorf("subject %q", m.Subject)
	}
}

// hexOf is s as "XX=XX=XX".
func hexOf(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if i > 0 {
			b.WriteByte('=')
		}
		b.WriteByte(digits[s[i]>>4])
		b.WriteByte(digits[s[i]&15])
	}
	return b.String()
}
