package index

import (
	"cmp"
	"errors"
	"slices"

	"cairn/index/postings"
	"cairn/index/query"
)

// ErrTooNear: the words of a near stand in so many places of one message that looking at all ways
// to join them would not end in time.
var ErrTooNear = errors.New("the words of a near stand in too many places of one mail")

// Bounds of what is looked at in one document.
const (
	maxStretches = 1 << 18 // ways in which parts of a near, which is itself a part of another, join
	maxParts     = 1 << 22 // occurrences that the ways of all nears are made of
	maxOneOf     = 1 << 22 // places of all words of an or
)

// stretch is a piece of a field, both ends included: from the first word of what occurs there to
// the last one.
type stretch struct {
	first, last uint32
	parts       []span // whose words it is made of, if not of all between its ends
}

// span is what one word or phrase occupies, both ends included.
type span struct{ first, last uint32 }

func (s span) shares(t span) bool { return s.first <= t.last && t.first <= s.last }

// shares tells whether a word of the text belongs to both.
func (s stretch) shares(t stretch) bool {
	if !s.ends().shares(t.ends()) {
		return false
	}
	return slices.ContainsFunc(s.spans(), func(s span) bool { return slices.ContainsFunc(t.spans(), s.shares) })
}

func (s stretch) ends() span { return span{s.first, s.last} }

func (s stretch) spans() []span {
	if s.parts == nil {
		return []span{s.ends()}
	}
	return s.parts
}

// places is a part of a near: where it occurs in a field of a document.
type places interface {
	// documents are those that it can occur in, in order.
	documents() []uint64
	// in returns the stretches in a document, by their beginnings.
	in(document uint64) ([]stretch, error)
}

// occurring is a word or phrase of so many words.
type occurring struct {
	found  []postings.Posting
	length uint32
}

func (o *occurring) documents() []uint64 {
	list := make([]uint64, len(o.found))
	for i, p := range o.found {
		list[i] = p.Document
	}
	return list
}

func (o *occurring) in(document uint64) ([]stretch, error) {
	i, found := slices.BinarySearchFunc(o.found, document, func(p postings.Posting, d uint64) int { return cmp.Compare(p.Document, d) })
	if !found {
		return nil, nil
	}
	places := o.found[i].Positions
	list := make([]stretch, len(places))
	for i, at := range places {
		list[i] = stretch{first: at, last: at + o.length - 1}
	}
	return list, nil
}

// oneOf is where any of its parts is.
type oneOf struct {
	e     *evaluator
	parts []places
}

func (o oneOf) documents() (all []uint64) {
	for _, part := range o.parts {
		all = append(all, part.documents()...)
	}
	return postings.Union(all)
}

func (o oneOf) in(document uint64) (all []stretch, err error) {
	for _, part := range o.parts {
		if err := o.e.ctx.Err(); err != nil {
			return nil, err
		}
		list, err := part.in(document)
		if err != nil {
			return nil, err
		}
		if len(all)+len(list) > maxOneOf {
			return nil, ErrTooNear
		}
		all = append(all, list...)
	}
	sortStretches(all)
	return all, nil
}

// within is where its parts are, each within distance of those before it.
type within struct {
	e        *evaluator
	parts    []places
	distance int64
}

func (w *within) documents() []uint64 {
	sets := make([]postings.Set, len(w.parts))
	for i, part := range w.parts {
		sets[i] = postings.Slice(part.documents())
	}
	return postings.Collect(postings.And(sets...))
}

func (w *within) in(document uint64) (joined []stretch, err error) {
	err = w.walk(document, func(s, t stretch) (bool, error) {
		both := join(s, t)
		w.e.parts += len(both.parts)
		if len(joined) >= maxStretches || w.e.parts > maxParts {
			return false, ErrTooNear
		}
		joined = append(joined, both)
		return true, nil
	})
	sortStretches(joined)
	return joined, err
}

// holds tells whether they are near each other anywhere in a document.
func (w *within) holds(document uint64) (found bool, err error) {
	err = w.walk(document, func(stretch, stretch) (bool, error) {
		found = true
		return false, nil
	})
	return found, err
}

// walk calls fn for each stretch of all parts but the last one with each of the last one that is
// near it, until it returns false.
func (w *within) walk(document uint64, fn func(s, t stretch) (bool, error)) error {
	before := &within{w.e, w.parts[:len(w.parts)-1], w.distance}
	var a []stretch
	var err error
	if len(before.parts) == 1 {
		a, err = before.parts[0].in(document)
	} else {
		a, err = before.in(document)
	}
	if err != nil {
		return err
	}
	b, err := w.parts[len(w.parts)-1].in(document)
	if err != nil {
		return err
	}
	longest := uint32(0)
	for _, t := range b {
		longest = max(longest, t.last-t.first)
	}
	begin := 0 // in b: what is before it is too far from all that follows in a
	for _, s := range a {
		for begin < len(b) && int64(b[begin].first)+int64(longest)+w.distance < int64(s.first) {
			begin++
		}
		for _, t := range b[begin:] {
			if int64(t.first) > int64(s.last)+w.distance {
				break
			}
			if err := w.e.step(); err != nil {
				return err
			}
			if int64(s.first)-int64(t.last) > w.distance || s.shares(t) {
				continue
			}
			if more, err := fn(s, t); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// join is the stretch from one to the other.
func join(s, t stretch) stretch {
	parts := slices.Concat(s.spans(), t.spans())
	return stretch{min(s.first, t.first), max(s.last, t.last), parts}
}

func sortStretches(list []stretch) {
	slices.SortFunc(list, func(a, b stretch) int { return cmp.Compare(a.first, b.first) })
}

// nearDocuments appends the documents in which a near holds in a field.
func (e *evaluator) nearDocuments(list []uint64, q query.Near, f field) ([]uint64, error) {
	e.leaves = make(map[string]places)
	defer func() { e.leaves = nil }()
	p, err := e.places(q, f, q.Distance)
	if err != nil {
		return nil, err
	}
	w := p.(*within)
	for _, document := range w.documents() {
		e.parts = 0
		found, err := w.holds(document)
		if err != nil {
			return nil, err
		}
		if found {
			list = append(list, document)
		}
	}
	return list, nil
}

// places returns where q occurs in a field. The parts of an And must be within distance of each
// other.
func (e *evaluator) places(q query.Q, f field, distance int) (places, error) {
	switch q := q.(type) {
	case query.Near:
		parts, err := e.placesOfEach([]query.Q{q.Left, q.Right}, f, q.Distance)
		return &within{e, parts, int64(q.Distance)}, err
	case query.And:
		parts, err := e.placesOfEach(q.List, f, distance)
		return &within{e, parts, int64(distance)}, err
	case query.Or:
		parts, err := e.placesOfEach(q.List, f, distance)
		return oneOf{e, parts}, err
	}
	return e.leaf(q, f)
}

// leaf is places for a word, beginning or phrase. What stands in a near more than once is read
// once.
func (e *evaluator) leaf(q query.Q, f field) (places, error) {
	key := q.String()
	if known, found := e.leaves[key]; found {
		return known, nil
	}
	var ways []places
	for _, s := range newSearched(q, f) {
		found, err := e.occurrences(s, f)
		if err != nil {
			return nil, err
		}
		if s.whole != "" {
			whole, err := e.termPostings(f, s.whole, s.prefix)
			if err != nil {
				return nil, err
			}
			found = postings.Merge(append(found, whole...))
		}
		ways = append(ways, &occurring{found, uint32(s.length())})
	}
	var p places = oneOf{e, ways}
	if len(ways) == 1 {
		p = ways[0]
	}
	e.leaves[key] = p
	return p, nil
}

func (e *evaluator) placesOfEach(list []query.Q, f field, distance int) ([]places, error) {
	parts := make([]places, len(list))
	for i, q := range list {
		var err error
		if parts[i], err = e.places(q, f, distance); err != nil {
			return nil, err
		}
	}
	return parts, nil
}
