package message_test

import (
	"fmt"
	"strings"
	"testing"

	"cairn/mailstore/message"
)

// TestRegistry holds the sum of all maxima to MaxComponents, so that no message can have more.
func TestRegistry(t *testing.T) {
	sum, last := 0, message.Type(0)
	for _, row := range message.Registry() {
		sum += row.Max
		if row.Type <= last || row.Name == "" {
			t.Errorf("%d %q is out of order or has no name", row.Type, row.Name)
		}
		last = row.Type
		if row.Type.String() != row.Name {
			t.Errorf("String of %d is %q", row.Type, row.Type)
		}
	}
	if sum > message.MaxComponents {
		t.Errorf("the maxima add up to %d, more than %d", sum, message.MaxComponents)
	}
	if s := message.Type(200).String(); s != "type-200" {
		t.Errorf("unknown type is called %q", s)
	}
}

// TestFullMessage has more of everything than a record holds: what is beyond is folded, so that it
// still counts.
func TestFullMessage(t *testing.T) {
	build := func(lastContent, lastName string) []byte {
		var b strings.Builder
		b.WriteString("Received: from x by y with SMTP\nFrom: J <a@b.example>\nContent-Type: multipart/mixed; boundary=o\n\n")
		for i := range 20 {
			fmt.Fprintf(&b, "--o\n\ntext %d\n--o\nContent-Type: text/html\n\n<p>%d\n--o\nContent-Type: image/png; name=n%d.png\n\nimage %d\n", i, i, i, i)
		}
		fmt.Fprintf(&b, "--o\nContent-Type: image/png; name=%s\n\n%s\n--o--\n", lastName, lastContent)
		return []byte(b.String())
	}
	var recipients []string
	for i := range 100 {
		recipients = append(recipients, fmt.Sprintf("r%03d@b.example", i))
	}
	count := func(raw []byte) map[message.Type]int {
		comps := message.ComponentsV1(raw, recipients)
		checkComponents(t, "full message", comps)
		counts := map[message.Type]int{}
		for _, c := range comps {
			counts[c.Type]++
		}
		return counts
	}
	counts := count(build("z", "z.png"))
	for typ, want := range map[message.Type]int{message.Text: 4, message.HTML: 3, message.Attachment: 8, message.AttachmentName: 8, message.Recipient: message.MaxRecipients} {
		if counts[typ] != want {
			t.Errorf("%s: %d, want %d", typ, counts[typ], want)
		}
	}
	base := message.ComponentsV1(build("z", "z.png"), nil)
	if sameComponents(base, message.ComponentsV1(build("Z", "z.png"), nil)) || sameComponents(base, message.ComponentsV1(build("z", "Z.png"), nil)) {
		t.Error("a change in a folded attachment shows in no component")
	}
}

// TestHostileShapes must come to an end, quickly, within bounds: each input would be quadratic or
// endless for a careless reader.
func TestHostileShapes(t *testing.T) {
	const n = 1 << 19
	nested := strings.Builder{}
	for i := range 5000 {
		fmt.Fprintf(&nested, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	pieces := strings.Builder{}
	for i := range n / 12 {
		fmt.Fprintf(&pieces, "; a*%d=x", i)
	}
	for name, raw := range map[string]string{
		"open comments":        "From: " + strings.Repeat("(", n),
		"open angles":          "From: " + strings.Repeat("<", n),
		"open quotes":          "From: " + strings.Repeat(`"`, n),
		"open literals":        "From: " + strings.Repeat("[", n),
		"comments in date":     "Date: " + strings.Repeat("((a)", n/4),
		"word starts":          "Subject: " + strings.Repeat("=?", n/2),
		"half words":           "Subject: " + strings.Repeat("=?a?q?", n/6) + "?=",
		"unclosed words":       "Subject: " + strings.Repeat("=?a?q?x", n/7),
		"unknown encodings":    "Subject: " + strings.Repeat("=?a?z?x", n/7) + "?=",
		"unclosed unknown":     "Subject: " + strings.Repeat("=?a?z?x", n/7),
		"split words":          "Subject: " + strings.Repeat("=?a?q?x?= ", n/10),
		"folds":                "Subject: " + strings.Repeat("\n ", n/2),
		"one header line":      strings.Repeat("a", n),
		"many fields":          strings.Repeat("To: a@b.example\n", n/16),
		"fields in a part":     "Content-Type: message/rfc822\n\n" + strings.Repeat("a:\n", n/3),
		"fields in parts":      "Content-Type: multipart/mixed; boundary=o\n\n" + strings.Repeat("--o\n"+strings.Repeat("a:\n", 100), n/304),
		"no fields":            strings.Repeat("no field\n", n/9),
		"semicolons":           "Content-Type: text/plain" + strings.Repeat(";a=\"", n/4),
		"nested multiparts":    nested.String(),
		"many parts":           "Content-Type: multipart/mixed; boundary=o\n\n" + strings.Repeat("--o\n\nx\n", n/7),
		"boundary look-alikes": "Content-Type: multipart/mixed; boundary=o\n\n" + strings.Repeat("--o-\n", n/5),
		"short boundary":       "Content-Type: multipart/mixed; boundary=-\n\n" + strings.Repeat("-", n),
		"nested messages":      strings.Repeat("Content-Type: message/rfc822\n\n", n/30),
		"doubled parameters":   "Content-Type: text/plain" + strings.Repeat("; a=x; a*=y; a*0=z", n/18),
		"pieces":               "Content-Type: text/plain" + pieces.String(),
		"doubled fields":       strings.Repeat("Content-Type: a/b\nContent-Type: c/d\n", n/36),
		"group names":          "From: " + strings.Repeat("a:", n/2),
		"groups of addresses":  "From: " + strings.Repeat("a@b:", n/4),
		"angles":               "From: " + strings.Repeat("<a>", n/3),
		"message ids":          "References: " + strings.Repeat("<", n),
		"carriage returns":     "Subject: x\n\n" + strings.Repeat("\r", n),
		"spaces":               "Subject: x\n\n" + strings.Repeat(" ", n) + "x",
		"equals":               "Content-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat("=", n),
		"base64 padding":       "Content-Transfer-Encoding: base64\n\n" + strings.Repeat("=", n),
		"nulls":                strings.Repeat("\x00", n),
	} {
		// A quadratic reader takes minutes, with an end that no run waits for.
		checkComponents(t, name, message.ComponentsV1([]byte(raw), nil))
		message.Parse([]byte(raw))
	}
}

// TestLooseIsBounded: of a thousand parts that are loose in as many ways a few are told.
func TestLooseIsBounded(t *testing.T) {
	raw := []byte("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n")
	for i := range 1000 {
		raw = fmt.Appendf(raw, "--b\r\nContent-Transfer-Encoding: 7bit;%x\r\n\r\nx\r\n", i)
	}
	loose := message.Dissect(append(raw, "--b--\r\n"...), nil).Body().Loose
	if len(loose) != 9 || loose[8] != "and more" {
		t.Errorf("%q", loose)
	}
}
