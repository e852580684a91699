package consensus

import (
	"testing"

	"pgregory.net/rapid"
)

// What is found in a history by jumps is what is found one by one.
func TestHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h *history
		var all []*Past
		until := uint64(0)
		for range rapid.IntRange(0, 200).Draw(t, "entries") {
			until += rapid.Uint64Range(0, 2).Draw(t, "later")
			all = append(all, &Past{Until: until})
			h = h.with(all[len(all)-1])
		}
		height := rapid.Uint64Range(0, until+2).Draw(t, "height")
		var after, before *Past
		for _, p := range all {
			if p.Until <= height {
				before = p
			} else if after == nil {
				after = p
			}
		}
		if got := h.after(height); (got == nil) != (after == nil) || got != nil && got.Past != after {
			t.Fatalf("after height %d: %v, want %v", height, got, after)
		}
		if got := h.until(height); (got == nil) != (before == nil) || got != nil && got.Past != before {
			t.Fatalf("until height %d: %v, want %v", height, got, before)
		}
	})
}

// BenchmarkOrgAt looks up an entry in the middle of 100,000 of one organisation.
func BenchmarkOrgAt(b *testing.B) {
	const entries = 100_000
	o := &Org{ID: Hash{1}}
	m := newMembers()
	m.replace(nil, o)
	for i := range uint64(entries) {
		m.remember(&Past{o, i + 1})
	}
	for b.Loop() {
		m.at(o.ID, entries/2)
	}
}
