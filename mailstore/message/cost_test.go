package message_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"cairn/mailstore/message"
	"cairn/mailstore/testenv"
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
	// Garbage for each octet of a header whose authors programs read in different ways: it is read
	// a line at a time, and nothing of one is held when the next is read.
	claimsFactor = 128
)

// With the race detector a pool of the standard library forgets what is put into it now and then,
// so that what uses regular expressions allocates more than it does otherwise: this many times the
// limit.
var poolsForget uint64 = 1

func TestCostOfMail(t *testing.T) {
	files := 0
	mails(t, []string{"ham", "spam", "intl", "mime", "phishing", "transit", "threads", "abuse", "auth"}, func(path string, raw []byte) {
		files++
		if got := allocated(func() { dissected(raw) }); got > costBase+costFactor*uint64(len(raw)) {
			t.Errorf("%s: %d octets allocated for %d", path, got, len(raw))
		}
		if got := allocated(func() { message.ClaimsOf(raw) }); got > poolsForget*(costBase+claimsFactor*uint64(len(raw))) {
			t.Errorf("%s: %d octets allocated for the authors of %d", path, got, len(raw))
		}
	})
	if files < 2000 {
		t.Errorf("only %d files", files)
	}
}

// characters is text of about n octets without a character twice, as far as there are so many.
func characters(n int) string {
	var b strings.Builder
	for r := rune(0x4e00); b.Len() < n; r++ {
		if r == 0xd800 {
			r = 0x20000
		}
		if r > 0x2ffff {
			r = 0x4e00
		}
		b.WriteRune(r)
	}
	return b.String()
}

// hostile are messages of about n octets, each quadratic or endless for a careless reader.
func hostile(n int) map[string]func() string {
	var deep, bombs strings.Builder
	for i := range 100 {
		fmt.Fprintf(&deep, "Content-Type: multipart/mixed; boundary=b%dx\n\n--b%dx\n", i, i)
		fmt.Fprintf(&bombs, "Content-Type: multipart/mixed; boundary=b%dx\n\n--b%dx\nContent-Type: message/rfc822\n\n", i, i)
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
	text := func() string {
		return strings.Repeat("text of a hundred octets or so, which is what lines of mail are long as a rule, and a bit on top\n", n/100)
	}
	pieces := func() string {
		var b strings.Builder
		for i := range n / 16 {
			fmt.Fprintf(&b, " name*%d=x;\n", i)
		}
		return b.String()
	}
	return map[string]func() string{
		"parts": func() string { return mixed + strings.Repeat("--o\n\nx\n", n/7) + "--o--\n" },
		"parts with names": func() string {
			return mixed + strings.Repeat("--o\nContent-Type: a/b; name=x\n\nx\n", n/32) + "--o--\n"
		},
		"messages in parts": func() string {
			return mixed + strings.Repeat("--o\nContent-Type: message/rfc822\n\nA: b\n\nx\n", n/42) + "--o--\n"
		},
		"levels":               func() string { return deep.String() + text() },
		"messages in messages": func() string { return strings.Repeat("Content-Type: message/rfc822\n\n", 100) + text() },
		"bombs":                func() string { return bombs.String() + text() },
		"long field":           func() string { return "Subject: " + strings.Repeat("x", n) + "\n\nx\n" },
		"long folded field":    func() string { return "Subject: x" + strings.Repeat("\n x", n/3) + "\n\nx\n" },
		"folds in parts": func() string {
			return mixed + strings.Repeat("--o\nX: y"+strings.Repeat("\n z", 10000)+"\n\n", n/30000)
		},
		"fields":                func() string { return strings.Repeat("a:\n", n/3) + "\nx\n" },
		"same fields":           func() string { return strings.Repeat("X-A: b\n", n/7) + "\nx\n" },
		"To fields":             func() string { return strings.Repeat("To: a@b.example\n", n/16) + "\nx\n" },
		"header lines of parts": func() string { return mixed + strings.Repeat("--o\n"+strings.Repeat("a:\n", 1000)+"\nx\n", n/3006) },
		"no fields":             func() string { return strings.Repeat("x\n", n/2) + "\nx\n" },
		"no fields in parts":    func() string { return mixed + strings.Repeat("--o\n"+strings.Repeat("x\n", 1000)+"\nx\n", n/2006) },
		"report":                func() string { return "Content-Type: message/delivery-status\n\n" + strings.Repeat("a:\n\n", n/4) },
		"words":                 func() string { return "Subject: x" + strings.Repeat("\n =?utf-8?q?x?=", n/16) + "\n\nx\n" },
		"addresses":             func() string { return "To: a@b.example" + strings.Repeat(",\n a@b.example", n/14) + "\n\nx\n" },
		"groups":                func() string { return "To: " + strings.Repeat("a:\n ", n/4) + "\n\nx\n" },
		"names":                 func() string { return "To: " + strings.Repeat("\"\n ", n/4) + "\n\nx\n" },
		"parameters":            func() string { return "Content-Type: a/b;\n" + pieces() + " a=b\n\nx\n" },
		"equals": func() string {
			return "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat("=", n)
		},
		"escapes": func() string {
			return "Content-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat("=41=\n", n/5)
		},
		"escaped": func() string {
			return "Content-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat(strings.Repeat("=41", 25)+"=\n", n/77)
		},
		"escaped attachment": func() string {
			return "Content-Type: a/b\nContent-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat(strings.Repeat("=41", 25)+"=\n", n/77)
		},
		"broken base64": func() string {
			return "Content-Type: a/b\nContent-Transfer-Encoding: base64\n\n" + strings.Repeat(strings.Repeat("QUFB", 19)+"\n", n/77) + "QUF\nB"
		},
		"odd base64": func() string {
			return "Content-Type: a/b\nContent-Transfer-Encoding: base64\n\n" + strings.Repeat(strings.Repeat("QUFB", 19)+"\n", n/77) + "QUF,\n"
		},
		"text attachment":  func() string { return "Content-Type: text/csv; name=a\n\n" + text() },
		"other lines":      func() string { return "Content-Type: a/b; name=a\n\n" + text() },
		"attached message": func() string { return "Content-Type: message/rfc822\n\n\n" + text() },
		"texts": func() string {
			return mixed + strings.Repeat("--o\n\n"+strings.Repeat("\xc3\xa9=", n/3072)+"\n", 1000) + "--o--\n"
		},
		"base64": func() string { return "Content-Transfer-Encoding: base64\n\n" + strings.Repeat("QUFB\n", n/5) },
		"attachment": func() string {
			line := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("attachment\x00\xff"), 5))[:76] + "\n"
			return "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n" + strings.Repeat(line, n/77)
		},
		"hyphens behind CRs in the epilogue": func() string { return mixed + "--o\n\nx\n--o--\n" + strings.Repeat("\r--", min(n/3, 1<<19-9)) },
		"hyphens behind CRs in the preamble": func() string { return mixed + "x" + strings.Repeat("\r--", min(n/3, 1<<19-9)) + "\n--o\n\nx\n--o--\n" },
		"hyphens behind CRs, odd": func() string {
			return "Content-Type: multipart/mixed; boundary=\"o o\"\n\n--o o\n\nx" + strings.Repeat("\r--", min(n/3, 1<<19-9)) + "\n--o o--\n"
		},
		"lines of hyphens in levels": func() string { return numbered + strings.Repeat("--\n", min(n/3, 1<<19-99)) },
		"decoded lines": func() string {
			return "Content-Transfer-Encoding: base64\n\n" + strings.Repeat(strings.Repeat("CgoK", 19)+"\n", n/77)
		},
		"blank lines in levels": func() string { return numbered + strings.Repeat(strings.Repeat(" ", 98)+"\n", n/100) },
		"carriage returns":      func() string { return "A: b\n\n" + strings.Repeat("\r\r\n", n/3) },
		"hyphens":               func() string { return mixed + "--o\n\n" + strings.Repeat("-", n) + "\n--o--\n" },
		"lines of hyphens":      func() string { return mixed + "--o\n\n" + strings.Repeat("--\n", n/3) + "\n--o--\n" },
		"begin":                 func() string { return "A: b\n\n" + strings.Repeat("begin 64\n", n/9) },
		"blanks":                func() string { return "A: b\n\n" + strings.Repeat(" ", n) + "begin" },
		"flowed":                func() string { return "Content-Type: text/plain; format=flowed\n\n" + strings.Repeat(" \n", n/2) },
		"quotes":                func() string { return "Content-Type: text/plain; format=flowed\n\n" + strings.Repeat(">", n) },
		"charset": func() string {
			return "Content-Type: text/plain; charset=iso-2022-jp\n\n" + strings.Repeat("\x1b$BF|\x1b(B", n/8)
		},
		"combining":               func() string { return "Content-Type: text/plain; charset=utf-8\n\na" + strings.Repeat("\xcc\x88", n/2) },
		"meta":                    func() string { return "Content-Type: text/html\n\n" + strings.Repeat("<meta ", n/6) },
		"nested carriage returns": func() string { return numbered + strings.Repeat("\r--", n/3) },
		"nested hyphens":          func() string { return hyphened + strings.Repeat("-", n) },
		"embedded fields":         func() string { return mixed + embedded(strings.Repeat("a:\n", 16000)) },
		"embedded distinct":       func() string { return mixed + embedded(distinct.String()) },
		"embedded addresses":      func() string { return mixed + embedded("To: "+strings.Repeat("a@b.cc,\n ", 6400)+"a@b.cc\n") },
		"reports of fields": func() string {
			return "Content-Type: message/delivery-status\n\n" + strings.Repeat(strings.Repeat("a:\n", 20000)+"\n", max(1, n/60001))
		},
		"metas": func() string {
			return mixed + strings.Repeat("--o\nContent-Type: text/html\n\n"+strings.Repeat("<meta ", 170)+"\n", min(1000, n/1050)) + "--o--\n"
		},
		"Vietnamese": func() string {
			return "Content-Type: text/plain; charset=windows-1258\n\n" + strings.Repeat("\xe2\xec", n/2)
		},
		"NULs": func() string { return "A: b\n\n" + strings.Repeat("\x00", n) },
		"distinct characters in a domain": func() string {
			return "From: a@" + characters(min(n, 60<<10)) + "\n\n" + characters(n) + "\n"
		},
		"distinct characters in domains": func() string {
			return "From: a@" + strings.Join(strings.SplitAfterN(characters(min(n, 60<<10)), "", 1000), ",b@x") + "\n\n" + characters(n) + "\n"
		},
		"domains behind comments that do not nest": func() string {
			return "From: " + authorShapes["comments that do not nest"](min(n, 60<<10)) + "\n\n" + strings.Repeat("x", n) + "\n"
		},
		"domains within comments": func() string {
			return "From: " + authorShapes["other domains"](min(n, 60<<10)) + "\n\n" + strings.Repeat("x", n) + "\n"
		},
		"distinct characters in words": func() string {
			return "Subject: " + strings.ReplaceAll(characters(min(n, 8<<10)), "a", "b") + "\nTo: \"" + characters(min(n, 8<<10)) + "\" <a@b.example>\n\nx\n"
		},
		"distinct marks": func() string {
			var b strings.Builder
			for b.Len() < n {
				for r := rune(0x300); r < 0x370; r++ {
					b.WriteRune(r)
				}
			}
			return "Content-Type: text/plain; charset=utf-8\n\na" + b.String() + "\n"
		},
		"distinct names": func() string {
			return "Content-Type: a/b; name=\"" + characters(min(n, 60<<10)) + "\"\n\nx\n"
		},
	}
}

// TestCostOfHostileMail holds what hostile messages cost to their size, with either line end: twice
// as long, twice the cost.
func TestCostOfHostileMail(t *testing.T) {
	n := 2 << 20 // beyond what is read of texts
	if testenv.CI() {
		n = 4 << 20
	}
	small, large := hostile(n), hostile(2*n)
	for name := range small {
		short, long := []byte(small[name]()), []byte(large[name]())
		for range 2 {
			once := allocated(func() { dissected(short) })
			twice := allocated(func() { dissected(long) })
			if limit := uint64(hostileBase + costFactor*len(long)); twice > limit {
				t.Errorf("%s: %d octets allocated for %d", name, twice, len(long))
			}
			if twice > 3*once+costBase {
				t.Errorf("%s: %d octets allocated for %d, %d for %d", name, once, len(short), twice, len(long))
			}
			short, long = message.WireLines(short), message.WireLines(long)
		}
	}
}

// What costs more than any mail that was recorded under version 1 is not taken apart for it.
func TestCostOfVersion1(t *testing.T) {
	for name, raw := range hostile(2 << 20) {
		octets := []byte(raw())
		if got := allocated(func() { message.Dissect(octets, nil).V1() }); got > uint64(2*hostileBase+2*costFactor*len(octets)) {
			t.Errorf("%s: %d octets allocated for %d", name, got, len(octets))
		}
	}
}

// BenchmarkDissect takes each hostile message, and the large ordinary one, apart, of 25 MiB as SMTP
// brings it.
func BenchmarkDissect(b *testing.B) {
	const size = 25 << 20
	for _, name := range slices.Sorted(maps.Keys(hostile(0))) {
		b.Run(name, func(b *testing.B) {
			octets := message.WireLines([]byte(hostile(size)[name]()))
			if len(octets) > size {
				octets = message.WireLines([]byte(hostile(int(size * float64(size) / float64(len(octets))))[name]()))
			}
			b.SetBytes(int64(len(octets)))
			b.ReportAllocs()
			for b.Loop() {
				dissected(octets)
			}
		})
	}
}
