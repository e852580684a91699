package message_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"cairn/mailstore/message"
)

// dissected is all that recording or checking a message may ask of it.
func dissected(raw []byte) {
	d := message.Dissect(raw, []string{"a@b.example"})
	for _, c := range d.Components() {
		c.Digest()
	}
	d.Hints()
}

// allocated is how many octets f allocates, garbage with it: a bound of what it holds at any time
// and, since nothing is computed about what is not allocated, of its work too.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

const (
	costBase    = 256 << 10 // octets that a small message may cost
	hostileBase = 4 << 20   // of fields, parts and words of a few octets each, as many as there may be
	costFactor  = 10        // octets for each octet of a message
)

func TestCostOfMail(t *testing.T) {
	files := 0
	mails(t, []string{"ham", "spam", "intl", "mime", "phishing", "transit", "threads", "abuse", "auth"}, func(path string, raw []byte) {
		files++
		if got := allocated(func() { dissected(raw) }); got > costBase+costFactor*uint64(len(raw)) {
			t.Errorf("%s: %d octets allocated for %d", path, got, len(raw))
		}
	})
	if files < 2000 {
		t.Errorf("only %d files", files)
	}
}

// hostile are messages of about n octets, each quadratic or endless for a careless reader.
func hostile(n int) map[string]string {
	var deep, bombs, pieces strings.Builder
	for i := range 100 {
		fmt.Fprintf(&deep, "Content-Type: multipart/mixed; boundary=b%dx\n\n--b%dx\n", i, i)
		fmt.Fprintf(&bombs, "Content-Type: multipart/mixed; boundary=b%dx\n\n--b%dx\nContent-Type: message/rfc822\n\n", i, i)
	}
	for i := range n / 16 {
		fmt.Fprintf(&pieces, " name*%d=x;\n", i)
	}
	mixed := "Content-Type: multipart/mixed; boundary=o\n\n"
	nested := func(boundary func(i int) string) (s string) {
		for i := range 8 {
			s += fmt.Sprintf("Content-Type: multipart/mixed; boundary=%s\n\n--%s\n", boundary(i), boundary(i))
		}
		return s
	}
	numbered := nested(func(i int) string { return fmt.Sprintf("b%dx", i) })
	hyphened := nested(func(i int) string { return fmt.Sprint(i) + strings.Repeat("-", 68) })
	embedded := func(header string) string {
		return strings.Repeat("--o\nContent-Type: message/rfc822\n\n"+header+"\nx\n", max(1, n/(len(header)+40)))
	}
	var distinct strings.Builder
	for i := range 9000 {
		fmt.Fprintf(&distinct, "x%d:\n", i)
	}
	text := strings.Repeat("text of a hundred octets or so, which is what lines of mail are long as a rule, and a bit on top\n", n/100)
	return map[string]string{
		"parts":                   mixed + strings.Repeat("--o\n\nx\n", n/7) + "--o--\n",
		"parts with names":        mixed + strings.Repeat("--o\nContent-Type: a/b; name=x\n\nx\n", n/32) + "--o--\n",
		"messages in parts":       mixed + strings.Repeat("--o\nContent-Type: message/rfc822\n\nA: b\n\nx\n", n/42) + "--o--\n",
		"levels":                  deep.String() + text,
		"messages in messages":    strings.Repeat("Content-Type: message/rfc822\n\n", 100) + text,
		"bombs":                   bombs.String() + text,
		"long field":              "Subject: " + strings.Repeat("x", n) + "\n\nx\n",
		"long folded field":       "Subject: x" + strings.Repeat("\n x", n/3) + "\n\nx\n",
		"folds in parts":          mixed + strings.Repeat("--o\nX: y"+strings.Repeat("\n z", 10000)+"\n\n", n/30000),
		"fields":                  strings.Repeat("a:\n", n/3) + "\nx\n",
		"same fields":             strings.Repeat("X-A: b\n", n/7) + "\nx\n",
		"To fields":               strings.Repeat("To: a@b.example\n", n/16) + "\nx\n",
		"header lines of parts":   mixed + strings.Repeat("--o\n"+strings.Repeat("a:\n", 1000)+"\nx\n", n/3006),
		"no fields":               strings.Repeat("x\n", n/2) + "\nx\n",
		"no fields in parts":      mixed + strings.Repeat("--o\n"+strings.Repeat("x\n", 1000)+"\nx\n", n/2006),
		"report":                  "Content-Type: message/delivery-status\n\n" + strings.Repeat("a:\n\n", n/4),
		"words":                   "Subject: x" + strings.Repeat("\n =?utf-8?q?x?=", n/16) + "\n\nx\n",
		"addresses":               "To: a@b.example" + strings.Repeat(",\n a@b.example", n/14) + "\n\nx\n",
		"groups":                  "To: " + strings.Repeat("a:\n ", n/4) + "\n\nx\n",
		"names":                   "To: " + strings.Repeat("\"\n ", n/4) + "\n\nx\n",
		"parameters":              "Content-Type: a/b;\n" + pieces.String() + " a=b\n\nx\n",
		"equals":                  "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat("=", n),
		"escapes":                 "Content-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat("=41=\n", n/5),
		"escaped":                 "Content-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat(strings.Repeat("=41", 25)+"=\n", n/77),
		"escaped attachment":      "Content-Type: a/b\nContent-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat(strings.Repeat("=41", 25)+"=\n", n/77),
		"broken base64":           "Content-Type: a/b\nContent-Transfer-Encoding: base64\n\n" + strings.Repeat(strings.Repeat("QUFB", 19)+"\n", n/77) + "QUF\nB",
		"text attachment":         "Content-Type: text/csv; name=a\n\n" + text,
		"other lines":             "Content-Type: a/b; name=a\n\n" + text,
		"attached message":        "Content-Type: message/rfc822\n\n\n" + text,
		"texts":                   mixed + strings.Repeat("--o\n\n"+strings.Repeat("\xc3\xa9=", n/3072)+"\n", 1000) + "--o--\n",
		"base64":                  "Content-Transfer-Encoding: base64\n\n" + strings.Repeat("QUFB\n", n/5),
		"carriage returns":        "A: b\n\n" + strings.Repeat("\r\r\n", n/3),
		"hyphens":                 mixed + "--o\n\n" + strings.Repeat("-", n) + "\n--o--\n",
		"lines of hyphens":        mixed + "--o\n\n" + strings.Repeat("--\n", n/3) + "\n--o--\n",
		"begin":                   "A: b\n\n" + strings.Repeat("begin 64\n", n/9),
		"blanks":                  "A: b\n\n" + strings.Repeat(" ", n) + "begin",
		"flowed":                  "Content-Type: text/plain; format=flowed\n\n" + strings.Repeat(" \n", n/2),
		"quotes":                  "Content-Type: text/plain; format=flowed\n\n" + strings.Repeat(">", n),
		"charset":                 "Content-Type: text/plain; charset=iso-2022-jp\n\n" + strings.Repeat("\x1b$BF|\x1b(B", n/8),
		"combining":               "Content-Type: text/plain; charset=utf-8\n\na" + strings.Repeat("\xcc\x88", n/2),
		"meta":                    "Content-Type: text/html\n\n" + strings.Repeat("<meta ", n/6),
		"nested carriage returns": numbered + strings.Repeat("\r--", n/3),
		"nested hyphens":          hyphened + strings.Repeat("-", n),
		"embedded fields":         mixed + embedded(strings.Repeat("a:\n", 16000)),
		"embedded distinct":       mixed + embedded(distinct.String()),
		"embedded addresses":      mixed + embedded("To: "+strings.Repeat("a@b.cc,\n ", 6400)+"a@b.cc\n"),
		"reports of fields":       "Content-Type: message/delivery-status\n\n" + strings.Repeat(strings.Repeat("a:\n", 20000)+"\n", max(1, n/60001)),
		"metas":                   mixed + strings.Repeat("--o\nContent-Type: text/html\n\n"+strings.Repeat("<meta ", 170)+"\n", min(1000, n/1050)) + "--o--\n",
		"Vietnamese":              "Content-Type: text/plain; charset=windows-1258\n\n" + strings.Repeat("\xe2\xec", n/2),
		"NULs":                    "A: b\n\n" + strings.Repeat("\x00", n),
	}
}

// TestCostOfHostileMail holds what hostile messages cost to their size: twice as long, twice the
// cost.
func TestCostOfHostileMail(t *testing.T) {
	const n = 1 << 20
	small, large := hostile(n), hostile(2*n)
	for name := range small {
		once := allocated(func() { dissected([]byte(small[name])) })
		twice := allocated(func() { dissected([]byte(large[name])) })
		if limit := uint64(hostileBase + costFactor*len(large[name])); twice > limit {
			t.Errorf("%s: %d octets allocated for %d", name, twice, len(large[name]))
		}
		if twice > 3*once+costBase {
			t.Errorf("%s: %d octets allocated for %d, %d for %d", name, once, len(small[name]), twice, len(large[name]))
		}
	}
}

// BenchmarkDissect takes each hostile message, and the large ordinary ones, apart.
func BenchmarkDissect(b *testing.B) {
	all := hostile(25 << 20)
	line := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("attachment\x00\xff"), 5))[:76] + "\n"
	all["attachment"] = "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n" + strings.Repeat(line, 25<<20/77)
	for name, raw := range all {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			octets := []byte(raw)
			for b.Loop() {
				dissected(octets)
			}
		})
	}
}
