package message_test

import (
	"strings"
	"testing"

	"cairn/mailstore/message"
)

const head = "From: a@b.example\nSubject: s\nMIME-Version: 1.0\n"

// differs are pairs of messages that some program shows differently: one must not pass for the
// other's re-packed form. Each closes one way.
var differs = []struct{ why, sent, arrived string }{
	{"normal form D of a class that a style sheet names", // which compares code points
		"Content-Type: text/html; charset=utf-8\n\n<style>.f\xc3\xbcr{display:none}</style><p class=\"f\xc3\xbcr\">a</p>\n",
		"Content-Type: text/html; charset=utf-8\n\n<style>.f\xc3\xbcr{display:none}</style><p class=\"fu\xcc\x88r\">a</p>\n"},
	{"normal form D in a file",
		"Content-Type: text/xml; charset=utf-8\n\n<\xc3\xa4/>\n", "Content-Type: text/xml; charset=utf-8\n\n<a\xcc\x88/>\n"},
	{"parameter that runs into the next field of a part",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: image/png; a=b\nContent-ID: <x>\n\nx\n--o--\n",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: image/png; a=\"b\tcontent-id: 1<x>\"\n\nx\n--o--\n"},
	{"description that runs into the id",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: image/png\nContent-Description: b\nContent-ID: <x>\n\nx\n--o--\n",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: image/png\nContent-Description: b\tcontent-id: 1<x>\n\nx\n--o--\n"},
	{"id as an encoded word",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: image/png\nContent-ID: <x>\n\nx\n--o--\n",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: image/png\nContent-ID: =?utf-8?q?=3Cx=3E?=\n\nx\n--o--\n"},
	{"keyword as an encoded word", "Importance: high\n\nx\n", "Importance: =?utf-8?q?high?=\n\nx\n"},
	{"default of a digest",
		"Content-Type: multipart/digest; boundary=o\n\n--o\nContent-Type: message/rfc822\n\nSubject: i\n\nx\n--o--\n",
		"Content-Type: multipart/digest; boundary=o\n\n--o\n\nSubject: i\n\nx\n--o--\n"},
	{"charset taken away from HTML that names it",
		"Content-Type: text/html; charset=utf-8\n\n<meta charset=utf-8>\xc3\xa4\n", "Content-Type: text/html\n\n<meta charset=utf-8>\xc3\xa4\n"},
	{"charset of another name", "Content-Type: text/plain; charset=iso-8859-1\n\n\xa4\n", "Content-Type: text/plain; charset=iso-8859-15\n\n\xa4\n"},
	{"semicolon that is a Greek question mark",
		"Content-Type: text/html; charset=utf-8\n\n<p style=\"display:none;color:red\">x</p>\xc3\xa4\n",
		"Content-Type: text/html; charset=utf-8\n\n<p style=\"display:none\xcd\xbecolor:red\">x</p>\xc3\xa4\n"},
	{"overlay that ends a tag", "Content-Type: text/html; charset=utf-8\n\n<b>\xcc\xb8x\n", "Content-Type: text/html; charset=utf-8\n\n<b\xe2\x89\xafx\n"},
	{"file name of spaces of its own", "Content-Type: text/plain\n\nx\n", "Content-Type: text/plain\nContent-Disposition: inline; filename=\"\"\n\nx\n"},
	{"empty file name", "Content-Disposition: inline\n\nx\n", "Content-Disposition: inline; filename=\"\"\n\nx\n"},
	{"another place of a part's octets",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: application/pdf\n\nx\n--o--\n",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: application/pdf\nX-Mozilla-External-Attachment-URL: https://b.example/\n\nx\n--o--\n"},
	{"trace in a part",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\n\nx\n--o--\n", "Content-Type: multipart/mixed; boundary=o\n\n--o\nReceived: x\n\nx\n--o--\n"},
	{"stuffed quote",
		"Content-Type: text/plain; format=flowed\n\n > I agree\n", "Content-Type: text/plain; format=flowed\n\n> I agree\n"},
	{"boundary with a space at its end", "Content-Type: multipart/mixed; boundary=\"o\"\n\n--o\n\nx\n--o--\n", "Content-Type: multipart/mixed; boundary=\"o \"\n\n--o\n\nx\n--o--\n"},
	{"space behind a boundary", "Content-Type: multipart/mixed; boundary=\"o\"\n\n--o\n\nx\n--o--\n", "Content-Type: multipart/mixed; boundary=\"o\"\n\n--o \n\nx\n--o--\n"},
	{"boundary that is in a part behind a bare CR",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: application/x\n\n1\r--p\r\ry\n--o--\n",
		"Content-Type: multipart/mixed; boundary=p\n\n--p\nContent-Type: application/x\n\n1\r--p\r\ry\n--p--\n"},
	{"boundary that an embedded message's begins like",
		"Content-Type: multipart/mixed; boundary=abc\n\n--abc\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=o\n\n--o\n\nx\n--o--\n--abc--\n",
		"Content-Type: multipart/mixed; boundary=abc\n\n--abc\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=ab\n\n--ab\n\nx\n--ab--\n--abc--\n"},
	{"no MIME-Version around 8-bit text",
		"Content-Type: text/plain; charset=utf-8\n\n\xc3\xa4\n", "X-Drop: Content-Type: text/plain; charset=utf-8\n\n\xc3\xa4\n"},
	{"base64 with lines of no whole groups",
		"Content-Transfer-Encoding: base64\n\naGVs\nbG8h\n", "Content-Transfer-Encoding: base64\n\naGV\nsbG8h\n"},
	{"uuencode that quoted-printable hides", "Content-Transfer-Encoding: 7bit\n\nxbegin 644 a\n", "Content-Transfer-Encoding: quoted-printable\n\nx=\nbegin 644 a\n"},
	{"message/partial under another encoding", "Content-Type: message/partial; id=a; number=1\n\nx\n", "Content-Type: message/partial; id=a; number=1\nContent-Transfer-Encoding: base64\n\neA==\n"},
	{"message/external-body with another field",
		"Content-Type: message/external-body; access-type=url\n\nContent-Type: text/plain\n\nx\n", "Content-Type: message/external-body; access-type=url\n\nContent-Type: text/html\n\nx\n"},
	{"name and comment that share a tab", "Reply-To: \"a\tb\" <x@y.example> (c)\n\nx\n", "Reply-To: a <x@y.example> (b\tc)\n\nx\n"},
	{"name that decode-first programs split", "Reply-To: \"Boss, x\" <x@y.example>\n\nx\n", "Reply-To: =?utf-8?q?Boss=2C_x?= <x@y.example>\n\nx\n"},
	{"yen sign", "X-A: =?utf-8?q?C:\\x?=\n\nx\n", "X-A: =?shift_jis?q?C:\\x?=\n\nx\n"},
	{"type twice", "Content-Type: text/plain\n\nx\n", "Content-Type: text/plain\nContent-Type: text/html\n\nx\n"},
	{"bare CR in text", "Content-Type: text/plain\n\na b\n", "Content-Type: text/plain\n\na\rb\n"},
	{"space behind a transfer encoding", "Content-Transfer-Encoding: quoted-printable\n\n=41\n", "Content-Transfer-Encoding: quoted-printable \n\n=41\n"},
	{"spaces before a transfer encoding", "Content-Transfer-Encoding: quoted-printable\n\n=41\n", "Content-Transfer-Encoding:   quoted-printable\n\n=41\n"},
	{"tab before a transfer encoding", "Content-Transfer-Encoding: base64\n\nQQ==\n", "Content-Transfer-Encoding:\tbase64\n\nQQ==\n"},
	{"transfer encoding with a space taken away", "Content-Transfer-Encoding: base64 \n\nQQ==\n", "Content-Transfer-Encoding: base64\n\nQQ==\n"},
	{"empty transfer encoding", "\nx\n", "Content-Transfer-Encoding:\n\nx\n"},
	{"UTF-16 whose line ends were encoded", "Content-Type: text/plain; charset=utf-16\nContent-Transfer-Encoding: 8bit\n\nab\ncd\n",
		"Content-Type: text/plain; charset=utf-16\nContent-Transfer-Encoding: quoted-printable\n\nab\ncd\n"},
	{"field names of a report", "Content-Type: message/delivery-status\n\nStatus: 5.1.1\n", "Content-Type: message/delivery-status\n\nSTatus: 5.1.1\n"},
	{"field names of an embedded message", "Content-Type: message/rfc822\n\nFrom: a@b.example\nTo: c@d.example\n\nx\n",
		"Content-Type: message/rfc822\n\nTO: c@d.example\nFrom: a@b.example\n\nx\n"},
	{"semicolon behind a transfer encoding", "Content-Transfer-Encoding: base64\n\nQQ==\n", "Content-Transfer-Encoding: base64;\n\nQQ==\n"},
	{"flowed lines of quoted-printable that end in white space",
		"Content-Type: text/plain; format=flowed\n\na \nb\n", "Content-Type: text/plain; format=flowed\nContent-Transfer-Encoding: quoted-printable\n\na \nb\n"},
	{"space in a transfer encoding", "Content-Transfer-Encoding: quoted-printable\n\n=41\n", "Content-Transfer-Encoding: \"quoted-printable\"\n\n=41\n"},
	{"header of a part that is gone",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: text/plain\n\nx\n\ny\n--o--\n",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\n\nx\n\ny\n--o--\n"},
	{"header of a part that had none",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\n\nx\n\ny\n--o--\n",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: text/plain\n\nx\n\ny\n--o--\n"},
	{"header of a part that said nothing",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\nMIME-Version: 1.0\n\nx\n\ny\n--o--\n",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\n\nx\n\ny\n--o--\n"},
	{"empty line in a part without a header",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\n\nx\n \ny\n--o--\n",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\n\nx\n\ny\n--o--\n"},
	{"empty line behind a part without a header",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\n\nx\n--o--\n",
		"Content-Type: multipart/mixed; boundary=o\n\n--o\n\nx\n\n\n--o--\n"},
	{"header of a part that is gone from an embedded message",
		"Content-Type: message/rfc822\n\nSubject: i\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: text/plain\n\nx\n\ny\n--o--\n",
		"Content-Type: message/rfc822\n\nSubject: i\nContent-Type: multipart/mixed; boundary=o\n\n--o\n\nx\n\ny\n--o--\n"},
	{"header of an embedded message that is gone",
		"Content-Type: message/rfc822\n\nX: y\n\nx\n\ny\n",
		"Content-Type: message/rfc822\n\n\nx\n\ny\n"},
}

func TestDiffers(t *testing.T) {
	for _, tt := range differs {
		sent, arrived := imageOf(withCRLF([]byte(head+tt.sent))), imageOf(withCRLF([]byte(head+tt.arrived)))
		if sent.body == arrived.body && (arrived.trouble == clean || arrived.trouble == sent.trouble) {
			t.Errorf("%s: the parts are the same, %s\n%s", tt.why, arrived.trouble, arrived.body)
		}
	}
}

// TestRepacked holds that what honest relays do to a body leaves its parts the same.
func TestRepacked(t *testing.T) {
	for _, tt := range []struct{ why, sent, arrived string }{
		{"8bit to quoted-printable", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\xc3\xa4\n",
			"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n=C3=A4\n"},
		{"8bit to base64", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\xc3\xa4\n",
			"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nw6QNCg==\n"},
		{"other boundary", "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: text/plain\n\nx\n--o--\n", "Content-Type: multipart/mixed; boundary=\"=_p\"\n\n--=_p\nContent-Type: text/plain\n\nx\n--=_p--\n"},
		{"base64 in other lines", "Content-Type: application/x\nContent-Transfer-Encoding: base64\n\naGVs\nbG8=\n", "Content-Type: application/x\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n"},
		{"charset of a meta element at the part", "Content-Type: text/html\n\n<meta charset=utf-8>\xc3\xa4\n", "Content-Type: text/html; charset=utf-8\n\n<meta charset=utf-8>\xc3\xa4\n"},
		{"normal form D", "Content-Type: text/plain; charset=utf-8\n\n\xc3\xa4\n", "Content-Type: text/plain; charset=utf-8\n\na\xcc\x88\n"},
		{"white space at line ends", "Content-Type: text/plain\n\na \nb\n\n\n", "Content-Type: text/plain\n\na\nb\t\n"},
		{"type of plain text", "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Transfer-Encoding: 7bit\n\nx\n--o--\n", "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: text/plain; charset=us-ascii\n\nx\n--o--\n"},
		{"name by RFC 2231 or plain", "Content-Type: image/png\nContent-Disposition: attachment; filename=\"a.png\"\n\nx\n", "Content-Type: image/png; name=a.png\nContent-Disposition: attachment; filename*=us-ascii''a.png\n\nx\n"},
		{"subject in another encoding", "X-Note: =?utf-8?q?=C3=A4?=\n\nx\n", "X-Note: =?iso-8859-1?b?5A==?=\n\nx\n"},
	} {
		sent, arrived := imageOf(withCRLF([]byte(head+tt.sent))), imageOf(withCRLF([]byte(head+tt.arrived)))
		if sent.body != arrived.body || arrived.trouble != clean {
			t.Errorf("%s: %s\n%s\n%s", tt.why, arrived.trouble, sent.body, arrived.body)
		}
	}
}

// The same message with LF and with CRLF has the same components, whatever is in it.
func FuzzDissect(f *testing.F) {
	seed(f)
	for _, m := range ownMessages {
		f.Add([]byte(m.raw))
	}
	for _, tt := range differs {
		f.Add([]byte(head + tt.arrived))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := string(raw)
		d := message.Dissect(raw, []string{"a@b.example"})
		for i, c := range d.Components() {
			row, ok := c.Type.Info()
			if !ok || i >= message.MaxComponents || c.Type != message.Names && int(c.Index) >= row.Max || c.Reading != message.Canonical && c.Reading != message.AsOctets {
				t.Fatalf("%+v", c)
			}
		}
		claims := message.ClaimsOf(raw)
		for _, domain := range claims.Authors {
			if message.Domain("x@"+domain) != domain {
				t.Fatalf("claimed domain %q", domain)
			}
			if domain != "" && message.Claimed(claims.Shown, []string{domain}) == "" {
				t.Fatalf("nothing shown claims the author's domain %q", domain)
			}
		}
		if n := len(d.Hints()); n > 400 {
			t.Fatalf("%d hints", n)
		}
		if string(raw) != before {
			t.Fatal("the raw message was changed")
		}
		lf := withLF(raw)
		if imageOf(lf) != imageOf([]byte(strings.ReplaceAll(string(lf), "\n", "\r\n"))) {
			t.Fatalf("components depend on line ends:\n%v\n%v", imageOf(lf), imageOf([]byte(strings.ReplaceAll(string(lf), "\n", "\r\n"))))
		}
	})
}
