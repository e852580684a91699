package message_test

import (
	"strings"
	"testing"

	"cairn/mailstore/message"
)

// sheet is a mail with one of everything that can be read in two ways when a relay tampers with it.
const sheet = `From: Jo <jo@org1.example>
To: ann@org2.example
Date: Thu, 1 Jan 2026 00:00:00 +0000
Subject: Figures
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

pay 100 to Bob
--b
Content-Type: application/octet-stream; name="a.pdf"
Content-Disposition: attachment; filename="a.pdf"
Content-Transfer-Encoding: base64

AAEC/w==
--b
Content-Type: image/png
Content-ID: <one>

first
--b
Content-Type: image/png
Content-ID: <two>

second
--b
Content-Type: message/rfc822

Subject: inner
Content-Type: text/plain

pay 200
--b--
`

func contentOf(raw string, typ message.Type) string {
	for _, c := range message.ComponentsV1([]byte(raw), nil) {
		if c.Type == typ {
			return string(c.Content())
		}
	}
	return ""
}

// TestTwoReadings has changes that some mail programs show and others pass over: each has to change
// the components, and what is odd stands in the structure.
func TestTwoReadings(t *testing.T) {
	if odd := contentOf(sheet, message.Structure); odd != "" {
		t.Errorf("an ordinary mail has a structure: %q", odd)
	}
	base := message.ComponentsV1([]byte(sheet), nil)
	for _, c := range []struct{ name, old, new, structure string }{
		{"line in the header", "MIME-Version: 1.0\n", "MIME-Version: 1.0\nPay 900 to  Eve\n on\ttime\n", "line: Pay 900 to Eve\nline: on time"},
		{"line in a part's header", "text/plain\n\npay 100", "text/plain\nPay 900 to Eve instead of\n\npay 100", "line: Pay 900 to Eve instead of"},
		{"space before the colon", "text/plain\n\npay 100", "text/plain\nNote : pay 900\n\npay 100", "line: Note : pay 900"},
		{"no name", "MIME-Version: 1.0\n", ": pay 900\n", "line: : pay 900"},
		{"continued first line", "\n--b\nContent-Type: text/plain\n", "\n--b\n pay 900\nContent-Type: text/plain\n", "line: pay 900"},
		{"mailbox line in a part", "\n--b\nContent-Type: text/plain\n", "\n--b\nFrom pay 900\nContent-Type: text/plain\n", "line: From pay 900"},
		{"mailbox line further down", "To: ann", "From pay 900\nTo: ann", "line: From pay 900"},
		{"second content type", "boundary=b\n\n", "boundary=b\nContent-Type:  Multipart/mixed;\n boundary=evil\n\n--evil\n\npay 900\n--evil--\n", "content-type: Multipart/mixed; boundary=evil"},
		{"second boundary", "boundary=b\n\n", "boundary=b; boundary=evil\n\n--evil\n\npay 900\n--evil--\n", "content-type; boundary=evil"},
		{"second disposition", "filename=\"a.pdf\"\n", "filename=\"a.pdf\"\nContent-Disposition: inline; filename=a.exe\n", "content-disposition: inline; filename=a.exe"},
		{"second file name", "filename=\"a.pdf\"", "filename=\"a.pdf\"; filename=a.exe", "content-disposition; filename=a.exe"},
		{"two forms of a file name", "filename=\"a.pdf\"", "filename=\"a.exe\"; filename*=utf-8''a.pdf", "content-disposition; filename=a.exe"},
		{"lost piece of a file name", "filename=\"a.pdf\"", "filename*0=a.pdf; filename*2=.exe", "content-disposition; filename=.exe"},
		{"second encoding", "Encoding: base64\n", "Encoding: base64\nContent-Transfer-Encoding: 7bit\n", "content-transfer-encoding: 7bit"},
		{"padding inside", "AAEC/w==", "AA==AQ==Av8=", "base64: padding after 1 bytes"},
		{"more behind the padding", "AAEC/w==", "AAEC/w==QUJD", "base64: padding after 4 bytes"},
		{"embedded message", "Subject: inner\n", "Subject: inner\nPay 900\n", ""},
		{"ids exchanged", "<one>", "<two>", ""},
	} {
		raw := strings.Replace(sheet, c.old, c.new, 1)
		if raw == sheet {
			t.Fatalf("%s: not in the mail", c.name)
		}
		if c.name == "ids exchanged" {
			raw = strings.Replace(raw, "<two>\n\nsecond", "<one>\n\nsecond", 1)
		}
		if got := contentOf(raw, message.Structure); got != c.structure {
			t.Errorf("%s: structure %q, want %q", c.name, got, c.structure)
		}
		if sameComponents(base, message.ComponentsV1([]byte(raw), nil)) {
			t.Errorf("%s: no component differs", c.name)
		}
	}
}

// TestExchangedImages covers that the same ids and the same images, joined otherwise, are another
// message even where each list is the same.
func TestExchangedImages(t *testing.T) {
	exchanged := strings.NewReplacer("first", "second", "second", "first").Replace(sheet)
	names := func(raw string) map[string]string {
		byContent, ids := map[string]string{}, map[uint16]string{}
		comps := message.ComponentsV1([]byte(raw), nil)
		for _, c := range comps {
			if c.Type == message.AttachmentName {
				ids[c.Index] = string(c.Content())
			}
		}
		for _, c := range comps {
			if c.Type == message.Attachment {
				byContent[string(c.Content())] = ids[c.Index]
			}
		}
		return byContent
	}
	if got := names(sheet); got["first"] != "\t<one>" || got["second"] != "\t<two>" {
		t.Errorf("%q", got)
	}
	if got := names(exchanged); got["first"] != "\t<two>" || got["second"] != "\t<one>" {
		t.Errorf("%q", got)
	}
}

// TestNoStructure has what mail programs and relays do every day: none of it is odd.
func TestNoStructure(t *testing.T) {
	for name, change := range map[string][2]string{
		"mailbox line":          {"From: Jo", "From jo@org1.example Thu Jan  1 00:00:00 2026\nFrom: Jo"},
		"quoted mailbox line":   {"From: Jo", ">From jo@org1.example Thu Jan  1 00:00:00 2026\nFrom: Jo"},
		"embedded mailbox line": {"Subject: inner", "From jo@org1.example Thu Jan  1 00:00:00 2026\nSubject: inner"},
		"same field again":      {"boundary=b\n\n", "boundary=b\nContent-Type: multipart/mixed;\n  boundary=b\n\n"},
		"same parameter again":  {"boundary=b\n\n", "boundary=b; boundary=\"b\"\n\n"},
		"both forms of a name":  {"filename=\"a.pdf\"", "filename=\"a.pdf\"; filename*=iso-8859-1'en'a%2Epdf"},
		"line breaks in base64": {"AAEC/w==", "AA\nEC\n/w==\n\n"},
		"padding left out":      {"AAEC/w==", "AAEC/w"},
		"blank line of spaces":  {"text/plain\n\npay 100", "text/plain\n \t\n\npay 100"},
	} {
		raw := strings.Replace(sheet, change[0], change[1], 1)
		if got := contentOf(raw, message.Structure); got != "" || raw == sheet {
			t.Errorf("%s: structure %q", name, got)
		}
		if !sameComponents(message.ComponentsV1([]byte(sheet), nil), message.ComponentsV1([]byte(raw), nil)) {
			t.Errorf("%s: the components differ", name)
		}
	}
}

// TestWrapped covers that a list may put a mail into a multipart with its footer: the structure
// stays what it was.
func TestWrapped(t *testing.T) {
	odd := strings.NewReplacer("AAEC/w==", "AAEC/w==QUJD", "pay 100", "pay 100\n--b\nno field\n\nmore", "filename=", "filename=x; filename=").Replace(sheet)
	header, body, _ := strings.Cut(odd, "boundary=b\n")
	wrapped := header + "boundary=list\n\n--list\nContent-Type: multipart/mixed; boundary=b\n" + body + "--list\n\nfooter\n--list--\n"
	want := "line: no field\ncontent-disposition; filename=a.pdf\nbase64: padding after 4 bytes"
	for _, raw := range []string{odd, wrapped} {
		if got := contentOf(raw, message.Structure); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestFileNames reads names in every form of RFC 2231 and in those that mail programs make of it.
func TestFileNames(t *testing.T) {
	for disposition, want := range map[string]string{
		`attachment; filename=a.pdf`:                                         "a.pdf",
		`attachment; filename="a b;c.pdf"`:                                   "a b;c.pdf",
		`attachment; filename="a\"b.pdf"`:                                    `a"b.pdf`,
		`attachment; filename="C:\dir\a.pdf"`:                                `C:\dir\a.pdf`,
		`attachment; filename=a b.pdf`:                                       "a b.pdf",
		`attachment; filename="=?utf-8?q?=C3=A4.pdf?="`:                      "ä.pdf",
		`attachment; filename*=utf-8''%C3%A4.pdf`:                            "ä.pdf",
		`attachment; filename*=iso-8859-1''a.exe`:                            "a.exe",
		`attachment; filename*=ISO-8859-1'de'%E4.pdf`:                        "ä.pdf",
		`attachment; filename*=gb2312''%C4%E3.pdf`:                           "你.pdf",
		`attachment; filename*=%C3%A4.pdf`:                                   "ä.pdf",
		`attachment; filename="a.pdf"; filename*=iso-8859-1''a.exe`:          "a.exe",
		`attachment; filename*=utf-8''a.exe; filename="a.pdf"`:               "a.exe",
		`attachment; filename="a.pdf"; filename*=utf-8''a.exe; x=1; x=2`:     "a.exe",
		`attachment; filename*0=a; filename*1=".pdf"`:                        "a.pdf",
		`attachment; filename*1=.pdf; filename*0=a`:                          "a.pdf",
		`attachment; filename*0*=iso-8859-1''r%E9; filename*1=sume.pdf`:      "résume.pdf",
		`attachment; filename*0*=utf-8''%C3; filename*1*=%A4; filename*2=.x`: "ä.x",
		`attachment; filename*0=a%20; filename*1*=%41`:                       "a%20A",
		`attachment; filename=a.pdf; filename*1=b`:                           "a.pdf",
		`attachment; filename*=utf-8''%zz%4`:                                 "%zz%4",
		`attachment; filename=""; name=x`:                                    "",
	} {
		raw := "Content-Type: text/html\nContent-Disposition: " + disposition + "\n\nx"
		m := message.Parse([]byte(raw))
		if len(m.Attachments) != 1 || m.Attachments[0].Name != want {
			t.Errorf("%s: %+v, want %q", disposition, m.Attachments, want)
		}
		inline := message.Parse([]byte(strings.Replace(raw, "attachment;", "inline;", 1)))
		if want != "" && (len(inline.Attachments) != 1 || inline.HTML != "") {
			t.Errorf("%s: a named part is shown as the body", disposition)
		}
	}
}

// TestFoldedNames covers that beyond the last attachment of its own number a name still belongs to
// one attachment.
func TestFoldedNames(t *testing.T) {
	build := func(first, second string) string {
		return "Content-Type: multipart/mixed; boundary=o\n\n" + strings.Repeat("--o\nContent-Type: image/png\n\nx\n", 8) +
			"--o\nContent-Type: image/png" + first + "\n\ny\n--o\nContent-Type: image/png" + second + "\n\nz\n--o--\n"
	}
	one, other := build("; name=a", ""), build("", "; name=a")
	if sameComponents(message.ComponentsV1([]byte(one), nil), message.ComponentsV1([]byte(other), nil)) {
		t.Error("a name went to another attachment, and no component differs")
	}
}
