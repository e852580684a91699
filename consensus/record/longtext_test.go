package record_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// TestContentForms compares parts whose contents count in several forms: decoded, as they stand,
// and by a digest. None may pass for another.
func TestContentForms(t *testing.T) {
	const (
		head   = "From: a@b.example\r\nDate: Mon, 06 Jan 2020 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
		quoted = "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
		based  = "Content-Transfer-Encoding: base64\r\n\r\n"
		plain  = "Content-Type: text/plain\r\n"
		file   = plain + "Content-Disposition: attachment\r\n"
		room   = 1 << 20
		packed = "begin 644 x.txt\r\n#0V%T\r\n`\r\nend\r\n"
	)
	multi := func(parts ...string) string {
		return head + "Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n" + strings.Join(parts, "\r\n--bb\r\n") + "\r\n--bb--\r\n"
	}
	in64 := func(s string) string {
		var b strings.Builder
		for s := base64.StdEncoding.EncodeToString([]byte(s)); s != ""; s = s[min(len(s), 76):] {
			b.WriteString(s[:min(len(s), 76)] + "\r\n")
		}
		return b.String()
	}
	line := "0123456789abcde\r\n"
	long := strings.Repeat(line, room/16+10)
	full := strings.TrimSuffix(strings.Repeat(line, room/16), "\r\n") + "x"
	thai := "Content-Type: text/plain; charset=iso-8859-11\r\n"
	of := func(charset string) string {
		return multi("Content-Type: text/plain; charset=" + charset + "\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: 8bit \r\n\r\nh\xc3\xa9+ADw-llo")
	}
	meta := strings.Repeat("<br>\r\n", 180) + "<meta charset=\"utf-8\">\r\nh\xc3\xa9"
	emoji := strings.Repeat(strings.Repeat("\U0001f600", 60)+"\r\n", room/62)
	inQuoted := strings.ReplaceAll(strings.ReplaceAll(emoji, strings.Repeat("\U0001f600", 5), strings.Repeat("\U0001f600", 5)+"=\r\n"), "\U0001f600", "=F0=9F=98=80")
	for _, c := range []struct {
		why            string
		sent, received string
		same           bool
	}{
		{"a long file in another encoding's line", multi(file + quoted + "abc" + packed + long), multi(file + quoted + "abc=\r\n" + packed + long), false},
		{"a long file that is not base64", multi(file + based + in64(long) + "QUF\r\nB"), multi(file + based + in64(long) + "QUF\r\nC"), false},
		{"a long file that is not base64, as it was", multi(file + based + in64(long) + "QUF\r\nB"), strings.ReplaceAll(multi(file+based+in64(long)+"QUF\r\nB"), "bb", "cc"), true},
		{"a long file that is not base64, with LF line ends", multi(file + based + in64(long) + "QUF\r\nB"), strings.ReplaceAll(multi(file+based+in64(long)+"QUF\r\nB"), "\r\n", "\n"), true},
		{"a long text for its digest", multi(file + based + in64(long) + "QUF\r\nB"), multi(file + based + "x"), false},
		{"a long file, re-packed", multi(file + based + in64(long)), multi(file + based + strings.ReplaceAll(in64(long), "\r\n", "")[:60] + "\r\n" + in64(long[45:])), true},
		{"an encoding with a tail where there is no room", multi(plain+"\r\n"+full, plain+"Content-Transfer-Encoding: 8bit\r\n\r\nhello"), multi(plain+"\r\n"+full, plain+"Content-Transfer-Encoding: 8bit; base64\r\n\r\nhello"), false},
		{"a long text of no type", multi(plain + based + in64("h\xc3\xa9\r\n"+long)), multi(based + in64("h\xc3\xa9\r\n"+long)), false},
		{"a long text of a charset that is no name", multi("\r\nh\xc3\xa9" + long), multi("Content-Type: text/plain; charset=-\r\n\r\nh\xc3\xa9" + long), false},
		{"decoded escapes for escapes", head + thai + quoted + "=E9 pay =3D31=3D30=3D30\r\n", head + thai + quoted + "\xe9 pay =31=30=30\r\n", false},
		{"decoded base64 for base64", head + thai + based + in64("\xe9PGI+UGF5IDEwMDwvYj4="), head + thai + based + "\xe9PGI+UGF5IDEwMDwvYj4=\r\n", false},
		{"the charset of a file that is not decoded", of("utf-8"), of("utf-7"), false},
		{"a charset called -", multi("\r\nh\xc3\xa9llo"), multi("Content-Type: text/plain; charset=-\r\n\r\nh\xc3\xa9llo"), false},
		{"no type, with a CR", multi("Content-Transfer-Encoding: 8bit\r\n\r\nh\xc3\xa9\rllo"), multi(plain + "Content-Transfer-Encoding: 8bit\r\n\r\nh\xc3\xa9\rllo"), false},
		{"a charset that HTML names far down, with another line end", multi("Content-Type: text/html\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + meta), multi("Content-Type: text/html\r\n" + based + in64(strings.ReplaceAll(meta, "\r\n", "\n"))), true},
		{"room that a text took which counts by its octets", multi(plain+"\r\nx\r\r\n"+full[:400_000], plain+"Content-Transfer-Encoding: 8bit\r\n\r\n"+full[:300_000]), multi(plain+"\r\nx\r\r\n"+full[:400_000], plain+based+in64(full[:300_000])), true},
		{"characters of four octets", multi("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + emoji), multi("Content-Type: text/plain; charset=utf-8\r\n" + quoted + inQuoted), true},
	} {
		got := record.Compare(tokenOf(message.Dissect([]byte(c.sent), nil)), message.Dissect([]byte(c.received), nil), record.Context{})
		if got.AllSame() != c.same {
			t.Errorf("%s: all the same is %v; %q", c.why, got.AllSame(), got.Differences())
		}
	}
}
