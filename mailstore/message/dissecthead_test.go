package message_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

func readingAndContent(comps []message.Component, t message.Type, index uint16) string {
	for _, c := range comps {
		if c.Type == t && c.Index == index {
			return fmt.Sprintf("%d %s", c.Reading, c.Content())
		}
	}
	return ""
}

func TestHead(t *testing.T) {
	raw := "Received: from a.example ([192.0.2.9]) by c.example with ESMTP; now\nCairn-Record: x\nReceived: from b.example ([192.0.2.1]) by a.example with esmtps; now\n" +
		"From: =?utf-8?q?D=C3=A4?= <D@B.example>\nSender: \xc3\xa4 <s@b.example>\nTo: z@b.example, a@b.example\nCc: broken\nCc: again\nReply-To:\n" +
		"Subject: \xc3\xa4\nDate: Thu, 25 Nov 2026 00:00:00 +0000\nMessage-ID: <1@b.example> <2@b.example>\nIn-Reply-To: <1@b.example> <2@b.example>\n" +
		"X-B: two\nx-a: =?utf-8?q?=C3=A4?=\nX-B: \xc3\xa4\nX-Spam-Flag: YES\nImportance: high\n\n"
	d := message.Dissect([]byte(raw), []string{"Z@b.example", "z@B.example", "a@b.example"})
	for _, tt := range []struct {
		typ   message.Type
		index uint16
		want  string
	}{
		{message.From, 0, "1 D@b.example"},
		{message.Names, 1, "1 0\tDä\t\n"},
		{message.Sender, 0, "1 s@b.example"},
		{message.Names, 2, "2 \xc3\xa4 <s@b.example>"},
		{message.To, 0, "1 a@b.example\nz@b.example"},
		{message.Names, 3, "1 1\t\t\n0\t\t\n"},
		{message.Cc, 0, "2 broken\nagain"},
		{message.ReplyTo, 0, ""},
		{message.Subject, 0, "2 \xc3\xa4"},
		{message.Date, 0, "1 1795564800 Thu"},
		{message.MessageID, 0, "2 <1@b.example> <2@b.example>"},
		{message.InReplyTo, 0, "1 <1@b.example> <2@b.example>"},
		{message.Fields, 0, "1 importance: 1high\nx-a: 1ä\nx-b: 1two\nx-b: 2\xc3\xa4\n"},
		{message.Route, 0, "1 from b.example ([192.0.2.1]) by a.example with esmtps; now"},
		{message.OriginatingAddress, 0, "1 192.0.2.1"},
		{message.SMTPVersion, 0, "1 ESMTPS"},
		{message.Recipient, 0, "1 a@b.example"},
		{message.Recipient, 1, "1 z@b.example"},
		{message.Recipient, 2, ""},
		{message.Octets, 0, "1 \r\n"},
	} {
		if got := readingAndContent(d.Components(), tt.typ, tt.index); got != tt.want {
			t.Errorf("%s %d: %q, want %q", tt.typ, tt.index, got, tt.want)
		}
	}
	if d.Value("x-b") != "two" || !d.Has("x-a") || d.Has("x-c") || d.Value("x-c") != "" {
		t.Errorf("x-b %q", d.Value("x-b"))
	}
	if f := d.Fields(); len(f) != 3 || f[2].Value() != "two; \xc3\xa4" {
		t.Errorf("fields %q", f)
	}
	original := func(address string) string { return strings.Replace(address, "z@", "inner@", 1) }
	mapped := d.Mapped(original)
	if got := readingAndContent(mapped, message.To, 0); got != "1 a@b.example\ninner@b.example" {
		t.Errorf("mapped To %q", got)
	}
	if got := readingAndContent(mapped, message.Cc, 0); got != "" {
		t.Errorf("mapped a field whose addresses cannot be told: %q", got)
	}
	if got := readingAndContent(mapped, message.Sender, 0); got != "1 s@b.example" {
		t.Errorf("mapped Sender %q", got)
	}
}

func TestWithoutMboxLine(t *testing.T) {
	for in, want := range map[string]string{
		"From a@b Mon\nA: b\n\n": "A: b\n\n", ">From a@b Mon\r\nA: b\n\n": "A: b\n\n", "\xef\xbb\xbfA: b\n\n": "A: b\n\n",
		"From: a\n\n": "From: a\n\n", "From : a\n\n": "From : a\n\n", "A: b\nFrom x\n\n": "A: b\nFrom x\n\n", "From x": "",
	} {
		if got := string(message.WithoutMboxLine([]byte(in))); got != want {
			t.Errorf("WithoutMboxLine(%q) = %q, want %q", in, got, want)
		}
	}
}

// A flaw that is gone with the field that it is in, where that is stripped, is none of the
// message's; of an embedded message nothing is stripped.
func TestFlaws(t *testing.T) {
	var stripped strings.Builder
	for i := range 70 {
		fmt.Fprintf(&stripped, "X-Mozilla-%02d: %s\n", i, strings.Repeat("x", 986))
	}
	many := stripped.String()[:grammar.MaxHeader-3000]
	many = many[:strings.LastIndexByte(many, '\n')+1]
	for raw, want := range map[string][2]int{
		"Subject: x\n\n": {0, 0}, "Subject : x\n\n": {1, 1}, "text\n\n": {2, 2}, "\nFrom: a@b.example\n\n": {1, 1},
		"X-Report: a\n \n b\n\n": {1, 1}, "Received: a\n \n b\n\n": {1, 1}, "Subject: a\rb\n\n": {1, 1},
		"X-Spam-Flag : a\n\n": {1, 1}, "X-Mozilla-Keys: " + strings.Repeat("x", 1000) + "\n\n": {0, 1},
		"X-Spam-Report: a\n \n b\n\n": {0, 1}, "X-Mozilla-Keys: \n \n\n": {1, 1},
		"X-Spam-Report: a\rSubject: b\n\n": {1, 1}, "Status: a\x00b\n\n": {1, 1}, "X-Spam-Report: a\ntext\n\n": {1, 1},
		many + "Subject: x\ntext\n\n": {1, 8 + 1}, many + "Received : x\n\n": {1, 8 + 1}, many + "Subject: x\n \n\n": {1, 8 + 1},
		many + "X-Virus-Note: " + strings.Repeat("x", 990) + "\n\n": {1, 8},
	} {
		if d := message.Dissect([]byte(raw), nil); len(d.Flaws) != want[0] {
			t.Errorf("%.60q of %d: flaws %v", raw, len(raw), d.Flaws)
		}
		if d := message.DissectEmbedded([]byte(raw)); len(d.Flaws) != want[1] {
			t.Errorf("embedded %.60q of %d: flaws %v", raw, len(raw), d.Flaws)
		}
	}
}

// TestHintsOfMany: mailboxes of large fields leave room to name the other fields.
func TestHintsOfMany(t *testing.T) {
	list := func(domain string) string {
		var all []string
		for i := range 40 {
			all = append(all, fmt.Sprintf("a%d@%s", i, domain))
		}
		return strings.Join(all, ", ")
	}
	d := message.Dissect([]byte("From: a@b.example\nTo: "+list("b.example")+"\nCc: "+list("c.example")+"\nX-Foo: bar\n\nhello\n"), nil)
	hints := d.Hints()
	if len(hints) < 80 || !slices.ContainsFunc(hints[:64], func(h message.Hint) bool { return h.Label == message.HintField+"x-foo" }) {
		t.Errorf("%d hints, of the field none among the first", len(hints))
	}
}

// The clause ends where it does, also where a letter is longer in another case.
func TestOriginIsOfTheFromClause(t *testing.T) {
	for _, name := range []string{"b.example", strings.Repeat("\u023a", 300), strings.Repeat("\u0130", 300), strings.Repeat("\xff", 300)} {
		raw := "Received: from " + name + " (x [192.0.2.1]) By c.example ([192.0.2.9]); now\r\nFrom: x@y.example\r\n\r\n"
		got := ""
		for _, c := range message.Dissect([]byte(raw), nil).Components() {
			if c.Type == message.OriginatingAddress {
				got = string(c.Content())
			}
		}
		if got != "192.0.2.1" {
			t.Errorf("%.20q: %q", name, got)
		}
	}
}

// A header that ends with the mail, without a line end, is read whole, however long it is.
func TestHeaderWithoutEnd(t *testing.T) {
	for _, size := range []int{20, 4095, 4096, 4097, 8192} {
		for _, before := range []string{"", "To: <bob@org.example>\n"} {
			want := strings.Repeat("s", max(1, size-len(before)-len("Subject: ")))
			raw := before + "Subject: " + want
			if got := message.ParseHeader([]byte(raw)).Subject; got != want {
				t.Errorf("%d octets, %q before: a subject of %d octets, want %d", size, before, len(got), len(want))
			}
		}
	}
}
