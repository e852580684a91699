package verdicts

import (
	"bytes"
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/consensus/recorder"
	"cairn/mailstore/message/grammar"
)

func TestSeam(t *testing.T) {
	const one, two = "Received: from a by b;\n\tone\n", "received: from c by d; two\r\n"
	for _, c := range []struct {
		name, original, received string
		above                    string // of the record
		leftOut                  bool
	}{
		{"no way at all", "From: a\n\nx", "Subject: x\nFrom: a\n\nx", "", false},
		{"put on top", "From: a\n\nx", "Return-Path: <>\n" + two + one + "From: a\n\nx", "Return-Path: <>\n" + two + one, false},
		{"on top of what was there", one + "From: a\n\nx", two + "X: y\n" + one + "From: a\n\nx", two + "X: y\n", false},
		{"refolded", "Received: from a by b; one\nFrom: a\n\nx", two + one + "From: a\n\nx", two, false},
		{"another way", one + "From: a\n\nx", two + "From: a\n\nx", "", true},
		{"no header", "x", "", "", false},
		{"in the body", "From: a\n\n" + one, "From: a\n\n" + one, "", false},
	} {
		place, wish := seam([]byte(c.original), []byte(c.received))
		if got := c.received[:place]; got != c.above || (len(wish.LeftOut) > 0) != c.leftOut {
			t.Errorf("%s: below %q, left out %v", c.name, got, wish.LeftOut)
		}
	}
}

// TestManyFolds: a field costs what it is long, in however many lines.
func TestManyFolds(t *testing.T) {
	raw := []byte("To: a" + strings.Repeat(",\n\tb", 1<<12) + "\n\nx")
	if f := fieldsOf(raw); len(f) != 1 || f[0].value != "a"+strings.Repeat(", b", 1<<12) || f[0].end != len(raw)-2 {
		t.Errorf("%.80v", f)
	}
	if n := testing.AllocsPerRun(1, func() { fieldsOf(raw) }); n > 100 {
		t.Errorf("%v pieces of memory", n)
	}
}

func FuzzSeam(f *testing.F) {
	f.Add([]byte("Received: a\n\tb\nFrom: x\n\n"), []byte("Received: c\r\nReceived: a b\r\n"))
	f.Fuzz(func(t *testing.T, original, received []byte) {
		place, _ := seam(original, received)
		if place < 0 || place > len(received) || place > 0 && received[place-1] != '\n' && place != len(received) {
			t.Fatalf("place %d of %q", place, received)
		}
	})
}

func TestUnfolds(t *testing.T) {
	const folded, more = "To: a@x.example,\n b@x.example\n", "Received: from a\n by b\n"
	for _, c := range []struct {
		name, original, received string
		want                     bool
	}{
		{"nothing is folded", "To: a\n\nx", "To: a\n\nx", false},
		{"as it was", folded + "\nx", folded + "\nx", false},
		{"unfolded", folded + "\nx", more + "to: a@x.example, b@x.example\n\nx", true},
		{"one of two", folded + more + "\nx", "To: a@x.example, b@x.example\n" + more + "\nx", false},
		{"another value", folded + "\nx", "To: a@x.example\n\nx", false},
	} {
		if got := unfolds([]byte(c.original), []byte(c.received)); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestUnfoldedRecord: whoever unfolds headers unfolds the record too, and changes nothing.
func TestUnfoldedRecord(t *testing.T) {
	const original = "From: a@orig.example\nTo: b@dest.example,\n c@dest.example\nCc: d@dest.example\nDate: 25 Nov 2026 11:00:00 +0000\n" +
		"Message-ID: <1@orig.example>\nIn-Reply-To: <0@dest.example>\nReferences: <0@dest.example>\nSubject: Figures\nX-Mailer: own\nMIME-Version: 1.0\n" +
		"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: text/plain\n\nPay 5.\n" +
		"--o\nContent-Type: image/png; name=a.png\n\nx\n--o\nContent-Type: image/png; name=b.png\n\ny\n--o--\n"
	p := &Pair{Name: "unfolded", Original: []byte(original), Received: []byte(strings.Replace(original, ",\n c@", ", c@", 1))}
	if got := became(judge(t, p, Knowledge{})); got != "verified inbox" {
		t.Error(got)
	}
	draft := recorder.NewDraft(secretOf(p.Name, "sender"), p.Original, []string{"b@dest.example"}, record.Wish{}, at)
	if line, _, _ := bytes.Cut(sealed(p.Received, 0, senderKey, draft, true), []byte("\n")); len(line) <= grammar.MaxLine {
		t.Errorf("the record's line has %d octets: it is no long one", len(line))
	}
}
