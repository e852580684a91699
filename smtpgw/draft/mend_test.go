package draft

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"cairn/mailstore/message"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/rawheader"
)

const (
	plainTop  = "From: a@b\r\nMIME-Version: 1.0\r\n"
	mixedTop  = plainTop + "Content-Type: multipart/mixed; boundary=\"b-1\"\r\n\r\npreamble\r\n--b-1\r\n"
	mixedEnd  = "\r\n--b-1--\r\nepilogue\r\n"
	longBytes = 1500
)

var longText = strings.Repeat("word ", longBytes/5) + "end"

// TestMendBody: what leaves has no long line and says the same, or is as it
// came. how is what has to be in it then; "" for as it came.
func TestMendBody(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0, 1, 0xff}, 500))
	for _, tt := range []struct{ name, raw, how string }{
		{"short lines", plainTop + "\r\nshort\r\n", ""},
		{"990 octets", plainTop + "\r\n" + strings.Repeat("x", 990) + "\r\n", ""},
		{"991 octets", plainTop + "\r\n" + strings.Repeat("x", 991) + "\r\n", "Transfer-Encoding: quoted-printable"},
		{"no MIME at all", "From: a@b\r\n\r\n" + longText + "\r\n", "\r\nContent-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n\r\n"},
		{"8-bit text", plainTop + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nX: y\r\n\r\n" + strings.Repeat("größer = ", 200) + " \r\n\r\n.\r\n", "utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\nX: y\r\n\r\n"},
		{"Latin-1", plainTop + "Content-Type: text/html; charset=iso-8859-1\r\n\r\n<p>" + strings.Repeat("gr\xf6\xdfer ", 200), "=F6=DF"},
		{"base64 in one line", plainTop + "Content-Type: image/png\r\nContent-Transfer-Encoding: BASE64\r\n\r\n" + b64 + "\r\n", b64[:76] + "\r\n" + b64[76:152] + "\r\n"},
		{"quoted-printable in one line", plainTop + "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + strings.Repeat("=3D=\r\n", 2) + strings.Repeat("a b=C3=BC ", 200) + " \r\nend", "=\r\n"},
		{"a part", mixedTop + "Content-Type: text/plain\r\n\r\nshort\r\n--b-1\r\n\r\n" + longText + mixedEnd, "short\r\n--b-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nword"},
		{"a binary part", mixedTop + "Content-Type: application/x-data\r\n\r\n" + longText + "\r\n" + mixedEnd, "x-data\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"},
		{"a part of a part", mixedTop + "Content-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\n" + longText + "\r\n--c--" + mixedEnd, "quoted-printable"},

		{"DKIM", "DKIM-Signature: v=1\r\n" + plainTop + "\r\n" + longText, ""},
		{"signed", strings.Replace(mixedTop, "mixed", "signed", 1) + "\r\n" + longText + mixedEnd, ""},
		{"encrypted", strings.Replace(mixedTop, "mixed", "encrypted", 1) + "\r\n" + longText + mixedEnd, ""},
		{"signed part", mixedTop + "Content-Type: multipart/signed; boundary=c\r\n\r\n--c\r\n\r\n" + longText + "\r\n--c--" + mixedEnd, ""},
		{"message within", mixedTop + "Content-Type: message/rfc822\r\n\r\nFrom: c@d\r\n\r\n" + longText + mixedEnd, ""},
		{"long preamble", strings.Replace(mixedTop, "preamble", longText, 1) + "\r\nshort" + mixedEnd, ""},
		{"boundary never closed", mixedTop + "\r\n" + longText, ""},
		{"line like a boundary", mixedTop + "\r\n--b-12\r\n" + longText + mixedEnd, ""},
		{"boundary behind the end", mixedTop + "\r\n" + longText + mixedEnd + "--b-1\r\n", ""},
		{"no boundary", plainTop + "Content-Type: multipart/mixed\r\n\r\n--\r\n\r\n" + longText + "\r\n----\r\n", ""},
		{"part without an empty line", mixedTop + "X: " + strings.Repeat("x", longBytes) + mixedEnd, ""},
		{"part with an odd header", mixedTop + "odd\r\n\r\n" + longText + mixedEnd, ""},
		{"encoded multipart", strings.Replace(mixedTop, "\r\n\r\n", "\r\nContent-Transfer-Encoding: base64\r\n\r\n", 1) + "\r\n" + longText + mixedEnd, ""},
		{"unknown encoding", plainTop + "Content-Transfer-Encoding: x-uuencode\r\n\r\n" + longText, ""},
		{"two encodings", plainTop + "Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + longText, ""},
		{"two types", plainTop + "Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\n" + longText, ""},
		{"broken type", plainTop + "Content-Type: text/plain; charset\r\n\r\n" + longText, ""},
		{"no base64", plainTop + "Content-Transfer-Encoding: base64\r\n\r\n" + longText, ""},
		{"base64 after its end", plainTop + "Content-Transfer-Encoding: base64\r\n\r\nQQ==" + b64, ""},
		{"a code cut short", plainTop + "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + longText + "=", ""},
		{"no quoted-printable", plainTop + "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + longText + "=zz", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header, rest := rawheader.Split([]byte(tt.raw))
			got := string((mender{limit: 1 << 20}).message(bytes.Clone(header), rest))
			if tt.how == "" {
				if got != tt.raw {
					t.Errorf("became %q", got)
				}
				return
			}
			if !strings.Contains(got, tt.how) || hasLongLine([]byte(got)) {
				t.Errorf("became %q", got)
			}
			sameContent(t, tt.raw, got)
			again, rest := rawheader.Split([]byte(got))
			if twice := (mender{limit: 1 << 20}).message(bytes.Clone(again), rest); string(twice) != got {
				t.Errorf("mended again it is %q", twice)
			}
		})
	}
}

// sameContent holds that all parts of two messages are the same.
func sameContent(t *testing.T, before, after string) {
	t.Helper()
	was, is := message.Parse([]byte(before)), message.Parse([]byte(after))
	if was.Text != is.Text || was.HTML != is.HTML || len(was.Attachments) != len(is.Attachments) {
		t.Errorf("%q says something else than %q", after, before)
		return
	}
	for i, a := range was.Attachments {
		if !bytes.Equal(a.Content(), is.Attachments[i].Content()) {
			t.Errorf("attachment %d of %q became that of %q", i, before, after)
		}
	}
}

// TestMendedWithinTheLimit: a message does not grow beyond what others take.
func TestMendedWithinTheLimit(t *testing.T) {
	raw := plainTop + "\r\n" + strings.Repeat("\xff", longBytes)
	header, rest := rawheader.Split([]byte(raw))
	if got := (mender{limit: int64(len(raw) + longBytes)}).message(bytes.Clone(header), rest); string(got) != raw {
		t.Errorf("%d octets became %d", len(raw), len(got))
	}
}

// FuzzMend: no content is lost or made up.
func FuzzMend(f *testing.F) {
	f.Add([]byte("From: a@b\r\n\r\nx\r\n"))
	f.Add([]byte(mixedTop + "\r\nlong" + mixedEnd))
	f.Add([]byte(plainTop + "Content-Transfer-Encoding: quoted-printable\r\n\r\nlong =3D =\r\n"))
	f.Add([]byte(plainTop + "Content-Transfer-Encoding: base64\r\n\r\nQUJD"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r"), nil), []byte("\n"), crlf)
		raw = bytes.ReplaceAll(raw, []byte("long"), []byte(longText))
		header, rest := rawheader.Split(raw)
		if !gatewaytest.IsWellFormed(raw) || bytes.IndexByte(raw, 0) >= 0 {
			return // neither gets here
		}
		got := mender{limit: 1 << 24}.message(bytes.Clone(header), rest)
		if !bytes.Equal(got, raw) {
			sameContent(t, string(raw), string(got))
		}
	})
}
