package message_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"cairn/mailstore/message"
)

func TestParse(t *testing.T) {
	m := message.Parse([]byte("From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\nTo: Ann <ann@b.example>, bob@b.example\r\n" +
		"Subject: =?iso-8859-1?q?Sch=F6n?=\r\nDate: Sat, 21 Nov 2026 11:00:00 +0100\r\nMessage-ID: <1@example.org>\r\n" +
		"In-Reply-To: <0@b.example>\r\nReferences: <a@b.example> <0@b.example>\r\nList-Id: Friends <Friends.Lists.example>\r\nX-Note: a\r\nX-Note: b\r\n" +
		"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nfirst\r\n--o\r\nContent-Type: text/html; charset=windows-1252\r\n\r\n<b>\x80</b>\r\n" +
		"--o\r\n\r\nsecond\r\n--o\r\nContent-Type: Image/PNG; name=a.png\r\nContent-ID: <pic>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBO\r\n" +
		"--o\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Disposition: attachment; filename=\"b.txt\"\r\n\r\n\xe4\r\n--o--\r\n"))
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	check("subject", m.Subject, "Schön")
	check("from name", m.From[0].Name, "Jörg")
	check("from", m.From[0].Addr, "joerg@example.org")
	check("to", m.To[1].Addr, "bob@b.example")
	check("message id", m.MessageID, "<1@example.org>")
	check("list id", m.ListID, "friends.lists.example")
	check("text", m.Text, "first\n\nsecond")
	check("html", m.HTML, "<b>€</b>")
	check("header", m.Header("x-note"), "a")
	if !m.Date.Equal(time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("date: %s", m.Date)
	}
	if !slices.Equal(m.References, []string{"<a@b.example>", "<0@b.example>"}) || !slices.Equal(m.InReplyTo, []string{"<0@b.example>"}) {
		t.Errorf("references: %q, %q", m.References, m.InReplyTo)
	}
	if !slices.Equal(m.Headers("X-Note"), []string{"a", "b"}) {
		t.Errorf("headers: %q", m.Headers("X-Note"))
	}
	if len(m.Attachments) != 2 {
		t.Fatalf("%d attachments", len(m.Attachments))
	}
	picture, note := m.Attachments[0], m.Attachments[1]
	check("picture", picture.Name+" "+picture.Type+" "+picture.ContentID+" "+string(picture.Content()), "a.png image/png pic \x89PN")
	check("note", note.Name+" "+note.Type+" "+string(note.Content()), "b.txt text/plain ä")
	if !picture.Inline || note.Inline {
		t.Error("inline is wrong")
	}
}

// TestCharsets decodes text in the charsets that mail really uses, and what is declared wrongly.
func TestCharsets(t *testing.T) {
	for _, c := range []struct{ charset, raw, want string }{
		{"utf-8", "\xef\xbb\xbfgr\xc3\xbcn", "grün"},
		{"utf-8", "gr\xfcn", "gr\uFFFDn"},
		{"us-ascii", "gr\xc3\xbcn", "grün"},
		{"us-ascii", "gr\xfcn \x80", "grün €"},
		{"iso-8859-1", "gr\xfcn", "grün"},
		{"koi8-r", "\xf0\xf2", "ПР"},
		{"windows-1251", "\xcf\xd0", "ПР"},
		{"gb2312", "\xc4\xe3", "你"},
		{"big5", "\xa7\x41", "你"},
		{"shift_jis", "\x82\xa0", "あ"},
		{"iso-2022-jp", "\x1b$B$\"\x1b(B", "あ"},
		{"euc-kr", "\xb0\xa1", "가"},
		{"ks_c_5601-1987", "\xb0\xa1", "가"},
		{"no-such-charset", "gr\xfcn", "grün"},
		{"no-such-charset", "gr\xc3\xbcn", "grün"},
		{"iso-2022-kr", "hidden by a replacement decoder", "hidden by a replacement decoder"},
	} {
		got := message.Parse([]byte("Content-Type: text/plain; charset=" + c.charset + "\n\n" + c.raw)).Text
		if got != c.want {
			t.Errorf("%s %q: %q, want %q", c.charset, c.raw, got, c.want)
		}
	}
}

// TestEncodedWords covers what mail programs show although RFC 2047 does not allow it.
func TestEncodedWords(t *testing.T) {
	for in, want := range map[string]string{
		"=?utf-8?q?a?= =?utf-8?q?b?=":           "ab",
		"=?utf-8?q?a?=  =?iso-8859-1?q?=FC?= c": "aü c",
		"=?utf-8?b?w7w=?=":                      "ü",
		"=?utf-8?b?w7w?=":                       "ü",
		"=?utf-8?b?ww==?= =?utf-8?b?vA==?=":     "ü",
		"x=?utf-8?q?=C3=BC?=y":                  "xüy",
		"=?utf-8?q?with space?=":                "with space",
		"=?utf-8*en?q?a=5Fb_c?=":                "a_b c",
		"=?utf-8?x?a?=":                         "=?utf-8?x?a?=",
		"=?utf-8?q?never closed":                "=?utf-8?q?never closed",
		"=?utf-8?x?a =?utf-8?q?b?=":             "=?utf-8?x?a b",
		"=?utf-8?q?a?= =?utf-8?q?b":             "a =?utf-8?q?b",
		"=?utf-8?b?YQ==Yg==?=":                  "=?utf-8?b?YQ==Yg==?=",
		"=??q?a?=":                              "=??q?a?=",
		"=?no-such?q?gr=C3=BCn?=":               "grün",
		"a\xfcb":                                "aüb",
		"u\u0308":                               "ü",
		"  a \t\n b ":                           "a b",
	} {
		if got := message.Parse([]byte("Subject: " + in + "\n\n")).Subject; got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestParseUpTo: of a long text its beginning is what a whole text begins with, however it is
// packed.
func TestParseUpTo(t *testing.T) {
	line := "Grüße, 5 € für dich; один, два, три.\r\n"
	for name, tt := range map[string]struct{ head, body string }{
		"8bit":             {"Content-Type: text/plain; charset=utf-8\r\n", line},
		"windows-1252":     {"Content-Type: text/plain; charset=windows-1252\r\n", "5 \x80\x80\x80\r\n"},
		"html":             {"Content-Type: text/html; charset=windows-1252\r\n", "<p>5 \x80\x80\x80\r\n"},
		"undeclared UTF-8": {"", line},
		"quoted charset":   {"Content-Type: text/plain; charset=\" utf-16be\"\r\nContent-Transfer-Encoding: base64\r\n", base64.StdEncoding.EncodeToString([]byte("\x00a\x00b\x20\xac\x00c\x00\n\x00x")) + "\r\n"},
		"undeclared":       {"", "5 \x80\x80\x80\r\n"},
		"quoted-printable": {"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n", "=C3=BC=E2=82=AC=\r\n=20 x\r\n"},
		"UTF-16":           {"Content-Type: text/plain; charset=utf-16be\r\nContent-Transfer-Encoding: base64\r\n", base64.StdEncoding.EncodeToString([]byte("\x00a\x00b\x20\xac\x00c\x00\n\x00x")) + "\r\n"},
		"UTF-32":           {"Content-Type: text/plain; charset=utf-32be\r\nContent-Transfer-Encoding: base64\r\n", base64.StdEncoding.EncodeToString([]byte("\x00\x00\x00a\x00\x00\x20\xac\x00\x00\x00\n")) + "\r\n"},
		"ISO-2022-JP":      {"Content-Type: text/plain; charset=iso-2022-jp\r\n", "\x1b$B8!;w\x1b(B and so\r\n"},
	} {
		raw := []byte(tt.head + "\r\n" + strings.Repeat(tt.body, 2000))
		whole := message.Parse(raw)
		want := whole.Text + whole.HTML
		for _, most := range []int{16, 17, 18, 19, 99, 1000, 1001, 1002, 1003, 4001, len(want) - 1, len(want), len(want) + 1, len(raw), 1 << 40} {
			some := message.ParseUpTo(raw, most)
			got := some.Text + some.HTML
			if !strings.HasPrefix(want, got) || len(got) > most || len(got) < min(most, len(want))-utf8.UTFMax {
				t.Errorf("%s: up to %d of %d: %d octets, %.60q", name, most, len(want), len(got), got)
			}
		}
	}
}
