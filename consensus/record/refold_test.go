package record_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// TestRefoldedKeepsWords: in whatever way a field is folded, its words are the same, and no more
// ways are tried than five for each place.
func TestRefoldedKeepsWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := strings.Trim(rapid.StringMatching(`([a-z,<>"]{0,5}[ \t]{0,10}){0,20}`).Draw(t, "value"), " \t")
		tried := 0
		for other := range record.Foldings(value) {
			tried++
			if !slices.Equal(strings.Fields(other), strings.Fields(value)) {
				t.Fatalf("%q of %q", other, value)
			}
		}
		if tried > 3+5*16 {
			t.Fatalf("%d tries for %q", tried, value)
		}
	})
}

// TestRefoldedNames: names that came in another folding are the recorded ones only if they have the
// same words.
func TestRefoldedNames(t *testing.T) {
	mail := func(to string) *message.Dissection {
		return message.Dissect([]byte("From: Jo <jo@example.org>\r\nTo: "+to+"\r\nSubject: x\r\nMessage-ID: <1@example.org>\r\n\r\nhello\r\n"), nil)
	}
	name := rapid.StringMatching(`[ab]{1,2}([ \t]{1,2}[ab]{1,2}){0,2}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := name.Draw(t, "sent"), name.Draw(t, "received")
		c := record.Compare(tokenOf(mail(a+" <ann@b.example>,\tbob@b.example")), mail(b+" <ann@b.example>, bob@b.example"), record.Context{})
		if c.MayBeWanted() && !slices.Equal(strings.Fields(a), strings.Fields(b)) {
			t.Fatalf("%q as %q:\n%s", a, b, table(c))
		}
	})
}
