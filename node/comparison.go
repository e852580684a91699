package node

import (
	"cairn/consensus/record"
	"cairn/node/api"
)

// PartViews shows a comparison part by part.
func PartViews(c record.Comparison) []api.Part {
	parts := make([]api.Part, len(c.Parts))
	for i, p := range c.Parts {
		parts[i] = api.Part{
			Component: p.Type.String(),
			Index:     int(p.Index),
			Outcome:   string(p.Outcome),
			Kind:      p.Kind,
			Detail:    p.Detail,
			Says:      p.String(),
			Decisive:  p.Decides,
		}
	}
	return parts
}
