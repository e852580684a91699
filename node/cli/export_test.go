package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/node/api"
)

// What mboxrd adds can be taken away again, and leaves the message as it was.
func TestMboxKeepsOctets(t *testing.T) {
	received := time.Date(2026, 5, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
	raws := []string{"Subject: x\r\n\r\nFrom a\r\n>From b\r\n>>From c\r\n From d\r\n> From e\r\n", "Subject: y\n\nno end", "", "From f\n"}
	var out bytes.Buffer
	b := newMbox(nopCloser{&out})
	for _, raw := range raws {
		if err := b.write(&api.Summary{Received: received}, []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	const separator = "From MAILER-DAEMON Sun May  3 03:05:06 2026\n"
	var got []string
	for line := range strings.Lines(out.String()) {
		if line == separator {
			got = append(got, "")
			continue
		}
		if strings.HasPrefix(line, ">") && strings.HasPrefix(strings.TrimLeft(line, ">"), "From ") {
			line = line[1:]
		}
		got[len(got)-1] += line
	}
	if len(got) != len(raws) {
		t.Fatalf("%d messages in\n%s", len(got), out.String())
	}
	for i, raw := range raws {
		if !strings.HasSuffix(raw, "\n") {
			raw += "\n"
		}
		if got[i] != raw+"\n" {
			t.Errorf("message %d comes back as %q, was %q", i, got[i], raw)
		}
	}
}

// A Maildir has each message as it is, what was read among what was seen, and none is written over.
func TestMaildirKeepsOctets(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mails")
	d, err := newMaildir(dir)
	if err != nil {
		t.Fatal(err)
	}
	received, raw := time.Unix(1_800_000_000, 0), []byte("Subject: x\r\n\r\nFrom a\r\n")
	for _, m := range []api.Summary{{Ref: "a.b/c/7", Received: received, Labels: []string{"unread"}}, {Ref: "al/8", Received: received}} {
		if err := d.write(&m, raw); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"new/1800000000.a_b_c_7.cairn", "cur/1800000000.al_8.cairn:2,S"} {
		path := filepath.Join(dir, name)
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if info, err := os.Stat(path); err != nil || !info.ModTime().Equal(received) || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if _, err := newMaildir(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v", err)
	}
}

// A name that a stranger chose leads nowhere else.
func TestFileName(t *testing.T) {
	for name, want := range map[string]string{
		"offer.pdf": "offer.pdf", "../../etc/passwd": "_.._etc_passwd", `C:\x.txt`: "C__x.txt", ".bashrc": "bashrc", "-rf": "rf", "~root": "root", "": "part-7", "..": "part-7", " . ": "part-7",
		"a\nb\x00c.txt": "a_b_c.txt", "\u202egpj.exe": "_gpj.exe", "Grüße 請求書.pdf": "Grüße 請求書.pdf", strings.Repeat("x", 300) + ".pdf": strings.Repeat("x", 196) + ".pdf", "\xff.bin": "_.bin",
	} {
		if got := fileName(name, 7); got != want {
			t.Errorf("%q is saved as %q, want %q", name, got, want)
		}
	}
}
