package node

import (
	"testing"

	"cairn/consensus/record"
	"cairn/consensus/verifier"
	"cairn/mailstore/message"
)

// What a reader without HTML is shown must be the author's, even if somebody
// on the way put a plain text beside an HTML that had none.
func TestReadable(t *testing.T) {
	const html = "<html><head><title>x</title><style>p{}</style></head><body><p>pay <b>100</b> to Bob</p></body></html>"
	finding := func(parts ...record.Part) *verifier.Finding {
		return &verifier.Finding{Facts: record.Facts{Comparison: record.Comparison{Parts: parts}}}
	}
	sameHTML, extraText := record.Part{Type: message.HTML, Outcome: record.Same}, record.Part{Type: message.Text, Outcome: record.Extra}
	for _, c := range []struct {
		name, text, html string
		f                *verifier.Finding
		want             string
	}{
		{"text alone", "pay 100", "", nil, "pay 100"},
		{"HTML alone", "", html, nil, "pay 100 to Bob"},
		{"blank text", " \n", html, nil, "pay 100 to Bob"},
		{"both, nothing known", "pay 100", html, nil, "pay 100"},
		{"both recorded", "pay 100", html, finding(record.Part{Type: message.Text, Outcome: record.Same}, sameHTML), "pay 100"},
		{"no record", "pay 100", html, finding(), "pay 100"},
		{"a text added to an HTML", "pay 900", html, finding(extraText, sameHTML), "pay 100 to Bob\n\npay 900"},
		{"a footer added to both", "pay 100\n\nlist", html, finding(record.Part{Type: message.Text, Outcome: record.Same}, extraText, sameHTML), "pay 100\n\nlist"},
		{"an HTML added to a text", "pay 100", html, finding(record.Part{Type: message.Text, Outcome: record.Same}, record.Part{Type: message.HTML, Outcome: record.Extra}), "pay 100"},
	} {
		if got := readable(&message.Message{Text: c.text, HTML: c.html}, c.f); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
