package record_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// mail is a message of that media type and body.
func mail(kind, body string) *message.Dissection {
	return message.Dissect([]byte("From: Jo <jo@example.org>\r\nTo: ann@b.example\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n"+
		"Subject: Figures\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: "+kind+"\r\n\r\n"+
		strings.ReplaceAll(body, "\n", "\r\n")+"\r\n"), nil)
}

// partOf is the first part of that type.
func partOf(t *testing.T, c record.Comparison, typ message.Type) record.Part {
	t.Helper()
	for _, p := range c.Parts {
		if p.Type == typ {
			return p
		}
	}
	t.Fatalf("no %s in %v", typ, c.Parts)
	return record.Part{}
}

// TestAppendedAnywhere finds the end of the recorded text whether it has one line or many, blank
// lines included, and gives up on texts with more added lines than a comparison should try.
func TestAppendedAnywhere(t *testing.T) {
	for _, c := range []struct {
		sent, added string
		want        string
	}{
		{"one line", "\nfooter", record.FooterAppended},
		{"a\n\nb", "\n\n\nfooter", record.FooterAppended},
		{strings.Repeat("line\n", 9000) + "end", "\nfooter", record.FooterAppended},
		{"a", "\n" + strings.Repeat("x", 3000), record.Appended},
		{"a", strings.Repeat("\nx", 40), record.Appended},
		{"a", strings.Repeat("\nx", 5000), ""},
		{"a", " b", ""},
		{"a", "b\nfooter", ""},
	} {
		compared := record.Compare(tokenOf(mail("text/plain", c.sent)), mail("text/plain", c.sent+c.added), record.Context{})
		got := partOf(t, compared, message.Text)
		if got.Outcome != record.Changed || got.Kind != c.want {
			t.Errorf("%.20q + %.20q: %s %q, want %q", c.sent, c.added, got.Outcome, got.Kind, c.want)
		}
	}
}

// TestHostileComparison must come to an end soon: texts of a million lines that are not the
// recorded ones, in all the pairs that there may be.
func TestHostileComparison(t *testing.T) {
	parts := func(body func(i int) string) *message.Dissection {
		var b strings.Builder
		for i := range 4 {
			for _, kind := range []string{"plain", "html"} {
				fmt.Fprintf(&b, "--b\nContent-Type: text/%s\n\n%s\n", kind, body(i))
			}
		}
		return mail("multipart/mixed; boundary=b", b.String()+"--b--")
	}
	sent := parts(func(i int) string { return string(rune('a' + i)) })
	received := parts(func(i int) string { return strings.Repeat("<\n", 1<<19) + "</body>" + string(rune('a'+i)) })
	begun := time.Now()
	c := record.Compare(tokenOf(sent), received, record.Context{})
	if c.AllSame() || c.MayBeWanted() {
		t.Errorf("%+v", c)
	}
	t.Logf("%v", time.Since(begun))
}
