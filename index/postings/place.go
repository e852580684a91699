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
	for len(list) > 0 {
		p, same := list[0], 1
		for same < len(list) && list[same].Document == p.Document {
			same++
		}
		if same > 1 {
			p.Positions = joinPositions(list[:same])
		}
		out, list = append(out, p), list[same:]
	}
	return out
}

// joinPositions sorts the positions of all at once: a beginning of words can be that of each word
// of a long text.
func joinPositions(list []Posting) []uint32 {
	count := 0
	for _, p := range list {
		count += len(p.Positions)
	}
	positions := make([]uint32, 0, count)
	for _, p := range list {
		positions = append(positions, p.Positions...)
	}
	slices.Sort(positions)
	return slices.Compact(positions)
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
