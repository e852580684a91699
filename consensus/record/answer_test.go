package record_test

import (
	"slices"
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// TestAnswersKeepWords: whatever stands at the front of a subject, an answer that a list made of it
// has the tag elsewhere and one "Re:" for several, and all else as it was.
func TestAnswersKeepWords(t *testing.T) {
	var fronts [][]string
	words := []string{"", "Re:", "AW:", "Fwd:", "[team]", "[draft]", "No:"}
	for _, first := range words {
		for _, second := range words {
			fronts = append(fronts, strings.Fields(first+" "+second))
		}
	}
	plain := func(front []string) string {
		tags := slices.DeleteFunc(slices.Clone(front), func(s string) bool { return s != "[draft]" })
		rest := slices.DeleteFunc(slices.Clone(front), func(s string) bool { return s[0] == '[' })
		answers := 0
		for answers < len(rest) && (rest[answers] == "Re:" || rest[answers] == "AW:") {
			rest[answers] = "Re:"
			answers++
		}
		return strings.Join(append(slices.Compact(tags), rest[max(answers-1, 0):]...), " ")
	}
	letter := func(front []string) *message.Dissection {
		return message.Dissect([]byte("From: Jo <jo@example.org>\r\nTo: team@lists.example\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: "+
			strings.Join(append(slices.Clone(front), "Figures"), " ")+"\r\nMessage-ID: <1@example.org>\r\n\r\nhello\r\n"), nil)
	}
	list := record.Context{Forwarder: &record.Forwarder{Domain: "lists.example", Posting: "team@lists.example", List: true}}
	for _, sent := range fronts {
		token := tokenOf(letter(sent))
		for _, received := range fronts {
			c := record.Compare(token, letter(received), list)
			for _, p := range c.Parts {
				if p.Type == message.Subject && p.Kind == record.ReplyPrefix && plain(sent) != plain(received) {
					t.Errorf("%q is %q but for its prefixes", received, sent)
				}
			}
		}
	}
}
