package draft

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"cairn/mailstore/message"
	"cairn/mailstore/testenv"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/rawheader"
)

// TestASCIIFields: UTF-8 in a header is encoded where that says the same, and stays where not.
func TestASCIIFields(t *testing.T) {
	long := strings.Repeat("größer und schöner ", 20)
	for _, tt := range []struct{ field, want string }{
		{"Subject: hello", ""},
		{"Subject: grüße", "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?="},
		{"Subject: \r\n 你好世界", "Subject: =?utf-8?b?5L2g5aW95LiW55WM?="},
		{"Subject: =?utf-8?q?a?= ü", ""}, // words in two forms
		{"Subject: gr\xfc\xdfe", ""},     // of a charset that nobody tells
		{"X-Note: für", "X-Note: =?utf-8?q?f=C3=BCr?="},
		{"References: <ü@example.org>", ""},
		{"From: Jürgen Groß <j@example.org>", "From: =?utf-8?b?SsO8cmdlbiBHcm/Dnw==?= <j@example.org>"},
		{"From: \"Groß, J\\\"\" <j@example.org>", "From: =?utf-8?b?R3Jvw58sIEoi?= <j@example.org>"},
		{"To: a@example.org, Ü <b@example.org>,c@example.org", "To: a@example.org,\r\n =?utf-8?b?w5w=?= <b@example.org>,\r\n c@example.org"},
		{"To: Für alle: a@example.org, \"B, C\" <b@example.org>;", "To: =?utf-8?b?RsO8ciBhbGxl?=:\r\n a@example.org,\r\n \"B, C\" <b@example.org>;"},
		{"Cc: a@example.org (Jürgen)", "Cc: a@example.org (=?utf-8?b?SsO8cmdlbg==?=)"},
		{"Cc: a@bücher.example", "Cc: a@xn--bcher-kva.example"},
		{"Cc: Ann <a@bücher.example>", "Cc: Ann <a@xn--bcher-kva.example>"},
		{"Cc: <jürgen@example.org>", ""},
		{"Cc: \"jürgen\"@example.org", ""},
		{"Cc: ü \"not closed <a@example.org>", ""},
		{"Cc: ü (a comment) <a@example.org>", ""},
		{"Cc: ü <a@example.org> b", ""},
		{"Cc: ü <", ""},
		{"Cc: ü\\", ""},
		{"Content-Type: text/plain; name=\"größe.txt\"; charset=utf-8", "Content-Type: text/plain; charset=utf-8;\r\n name*=utf-8''gr%C3%B6%C3%9Fe.txt"},
		{"Content-Disposition: attachment; filename=\"größe.txt\"", "Content-Disposition: attachment; filename*=utf-8''gr%C3%B6%C3%9Fe.txt"},
		{"Content-Disposition: attachment; filename=größe.txt", ""}, // which some programs cut off
	} {
		if tt.want == "" {
			tt.want = tt.field
		}
		got := string(asciiFields([]byte(tt.field + "\r\n")))
		if strings.ReplaceAll(got, ";\r\n ", "; ") != strings.ReplaceAll(tt.want+"\r\n", ";\r\n ", "; ") {
			t.Errorf("%q became %q, want %q", tt.field, got, tt.want)
		}
	}
	got := asciiFields([]byte("Subject: " + long + "\r\nFrom: " + long + " <a@example.org>\r\n"))
	for line := range bytes.Lines(got) {
		if len(line) > 90 {
			t.Errorf("a line of %d octets: %s", len(line), line)
		}
	}
	if m := message.ParseHeader(got); m.Subject != strings.TrimSpace(long) || m.From[0].Name != strings.TrimSpace(long) {
		t.Errorf("%q, %q", m.Subject, m.From)
	}
}

// TestSevenBit: what servers need not take is encoded, part by part, and says the same.
func TestSevenBit(t *testing.T) {
	const umlauts = "größer\r\n"
	part := func(kind, text string) string { return mixedTop + kind + "\r\n" + text + mixedEnd }
	for _, tt := range []struct{ name, raw, how string }{ // how: what has to be in it; "" for as it came
		{"ASCII", plainTop + "\r\nhello\r\n", ""},
		{"text", plainTop + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + umlauts, "Transfer-Encoding: quoted-printable\r\n\r\ngr=C3=B6=C3=9Fer\r\n"},
		{"no MIME at all", "From: a@b\r\n\r\n" + umlauts, "quoted-printable\r\nMIME-Version: 1.0\r\n\r\ngr=C3"},
		{"a long line", plainTop + "\r\n" + strings.Repeat("ü ", 600), "quoted-printable"},
		{"a part", part("Content-Type: text/html; charset=utf-8\r\n", umlauts), "quoted-printable\r\n\r\ngr=C3"},
		{"a binary part", part("Content-Type: application/x-data\r\nContent-Transfer-Encoding: 8bit\r\n", "\xff\xfe.x"), "Content-Transfer-Encoding: base64\r\n\r\n//4ueA==\r\n--b-1--"},
		{"a binary part with lines", part("Content-Type: application/x-data\r\nContent-Transfer-Encoding: binary\r\n", "\xff\r\nx"), "Content-Transfer-Encoding: quoted-printable\r\n\r\n=FF\r\nx\r\n--b-1--"},
		{"the name of a part", part("Content-Type: text/plain; name=\"ü\"\r\n", "hello"), "name*=utf-8''%C3%BC\r\n"},
		{"the multipart itself", strings.Replace(part("", umlauts), "MIME-Version", "Content-Transfer-Encoding: 8bit\r\nMIME-Version", 1), "Content-Transfer-Encoding: 7bit\r\nMIME-Version"},
		{"base64 with octets within", plainTop + "Content-Transfer-Encoding: base64\r\n\r\nQQ==ü\r\n", ""},
		{"signed", strings.Replace(part("", umlauts), "mixed", "signed", 1), ""},
		{"encrypted", strings.Replace(part("", umlauts), "mixed", "encrypted", 1), ""},
		{"DKIM", "DKIM-Signature: v=1\r\nSubject: ü\r\n" + plainTop + "\r\n" + umlauts, ""},
		{"message within", part("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n", "From: c@d\r\n\r\n"+umlauts), ""},
		{"boundary never closed", mixedTop + "\r\n" + umlauts, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mend := func(raw string) string {
				header, rest := rawheader.Split([]byte(raw))
				return string(mender{1 << 20, true}.message(bytes.Clone(header), rest))
			}
			got := mend(tt.raw)
			if tt.how == "" {
				if got != tt.raw {
					t.Errorf("became %q", got)
				}
				return
			}
			if !strings.Contains(got, tt.how) || !rawheader.IsASCII([]byte(got)) || hasLongLine([]byte(got)) {
				t.Errorf("became %q", got)
			}
			sameContent(t, tt.raw, got)
			if again := mend(got); again != got {
				t.Errorf("mended again it is %q", again)
			}
		})
	}
}

// TestSevenBitSamples: the texts of most of the public samples leave in ASCII, and each says what
// it said. Many headers of them are in a charset that nobody tells.
func TestSevenBitSamples(t *testing.T) {
	dir := testenv.Folder(t, "CAIRN_TESTDATA")
	eightBit, encoded := 0, 0
	for _, folder := range []string{"ham", "intl", "mime"} {
		err := filepath.WalkDir(filepath.Join(dir, folder), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			raw = message.WireLines(raw)
			if rawheader.IsASCII(raw) || !gatewaytest.IsWellFormed(raw) || bytes.IndexByte(raw, 0) >= 0 {
				return nil
			}
			eightBit++
			header, rest := rawheader.Split(raw)
			got := mender{1 << 24, true}.message(bytes.Clone(header), rest)
			if _, body := rawheader.Split(got); rawheader.IsASCII(body) {
				encoded++
			}
			saysTheSame(t, path, raw, got)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d became ASCII", encoded, eightBit)
	if eightBit < 200 || encoded*10 < eightBit*8 {
		t.Errorf("%d of %d became ASCII", encoded, eightBit)
	}
}

// saysTheSame holds that header, texts and attachments of two messages are the same.
func saysTheSame(t *testing.T, what string, before, after []byte) {
	t.Helper()
	was, is := message.Parse(before), message.Parse(after)
	for _, f := range [][2]any{{was.Subject, is.Subject}, {was.From, is.From}, {was.To, is.To}, {was.Cc, is.Cc}, {was.Sender, is.Sender}, {was.ReplyTo, is.ReplyTo}} {
		if !reflect.DeepEqual(f[0], f[1]) {
			t.Errorf("%s: %q became %q", what, f[0], f[1])
		}
	}
	if len(was.Attachments) == len(is.Attachments) {
		for i := range was.Attachments {
			if a, b := was.Attachments[i].Name, is.Attachments[i].Name; a != b {
				t.Errorf("%s: the attachment %q became %q", what, a, b)
			}
		}
	}
	sameContent(t, string(before), string(after))
}

// FuzzSevenBit: whatever is encoded says what it said, and encoding it again changes nothing.
func FuzzSevenBit(f *testing.F) {
	f.Add([]byte("From: Ü <a@b>\r\nSubject: ü\r\n\r\nü\r\n"))
	f.Add([]byte("From: a@b\r\nTo: \"ü, x\" <a@b> , ü: c@d (ü);\r\n\r\nx\r\n"))
	f.Add([]byte(mixedTop + "Content-Type: application/x; name=\"ü\"\r\n\r\nü" + mixedEnd))
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r"), nil), []byte("\n"), crlf)
		header, rest := rawheader.Split(raw)
		if !gatewaytest.IsWellFormed(raw) || bytes.IndexByte(raw, 0) >= 0 {
			return
		}
		got := mender{1 << 24, true}.message(bytes.Clone(header), rest)
		saysTheSame(t, "it", raw, got)
		header, rest = rawheader.Split(got)
		if again := (mender{1 << 24, true}).message(bytes.Clone(header), rest); !bytes.Equal(again, got) {
			t.Errorf("%q becomes %q", got, again)
		}
	})
}
