package record_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// hostileMail are messages that cost the most for their size.
func hostileMail() map[string][]byte {
	head := "From: a@b.example\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@b.example>\r\n"
	mixed := head + "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
	nested := head + "MIME-Version: 1.0\r\n"
	for i := range 100 {
		nested += fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%03d\r\n\r\n--b%03d\r\n", i, i)
	}
	embedded := head + "MIME-Version: 1.0\r\n"
	for range 100 {
		embedded += "Content-Type: message/rfc822\r\n\r\n" + head
	}
	text := strings.Repeat("a\r\n", 1<<18)
	wrapped := mixed + "--b\r\nContent-Type: message/rfc822\r\n\r\n" + letter + "\r\n"
	return map[string][]byte{
		"10,000 parts":        []byte(mixed + strings.Repeat("--b\r\nContent-Type: application/x-a; name=a\r\n\r\nx\r\n", 10000) + "--b--\r\n"),
		"10,000 empty parts":  []byte(mixed + strings.Repeat("--b\r\n\r\n", 10000) + "--b--\r\n"),
		"100 levels":          []byte(nested + "\r\nx\r\n"),
		"100 messages":        []byte(embedded + "\r\nx\r\n"),
		"a field of 1 MB":     []byte(head + "X-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\nx\r\n"),
		"a folded field":      []byte(head + "X-A: a\r\n" + strings.Repeat(" a\r\n", 1<<18) + "\r\nx\r\n"),
		"many fields":         []byte(head + strings.Repeat("X-A: a\r\n", 1<<17) + "\r\nx\r\n"),
		"many mailboxes":      []byte("To: " + strings.Repeat("a@b.example,\r\n ", 4000) + "a@b.example\r\n" + head + "\r\nx\r\n"),
		"many words":          []byte("Subject: " + strings.Repeat("=?utf-8?q?a?=\r\n ", 3800) + "a\r\n" + head + "\r\nx\r\n"),
		"an answer of a line": []byte("Subject: [a 999] Re: [ext] Fwd: [b] RE : " + strings.Repeat("a, ", 310) + "\r\n" + head + "\r\nx\r\n"),
		"a long answer":       []byte("Subject: [a 999] Re: " + strings.Repeat("a ", 1<<14) + "\r\n" + head + "\r\nx\r\n"),
		"a million lines":     []byte(head + "\r\n" + strings.Repeat("a\r\n", 1<<20)),
		"escaped lines":       []byte(head + "\r\n" + strings.Repeat(">From a\r\n", 1<<17)),
		"quoted lines":        []byte(head + "\r\n" + strings.Repeat(">From a\r\n>>From a\r\n", 1<<16)),
		"four texts of lines": []byte(mixed + strings.Repeat("--b\r\n\r\n"+text, 4) + "--b--\r\n"),
		"HTML of tags":        []byte(head + "MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n" + strings.Repeat("<p>\r\n", 1<<18) + "</body></html>\r\n"),
		"footers":             []byte(wrapped + strings.Repeat("--b\r\n\r\n---\r\n"+strings.Repeat("ab:\r\n", 100), 1000) + "--b--\r\n"),
		"boundary lines":      []byte(mixed + strings.Repeat("--ba\r\n--b\t\r\n", 1<<16)),
		"parameters":          []byte(head + "MIME-Version: 1.0\r\nContent-Type: text/plain" + strings.Repeat(";\r\n a=b", 8000) + "\r\n\r\nx\r\n"),
	}
}

// poolsForget is by how much more is allocated with the race detector, under which the pools that
// regular expressions live on forget.
var poolsForget uint64 = 1

// TestHostileMail: no message takes more memory than ten times its size and a fixed amount,
// whatever was recorded, and each gets an answer. What it takes of time is logged, and a
// benchmark's to hold.
func TestHostileMail(t *testing.T) {
	token := tokenOf(message.Dissect([]byte(letter), nil))
	list := record.Context{Forwarder: &record.Forwarder{Domain: "b.example", Posting: "a@b.example", List: true}, Banners: []string{"x"}}
	for name, raw := range hostileMail() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begun := time.Now()
		c := record.Compare(token, message.Dissect(raw, nil), list)
		took := time.Since(begun)
		runtime.ReadMemStats(&after)
		if c.AllSame() || c.Forwarded() {
			t.Errorf("%s: it is the letter", name)
		}
		used := after.TotalAlloc - before.TotalAlloc
		t.Logf("%-20s %8d octets, %6.1f times allocated, %v", name, len(raw), float64(used)/float64(len(raw)), took)
		if used > 10*uint64(len(raw))+poolsForget*8<<20 {
			t.Errorf("%s: %d octets take %d", name, len(raw), used)
		}
	}
}

// BenchmarkHostile is what each of these messages costs.
func BenchmarkHostile(b *testing.B) {
	token := tokenOf(message.Dissect([]byte(letter), nil))
	for name, raw := range hostileMail() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				record.Compare(token, message.Dissect(raw, nil), record.Context{})
			}
		})
	}
}

// TestHostileWork counts what a comparison tries to explain mail that was made to look like much.
func TestHostileWork(t *testing.T) {
	head := "From: a@b.example\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@b.example>\r\nMIME-Version: 1.0\r\n"
	text := "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
	mixed := "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	escaped := strings.Repeat(">From x\r\n", 5)
	var sent, texts, leaves strings.Builder
	for i := range 3 {
		fmt.Fprintf(&sent, "--b\r\n%sh\u00e9llo%d\r\n", text, i)
		fmt.Fprintf(&texts, "--b\r\n%s%d\r\n%s%s", text, i, escaped, strings.Repeat("\u00e9\r\n", 4200))
	}
	for i := range 250 {
		fmt.Fprintf(&leaves, "--d\r\nContent-Type: text/b%d\r\n\r\nx\r\n", i)
	}
	one, html := text+"h\u00e9llo\r\n", strings.Replace(text, "plain", "html", 1)
	for name, c := range map[string]struct{ sent, received string }{
		"escaped, large": {one, text + escaped + "\u00e9\r\n" + strings.Repeat(strings.Repeat("a", 5000)+"\r\n", 2000)},
		"short lines":    {one, text + escaped + strings.Repeat("\u00e9\r\n", 5000)},
		"HTML cuts":      {html + "<p>h\u00e9\r\n", html + escaped + strings.Repeat("<\u00e9\r\n", 3000) + "</body" + strings.Repeat("x", 2000) + "</html" + strings.Repeat("y", 2000) + "\r\n"},
		"texts":          {mixed + sent.String() + "--b--\r\n", mixed + texts.String() + "--b--\r\n"},
		"leaves":         {mixed + sent.String() + "--b--\r\n", mixed + "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: multipart/mixed; boundary=d\r\n\r\n" + leaves.String() + "--d--\r\n--c--\r\n--b--\r\n"},
	} {
		token, raw := tokenOf(message.Dissect([]byte(head+c.sent), nil)), []byte(head+c.received)
		for _, stranger := range []bool{false, true} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begun := time.Now()
			got, tries, work := record.CompareTries(token, message.Dissect(raw, nil), record.Context{Stranger: stranger})
			took := time.Since(begun)
			runtime.ReadMemStats(&after)
			t.Logf("%-15s stranger %-5v %6d tries, work %8d, %v, %d MiB", name, stranger, tries, work, took, (after.TotalAlloc-before.TotalAlloc)>>20)
			if tries > record.MaxTries+1000 || stranger && tries > record.MaxTries/16+1000 {
				t.Errorf("%s: %d tries", name, tries)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 10*uint64(len(raw))+64<<20 {
				t.Errorf("%s: %d octets take %d", name, len(raw), used)
			}
			if got.AllSame() || got.MayBeWanted() {
				t.Errorf("%s: it may be wanted", name)
			}
		}
	}
}
