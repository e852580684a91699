package consensus

import (
	"crypto/sha256"
	"iter"
	"math/bits"
	"sort"
)

// merkleList is a list of leaf hashes, each with what it stands for, and the tree of RFC 6962 over
// it. It is never changed: what makes another list of it shares all nodes that stay the same.
type merkleList[V any] struct{ top *merkleNode[V] }

type merkleNode[V any] struct {
	hash        Hash
	left, right *merkleNode[V] // nil in a leaf
	n           int            // leaves
	value       V              // of a leaf
}

// merkleLeaf is leaf i of a list.
type merkleLeaf[V any] struct {
	i     int
	hash  Hash
	value V
}

// len returns the number of leaves.
func (l merkleList[V]) len() int {
	if l.top == nil {
		return 0
	}
	return l.top.n
}

// root returns the tree head, as MerkleRoot does.
func (l merkleList[V]) root() Hash {
	if l.top == nil {
		return sha256.Sum256(nil)
	}
	return l.top.hash
}

// at returns what leaf i stands for.
func (l merkleList[V]) at(i int) V {
	m := l.top
	for m.left != nil {
		if i < m.left.n {
			m = m.left
		} else {
			i, m = i-m.left.n, m.right
		}
	}
	return m.value
}

// all returns what the leaves stand for, in their order.
func (l merkleList[V]) all() iter.Seq[V] {
	return func(yield func(V) bool) {
		if l.top != nil {
			l.top.all(yield)
		}
	}
}

// add returns the list with one more leaf.
func (l merkleList[V]) add(leaf Hash, value V) merkleList[V] {
	return merkleList[V]{l.top.add(&merkleNode[V]{hash: leaf, n: 1, value: value})}
}

// set returns the list with others of its leaves, which are in ascending order, none twice.
func (l merkleList[V]) set(leaves ...merkleLeaf[V]) merkleList[V] {
	if len(leaves) == 0 {
		return l
	}
	return merkleList[V]{l.top.set(0, leaves)}
}

// first returns the list of the first n leaves.
func (l merkleList[V]) first(n int) merkleList[V] { return merkleList[V]{l.top.first(n)} }

func joinNodes[V any](left, right *merkleNode[V]) *merkleNode[V] {
	return &merkleNode[V]{hash: NodeHash(left.hash, right.hash), left: left, right: right, n: left.n + right.n}
}

func (m *merkleNode[V]) add(leaf *merkleNode[V]) *merkleNode[V] {
	switch {
	case m == nil:
		return leaf
	case bits.OnesCount(uint(m.n)) == 1: // it is full
		return joinNodes(m, leaf)
	}
	return joinNodes(m.left, m.right.add(leaf))
}

// set returns the node, whose first leaf is number from, with others of its leaves.
func (m *merkleNode[V]) set(from int, leaves []merkleLeaf[V]) *merkleNode[V] {
	switch {
	case len(leaves) == 0:
		return m
	case m.left == nil:
		return &merkleNode[V]{hash: leaves[0].hash, n: 1, value: leaves[0].value}
	}
	half := from + m.left.n
	at := sort.Search(len(leaves), func(i int) bool { return leaves[i].i >= half })
	return joinNodes(m.left.set(from, leaves[:at]), m.right.set(half, leaves[at:]))
}

func (m *merkleNode[V]) first(n int) *merkleNode[V] {
	switch {
	case n == 0:
		return nil
	case n == m.n:
		return m
	case n <= m.left.n:
		return m.left.first(n)
	}
	return joinNodes(m.left, m.right.first(n-m.left.n))
}

func (m *merkleNode[V]) all(yield func(V) bool) bool {
	if m.left == nil {
		return yield(m.value)
	}
	return m.left.all(yield) && m.right.all(yield)
}
