package index

import (
	"cmp"
	"slices"

	"cairn/index/postings"
	"cairn/index/query"
)

// stretch is a piece of a field, both ends included.
type stretch struct{ first, last uint32 }

// stretches are where something occurs in one document, in order.
type stretches struct {
	document uint64
	list     []stretch
}

// maxStretches bounds what is looked at in one document; texts that repeat a few words over and
// over have more.
const maxStretches = 4096

// nearDocuments appends the documents in which a near holds in a field.
func (e *evaluator) nearDocuments(list []uint64, q query.Near, f field) ([]uint64, error) {
	found, err := e.places(q, f, q.Distance)
	for _, s := range found {
		list = append(list, s.document)
	}
	return list, err
}

// places returns where q occurs in a field, by document. The parts of an And must be within
// distance of each other.
func (e *evaluator) places(q query.Q, f field, distance int) ([]stretches, error) {
	switch q := q.(type) {
	case query.Near:
		return e.join([]query.Q{q.Left, q.Right}, f, q.Distance)
	case query.And:
		return e.join(q.List, f, distance)
	case query.Or:
		var all []stretches
		for _, part := range q.List {
			found, err := e.places(part, f, distance)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
		return unite(all), nil
	}
	s := newSearched(q, f)
	found, err := e.occurrences(s, f)
	if err != nil {
		return nil, err
	}
	all := spread(found, s.length())
	if s.whole != "" {
		whole, err := e.termPostings(f, s.whole, s.prefix)
		if err != nil {
			return nil, err
		}
		all = unite(append(all, spread(whole, s.length())...))
	}
	return all, nil
}

func spread(found []postings.Posting, length int) []stretches {
	all := make([]stretches, 0, len(found))
	for _, p := range found {
		s := stretches{document: p.Document}
		for _, at := range p.Positions[:min(len(p.Positions), maxStretches)] {
			s.list = append(s.list, stretch{at, at + uint32(length-1)})
		}
		all = append(all, s)
	}
	return all
}

// unite sorts and joins by document.
func unite(all []stretches) []stretches {
	slices.SortStableFunc(all, func(a, b stretches) int { return cmp.Compare(a.document, b.document) })
	var out []stretches
	for _, s := range all {
		if last := len(out) - 1; last >= 0 && out[last].document == s.document {
			out[last].list = tidy(append(slices.Clone(out[last].list), s.list...))
		} else {
			out = append(out, s)
		}
	}
	return out
}

func tidy(list []stretch) []stretch {
	slices.SortFunc(list, func(a, b stretch) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.last, b.last))
	})
	list = slices.Compact(list)
	return list[:min(len(list), maxStretches)]
}

// join returns the stretches that hold one occurrence of each part, each within distance of those
// before it.
func (e *evaluator) join(parts []query.Q, f field, distance int) ([]stretches, error) {
	var joined []stretches
	for i, part := range parts {
		found, err := e.places(part, f, distance)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			joined = found
		} else {
			joined = joinNear(joined, found, distance)
		}
		if len(joined) == 0 {
			return nil, nil
		}
	}
	return joined, nil
}

func joinNear(a, b []stretches, distance int) []stretches {
	var out []stretches
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].document < b[0].document:
			a = a[1:]
		case a[0].document > b[0].document:
			b = b[1:]
		default:
			if list := pairs(a[0].list, b[0].list, distance); len(list) > 0 {
				out = append(out, stretches{a[0].document, list})
			}
			a, b = a[1:], b[1:]
		}
	}
	return out
}

// pairs joins each stretch of a with each of b that is near it. The same piece of text is not near
// itself.
func pairs(a, b []stretch, distance int) []stretch {
	var out []stretch
	for _, s := range a {
		for _, t := range b {
			gap := max(int64(t.first)-int64(s.last), int64(s.first)-int64(t.last))
			if s != t && gap <= int64(distance) && len(out) < maxStretches {
				out = append(out, stretch{min(s.first, t.first), max(s.last, t.last)})
			}
		}
	}
	return tidy(out)
}
