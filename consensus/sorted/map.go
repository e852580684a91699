// Package sorted is a map in the order of its keys that is never changed: what makes another map of
// it shares with it all that stays the same. So a version for each block costs what the block
// changes, and may be kept for as long as it is of use.
package sorted

import (
	"iter"
	"slices"
)

// Map is a map from K to V. New makes one; a Map may be copied, and used from any goroutine.
//
// It is a weight-balanced tree: Adams, "Efficient sets—a balancing act" (1993), with the parameters
// that Hirai and Yamamoto, "Balancing weight-balanced trees" (2011), have proved. Its shape follows
// from nothing but the changes, and nobody can make it deeper than 2.4 log2(n) by choosing keys.
type Map[K, V any] struct {
	top     *node[K, V]
	compare func(a, b K) int
}

// Entry is a key with its value.
type Entry[K, V any] struct {
	Key   K
	Value V
}

// New returns a map without entries. compare returns a negative number where a comes before b, zero
// where they are the same key, and a positive number else.
func New[K, V any](compare func(a, b K) int) Map[K, V] { return Map[K, V]{compare: compare} }

// Len returns the number of entries.
func (m Map[K, V]) Len() int { return m.top.len() }

// Get returns the value of a key; not ok if the key is not there.
func (m Map[K, V]) Get(key K) (value V, ok bool) {
	for n := m.top; n != nil; {
		switch c := m.compare(key, n.key); {
		case c == 0:
			return n.value, true
		case c < 0:
			n = n.left
		default:
			n = n.right
		}
	}
	return value, false
}

// Rank returns how many keys come before key.
func (m Map[K, V]) Rank(key K) int {
	before := 0
	for n := m.top; n != nil; {
		if m.compare(key, n.key) <= 0 {
			n = n.left
		} else {
			before += n.left.len() + 1
			n = n.right
		}
	}
	return before
}

// Fill is SetAll for entries in any order, which it sorts. Of several with one key the last counts.
func (m Map[K, V]) Fill(entries []Entry[K, V]) Map[K, V] {
	slices.SortStableFunc(entries, func(a, b Entry[K, V]) int { return m.compare(a.Key, b.Key) })
	last := entries[:0]
	for i, e := range entries {
		if i+1 == len(entries) || m.compare(e.Key, entries[i+1].Key) != 0 {
			last = append(last, e)
		}
	}
	return m.SetAll(last)
}

// Set returns the map in which key has that value.
func (m Map[K, V]) Set(key K, value V) Map[K, V] {
	return m.SetAll([]Entry[K, V]{{key, value}})
}

// SetAll returns the map in which the keys of entries have their values. The entries must be in
// ascending order, no key twice. It takes less than one Set after another: what several of them
// change is made once.
func (m Map[K, V]) SetAll(entries []Entry[K, V]) Map[K, V] {
	return Map[K, V]{m.top.setAll(m.compare, entries), m.compare}
}

// Delete returns the map without key.
func (m Map[K, V]) Delete(key K) Map[K, V] {
	return Map[K, V]{m.top.delete(m.compare, key), m.compare}
}

// All returns the entries, ascending by key.
func (m Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) { m.top.all(yield) }
}

// From returns the entries whose keys do not come before key, ascending.
func (m Map[K, V]) From(key K) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) { m.top.from(m.compare, key, yield) }
}
