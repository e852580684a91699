package record

import (
	"bytes"
	"slices"

	"cairn/mailstore/message"
)

// signatures notes a line of a recorded text that was "--" and has the blank now by which programs
// hide what follows. Those of a text that was added, or of what was appended to one, are judged
// with it.
func (c *comparer) signatures() {
	for _, leaf := range c.d.Body().Leaves {
		if leaf.Type != message.Text || len(leaf.Signatures) == 0 {
			continue
		}
		at := slices.IndexFunc(c.Parts, func(p Part) bool {
			return p.Type == message.Text && p.Received == leaf.Index && (p.Outcome == Same || p.Outcome == Changed)
		})
		if at < 0 {
			continue
		}
		own := countSignatures(leaf.Text)
		if p := &c.Parts[at]; p.Kind == FooterAppended {
			own -= countSignatures([]byte(p.Added))
		}
		for _, number := range leaf.Signatures {
			hint := message.SignatureHint(c.Parts[at].Index, number)
			if number < own && !c.origin.has(hint.Label, hint.Value) {
				c.Parts = append(c.Parts, Part{Type: message.Layout, Outcome: Changed, Kind: Ambiguous, Detail: "a line -- has a blank behind it now, by which programs hide what follows"})
				return
			}
		}
	}
}

func countSignatures(text []byte) (n int) {
	for line := range bytes.Lines(text) {
		if message.IsSignatureLine(bytes.TrimSuffix(line, []byte("\n"))) {
			n++
		}
	}
	return n
}
