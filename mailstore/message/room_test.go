package message

import (
	"strings"
	"testing"
)

// What is beyond the bounds of the headers is no field of anything, but
// changing it does not stay unseen.
func TestHeadersBeyondBounds(t *testing.T) {
	defer func(r room) { maxHeaders = r }(maxHeaders)
	maxHeaders = room{lines: 5, bytes: 200}
	long := strings.Repeat("x", 150)
	for _, tt := range []struct{ name, raw, subject, text string }{
		{"lines", "Subject: a\nA: 1\nB: 2\nC: 3\nD: 4\nSubject: late\n\ntext\n", "a", "text"},
		{"bytes", "Subject: a\nA: " + long + "\nB: " + long + "\nTo: late@x.example\n\ntext\n", "a", "text"},
		{"part", "Subject: a\nContent-Type: multipart/mixed; boundary=o\n\n--o\nA: 1\nB: 2\nC: 3\nContent-Type: late\n\ntext\n--o--\n", "a", "text"},
		{"no body", "Subject: a\nA: 1\nB: 2\nC: 3\nD: 4\nSubject: late\n", "a", ""},
	} {
		m := Parse([]byte(tt.raw))
		if m.Subject != tt.subject || m.Text != tt.text || len(m.To) > 0 {
			t.Errorf("%s: subject %q, text %q, to %v", tt.name, m.Subject, m.Text, m.To)
		}
		structure := func(raw string) string {
			for _, c := range ComponentsV1([]byte(raw), nil) {
				if c.Type == Structure {
					return string(c.Content())
				}
			}
			return ""
		}
		changed := strings.Replace(tt.raw, "late", "soon", 1)
		if a, b := structure(tt.raw), structure(changed); a == "" || a == b {
			t.Errorf("%s: structure %q, changed %q", tt.name, a, b)
		}
		if crlf := strings.ReplaceAll(tt.raw, "\n", "\r\n"); structure(crlf) != structure(tt.raw) {
			t.Errorf("%s: depends on line ends", tt.name)
		}
	}
}
