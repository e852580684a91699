package sorted

import (
	"cmp"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// version is a map with what it should hold.
type version struct {
	m    Map[int, int]
	want map[int]int
}

// Maps that are made of one another are what Go maps would be, in order and in balance, and those
// that they were made of stay as they were.
func TestAgainstGoMaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.IntRange(0, 200)
		versions := []version{{New[int, int](cmp.Compare[int]), map[int]int{}}}
		for step := range rapid.IntRange(0, 80).Draw(t, "steps") {
			v := versions[max(0, len(versions)-1-rapid.IntRange(0, 3).Draw(t, "back"))]
			next := version{v.m, maps.Clone(v.want)}
			switch rapid.IntRange(0, 5).Draw(t, "op") {
			case 0, 1:
				k := key.Draw(t, "key")
				next.m, next.want[k] = v.m.Set(k, step), step
			case 2:
				keys := rapid.SliceOfDistinct(key, rapid.ID[int]).Draw(t, "keys")
				slices.Sort(keys)
				var entries []Entry[int, int]
				for _, k := range keys {
					entries, next.want[k] = append(entries, Entry[int, int]{k, step}), step
				}
				next.m = v.m.SetAll(entries)
			case 5:
				var entries []Entry[int, int]
				for i, k := range rapid.SliceOf(key).Draw(t, "keys") {
					entries, next.want[k] = append(entries, Entry[int, int]{k, step*1000 + i}), step*1000+i
				}
				next.m = v.m.Fill(entries)
			case 3: // one that may not be there
				k := key.Draw(t, "key")
				next.m = v.m.Delete(k)
				delete(next.want, k)
			case 4: // one that is
				if keys := slices.Sorted(maps.Keys(v.want)); len(keys) > 0 {
					k := rapid.SampledFrom(keys).Draw(t, "key")
					next.m = v.m.Delete(k)
					delete(next.want, k)
				}
			}
			versions = append(versions, next)
		}
		for _, v := range versions {
			v.check(t, key.Draw(t, "from"))
		}
	})
}

func (v version) check(t *rapid.T, from int) {
	keys := slices.Sorted(maps.Keys(v.want))
	var all, later []int
	for k, value := range v.m.All() {
		if all = append(all, k); value != v.want[k] {
			t.Fatalf("key %d has %d, want %d", k, value, v.want[k])
		}
	}
	for k := range v.m.From(from) {
		later = append(later, k)
	}
	rank, there := slices.BinarySearch(keys, from)
	value, ok := v.m.Get(from)
	switch {
	case v.m.Len() != len(keys) || !slices.Equal(all, keys):
		t.Fatalf("%d entries with keys %v, want %v", v.m.Len(), all, keys)
	case v.m.Rank(from) != rank || !slices.Equal(later, keys[rank:]):
		t.Fatalf("%d keys before %d, and from there %v; want %d and %v", v.m.Rank(from), from, later, rank, keys[rank:])
	case ok != there || value != v.want[from]:
		t.Fatalf("key %d: %d, %v", from, value, ok)
	}
	balance(t, v.m.top)
}

func balance(t *rapid.T, n *node[int, int]) {
	if n == nil {
		return
	}
	l, r := n.left.weight(), n.right.weight()
	if n.size != n.left.len()+1+n.right.len() || l > delta*r || r > delta*l {
		t.Fatalf("a tree of %d over trees of %d and %d", n.size, n.left.len(), n.right.len())
	}
	balance(t, n.left)
	balance(t, n.right)
}

// Iteration ends where its user ends it.
func TestStopsWhereTold(t *testing.T) {
	m := New[int, int](cmp.Compare[int])
	for k := range 100 {
		m = m.Set(k, k)
	}
	for stop := range 100 {
		seen := 0
		for k := range m.All() {
			if seen++; k == stop {
				break
			}
		}
		for k := range m.From(stop / 2) {
			if seen++; k == stop {
				break
			}
		}
		if want := 2*stop + 2 - stop/2; seen != want {
			t.Fatalf("%d entries up to %d, want %d", seen, stop, want)
		}
	}
}

func BenchmarkSet(b *testing.B) {
	m := New[int, int](cmp.Compare[int])
	for k := range 10_000 {
		m = m.Set(k*7919%10_000, k)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Set(i*7919%10_000, i)
	}
}
