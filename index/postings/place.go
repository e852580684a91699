package postings

import (
	"cmp"
	"slices"
)

// Merge sorts postings gathered from several blocks or terms, and joins those of one document.
func Merge(list []Posting) []Posting {
	ascending := func(a, b Posting) int { return cmp.Compare(a.Document, b.Document) }
	if !slices.IsSortedFunc(list, ascending) {
		slices.SortStableFunc(list, ascending)
	}
	out := list[:0]
	for _, p := range list {
		last := len(out) - 1
		if last < 0 || out[last].Document != p.Document {
			out = append(out, p)
			continue
		}
		positions := append(slices.Clone(out[last].Positions), p.Positions...)
		slices.Sort(positions)
		out[last].Positions = slices.Compact(positions)
	}
	return out
}

// Follow returns the positions of a for which b has the position that is distance further on, in
// the same document.
func Follow(a, b []Posting, distance uint32) []Posting {
	var out []Posting
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Document < b[0].Document:
			a = a[1:]
		case a[0].Document > b[0].Document:
			b = b[1:]
		default:
			if positions := follow(a[0].Positions, b[0].Positions, distance); len(positions) > 0 {
				out = append(out, Posting{a[0].Document, positions})
			}
			a, b = a[1:], b[1:]
		}
	}
	return out
}

func follow(a, b []uint32, distance uint32) []uint32 {
	var out []uint32
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0]+distance < b[0]:
			a = a[1:]
		case a[0]+distance > b[0]:
			b = b[1:]
		default:
			out = append(out, a[0])
			a, b = a[1:], b[1:]
		}
	}
	return out
}
