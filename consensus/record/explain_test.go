package record_test

import (
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// TestAppendedAnywhere finds the end of the recorded text whether it has one line or many, blank lines included, and gives up on texts with more added
// lines than a comparison should try.
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
		sent := []message.Component{{Type: message.Text, Content: []byte(c.sent)}}
		received := []message.Component{{Type: message.Text, Content: []byte(c.sent + c.added)}}
		got := record.Compare(sealed(sent, 0, 1), received).Parts[0]
		if got.Outcome != record.Changed || got.Kind != c.want {
			t.Errorf("%.20q + %.20q: %s %q, want %q", c.sent, c.added, got.Outcome, got.Kind, c.want)
		}
	}
}

// TestHostileComparison must come to an end soon: texts of a million lines that are not the recorded ones, in all the pairs that there may be.
func TestHostileComparison(t *testing.T) {
	var sent, received []message.Component
	for i := range uint16(4) {
		for _, typ := range []message.Type{message.Text, message.HTML} {
			sent = append(sent, message.Component{Type: typ, Index: i, Content: []byte{'a' + byte(i)}})
			received = append(received, message.Component{Type: typ, Index: i, Content: []byte(strings.Repeat("<\n", 1<<19) + "</body>" + string(rune('a'+i)))})
		}
	}
	if c := record.Compare(sealed(sent, 0, 1), received); c.Same != 0 || c.MayBeWanted() {
		t.Errorf("%+v", c)
	}
}
