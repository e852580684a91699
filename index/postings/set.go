package postings

import (
	"slices"
	"sort"
)

// Set walks a set of documents in ascending order.
type Set interface {
	// Seek returns the first document that is least or greater. least never decreases from call to
	// call.
	Seek(least uint64) (document uint64, found bool)
}

// Slice returns the set of a sorted list.
func Slice(list []uint64) Set { return &slice{list} }

type slice struct{ rest []uint64 }

func (s *slice) Seek(least uint64) (uint64, bool) {
	// Gallop: what is sought is mostly near.
	step := 1
	for step < len(s.rest) && s.rest[step] < least {
		step *= 2
	}
	high := step + 1
	if high > len(s.rest) {
		high = len(s.rest)
	}
	s.rest = s.rest[sort.Search(high, func(i int) bool { return s.rest[i] >= least }):]
	if len(s.rest) == 0 {
		return 0, false
	}
	return s.rest[0], true
}

// And returns what is in all of the sets; nothing if there are none.
func And(sets ...Set) Set { return and(sets) }

type and []Set

func (a and) Seek(least uint64) (uint64, bool) {
	if len(a) == 0 {
		return 0, false
	}
	for agreed := 0; agreed < len(a); {
		agreed = 0
		for _, s := range a {
			document, found := s.Seek(least)
			if !found {
				return 0, false
			}
			if document == least {
				agreed++
			}
			least = document
		}
	}
	return least, true
}

// Or returns what is in any of the sets.
func Or(sets ...Set) Set { return or(sets) }

type or []Set

func (o or) Seek(from uint64) (least uint64, some bool) {
	for _, s := range o {
		if document, found := s.Seek(from); found && (!some || document < least) {
			least, some = document, true
		}
	}
	return least, some
}

// AndNot returns what is in all but not in without.
func AndNot(all, without Set) Set { return &andNot{all, without} }

type andNot struct{ all, without Set }

func (a *andNot) Seek(least uint64) (uint64, bool) {
	for {
		document, found := a.all.Seek(least)
		if !found {
			return 0, false
		}
		out, found := a.without.Seek(document)
		if !found || out != document {
			return document, true
		}
		if document == ^uint64(0) {
			return 0, false
		}
		least = document + 1
	}
}

// Collect returns the documents of a set.
func Collect(s Set) []uint64 {
	var list []uint64
	for least := uint64(0); ; {
		document, found := s.Seek(least)
		if !found {
			return list
		}
		list = append(list, document)
		if document == ^uint64(0) {
			return list
		}
		least = document + 1
	}
}

// Union sorts documents that were gathered from many places and removes repetitions, in place.
func Union(list []uint64) []uint64 {
	slices.Sort(list)
	return slices.Compact(list)
}
