package record_test

import (
	"cairn/consensus/record"
	"cairn/mailstore/message"
	"os"
	"strings"
	"testing"
)

func TestZZ(t *testing.T) {
	for _, p := range transitPairs(t, corpus(t)) {
		if p.name == os.Getenv("ZZ") {
			for _, raw := range [][]byte{p.sent, p.received} {
				d := dissectTransit(raw)
				for _, c := range d.Components() {
					if c.Type == message.Attachment || c.Type == message.Text || c.Type == message.HTML || c.Type == message.Subject || c.Type == message.Layout {
						s := string(c.Content)
						if len(s) > 500 {
							s = s[:500]
						}
						t.Logf("%s %d reading %d label %q lenient %d: %q", c.Type, c.Index, c.Reading, c.Label, len(c.Lenient), strings.ToValidUTF8(s, "?"))
					}
				}
				t.Log(d.Body().Odd, d.Body().Loose, d.Body().Open)
			}
			_ = record.Same
			t.Log(table(record.Compare(tokenOf(dissectTransit(p.sent)), dissectTransit(p.received), p.with())))
		}
	}
}
