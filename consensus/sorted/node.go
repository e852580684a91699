package sorted

import "sort"

// node is a subtree. It is never changed; nil is the empty one.
type node[K, V any] struct {
	left, right *node[K, V]
	size        int // entries
	key         K
	value       V
}

// Of two subtrees beside each other neither has more than delta times the weight of the other,
// which is its size and one. Where the heavier child of the heavier one has ratio times the weight
// of the lighter child, that one goes up.
const (
	delta = 3
	ratio = 2
)

func (n *node[K, V]) len() int {
	if n == nil {
		return 0
	}
	return n.size
}

func (n *node[K, V]) weight() int { return n.len() + 1 }

// over is the tree with the entry of n over two subtrees that balance each other.
func (n *node[K, V]) over(left, right *node[K, V]) *node[K, V] {
	return &node[K, V]{left, right, left.len() + 1 + right.len(), n.key, n.value}
}

// balanced is over where one entry was added to or taken from a subtree that balanced the other.
func (n *node[K, V]) balanced(left, right *node[K, V]) *node[K, V] {
	switch {
	case right.weight() > delta*left.weight():
		if r := right; r.left.weight() < ratio*r.right.weight() {
			return r.over(n.over(left, r.left), r.right)
		}
		up := right.left
		return up.over(n.over(left, up.left), right.over(up.right, right.right))
	case left.weight() > delta*right.weight():
		if l := left; l.right.weight() < ratio*l.left.weight() {
			return l.over(l.left, n.over(l.right, right))
		}
		up := left.right
		return up.over(left.over(left.left, up.left), n.over(up.right, right))
	}
	return n.over(left, right)
}

// link is over for two subtrees of any size.
func (n *node[K, V]) link(left, right *node[K, V]) *node[K, V] {
	switch {
	case right.weight() > delta*left.weight():
		return right.balanced(n.link(left, right.left), right.right)
	case left.weight() > delta*right.weight():
		return left.balanced(left.left, n.link(left.right, right))
	}
	return n.over(left, right)
}

func (n *node[K, V]) setAll(compare func(a, b K) int, entries []Entry[K, V]) *node[K, V] {
	switch {
	case len(entries) == 0:
		return n
	case n == nil:
		return build(entries)
	}
	at := sort.Search(len(entries), func(i int) bool { return compare(entries[i].Key, n.key) >= 0 })
	before, after, entry := entries[:at], entries[at:], n
	if len(after) > 0 && compare(after[0].Key, n.key) == 0 {
		entry, after = &node[K, V]{key: after[0].Key, value: after[0].Value}, after[1:]
	}
	return entry.link(n.left.setAll(compare, before), n.right.setAll(compare, after))
}

// build makes a tree of entries in ascending order.
func build[K, V any](entries []Entry[K, V]) *node[K, V] {
	if len(entries) == 0 {
		return nil
	}
	half := len(entries) / 2
	return &node[K, V]{build(entries[:half]), build(entries[half+1:]), len(entries), entries[half].Key, entries[half].Value}
}

func (n *node[K, V]) delete(compare func(a, b K) int, key K) *node[K, V] {
	if n == nil {
		return nil
	}
	switch c := compare(key, n.key); {
	case c < 0:
		return n.balanced(n.left.delete(compare, key), n.right)
	case c > 0:
		return n.balanced(n.left, n.right.delete(compare, key))
	case n.right == nil:
		return n.left
	}
	first, rest := n.right.cutFirst()
	return first.balanced(n.left, rest)
}

// cutFirst returns the node with the first key, and the tree without it.
func (n *node[K, V]) cutFirst() (first, rest *node[K, V]) {
	if n.left == nil {
		return n, n.right
	}
	first, rest = n.left.cutFirst()
	return first, n.balanced(rest, n.right)
}

func (n *node[K, V]) all(yield func(K, V) bool) bool {
	return n == nil || n.left.all(yield) && yield(n.key, n.value) && n.right.all(yield)
}

func (n *node[K, V]) from(compare func(a, b K) int, key K, yield func(K, V) bool) bool {
	switch {
	case n == nil:
		return true
	case compare(n.key, key) < 0:
		return n.right.from(compare, key, yield)
	}
	return n.left.from(compare, key, yield) && yield(n.key, n.value) && n.right.all(yield)
}
