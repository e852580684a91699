package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/mailstore/message"
)

func TestComposedLetterReadsBack(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "Bücher.bin")
	content := []byte("\x00\x01\r\n\xff")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "lines.txt")
	if err := os.WriteFile(text, []byte("one\ntwo\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := letter{
		from:    "Jörg <joerg@Bücher.Example>",
		to:      []string{"bob@beta.example, Ann <ann@beta.example>"},
		cc:      []string{"eve@gamma.example"},
		subject: "Grüße\r\nBcc: mallory@evil.example",
		text:    []byte("Hello Bob,\n.\nFrom here = there\n\n" + strings.Repeat("long ", 300) + "end"),
		date:    time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC),
	}
	for _, attach := range [][]string{nil, {file, text}} {
		l.attach = attach
		raw, err := l.compose()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Count(raw, []byte("\n")) != bytes.Count(raw, []byte("\r\n")) || bytes.Count(raw, []byte("\r")) != bytes.Count(raw, []byte("\r\n")) {
			t.Error("a line does not end in CRLF")
		}
		for n, row := range strings.Split(string(raw), "\r\n") {
			if len(row) > 998 {
				t.Errorf("line %d has %d bytes", n+1, len(row)) // RFC 5322, section 2.1.1
			}
		}
		if !bytes.Contains(raw, []byte("\r\nMIME-Version: 1.0\r\n")) {
			t.Errorf("MIME-Version is not written as in RFC 2045, which filters of spam look at:\n%s", raw)
		}
		m := message.Parse(raw)
		if len(m.From) != 1 || m.From[0].Addr != "joerg@xn--bcher-kva.example" || m.From[0].Name != "Jörg" || len(m.To) != 2 || len(m.Cc) != 1 {
			t.Errorf("From %v, To %v, Cc %v", m.From, m.To, m.Cc)
		}
		if m.Subject != "Grüße Bcc: mallory@evil.example" || len(m.Headers("Bcc")) > 0 || !m.Date.Equal(l.date) {
			t.Errorf("subject %q, date %v", m.Subject, m.Date)
		}
		if got := strings.TrimRight(strings.ReplaceAll(m.Text, "\r\n", "\n"), "\n"); got != string(l.text) {
			t.Errorf("text came back as %q", got)
		}
		if len(m.Attachments) != len(attach) {
			t.Fatalf("%d attachments", len(m.Attachments))
		}
		if len(attach) > 0 && (m.Attachments[0].Name != "Bücher.bin" || !bytes.Equal(m.Attachments[0].Content(), content)) {
			t.Errorf("attachment %+v", m.Attachments[0])
		}
	}
}

func TestBadLetters(t *testing.T) {
	good := letter{from: "a@alpha.example", to: []string{"b@beta.example"}, text: []byte("x")}
	for name, change := range map[string]func(*letter){
		"binary text":    func(l *letter) { l.text = []byte("\xff") },
		"bad sender":     func(l *letter) { l.from = "alice" },
		"bad recipient":  func(l *letter) { l.to = []string{"b@beta"} },
		"no such file":   func(l *letter) { l.attach = []string{"/nonexistent/file"} },
		"line in sender": func(l *letter) { l.from = "a@alpha.example\r\nBcc: x@y.example" },
	} {
		l := good
		change(&l)
		if raw, err := l.compose(); err == nil {
			t.Errorf("%s: composed %q", name, raw)
		}
	}
}

func TestCRLF(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a": "a", "a\nb\n": "a\r\nb\r\n", "a\r\nb": "a\r\nb", "\n": "\r\n", "a\rb": "a\rb",
	} {
		if got := string(crlf([]byte(in))); got != want {
			t.Errorf("crlf(%q) = %q, want %q", in, got, want)
		}
	}
}
