package consensus

import (
	"crypto/sha256"
	"math/bits"
)

// merkleList is a list of leaf hashes with the tree of RFC 6962 over it. It is never changed: what
// makes another list of it shares all nodes that stay the same.
type merkleList struct{ top *merkleNode }

type merkleNode struct {
	hash        Hash
	left, right *merkleNode // nil in a leaf
	n           int         // leaves
}

// len returns the number of leaves.
func (l merkleList) len() int {
	if l.top == nil {
		return 0
	}
	return l.top.n
}

// root returns the tree head, as MerkleRoot does.
func (l merkleList) root() Hash {
	if l.top == nil {
		return sha256.Sum256(nil)
	}
	return l.top.hash
}

// add returns the list with one more leaf.
func (l merkleList) add(leaf Hash) merkleList {
	return merkleList{l.top.add(&merkleNode{hash: leaf, n: 1})}
}

// set returns the list with another leaf i.
func (l merkleList) set(i int, leaf Hash) merkleList { return merkleList{l.top.set(i, leaf)} }

// first returns the list of the first n leaves.
func (l merkleList) first(n int) merkleList { return merkleList{l.top.first(n)} }

func joinNodes(left, right *merkleNode) *merkleNode {
	return &merkleNode{NodeHash(left.hash, right.hash), left, right, left.n + right.n}
}

func (m *merkleNode) add(leaf *merkleNode) *merkleNode {
	switch {
	case m == nil:
		return leaf
	case bits.OnesCount(uint(m.n)) == 1: // it is full
		return joinNodes(m, leaf)
	}
	return joinNodes(m.left, m.right.add(leaf))
}

func (m *merkleNode) set(i int, leaf Hash) *merkleNode {
	switch {
	case m.left == nil:
		return &merkleNode{hash: leaf, n: 1}
	case i < m.left.n:
		return joinNodes(m.left.set(i, leaf), m.right)
	}
	return joinNodes(m.left, m.right.set(i-m.left.n, leaf))
}

func (m *merkleNode) first(n int) *merkleNode {
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
