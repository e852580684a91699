package consensus

import (
	"crypto/sha256"
	"math/bits"
)

// Merkle trees are those of RFC 6962, section 2.1: leaves are hashed behind a
// 0x00 byte, inner nodes behind 0x01, and a tree of n leaves splits at the
// largest power of two below n.

// LeafHash returns SHA-256(0x00 || data).
func LeafHash(data []byte) Hash {
	var short [1 + 160]byte
	if len(data) < len(short) {
		n := copy(short[1:], data)
		return sha256.Sum256(short[:1+n])
	}
	return sha256.Sum256(append([]byte{0x00}, data...))
}

// NodeHash returns SHA-256(0x01 || left || right).
func NodeHash(left, right Hash) Hash {
	var b [65]byte
	b[0] = 0x01
	copy(b[1:], left[:])
	copy(b[33:], right[:])
	return sha256.Sum256(b[:])
}

// MerkleRoot returns the tree head over leaves that are hashes already (see
// LeafHash). The head of no leaves is SHA-256 of nothing; of one, itself.
func MerkleRoot(leafHashes []Hash) Hash {
	switch len(leafHashes) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leafHashes[0]
	}
	// Join neighbours level by level; an odd last node moves up unchanged,
	// which gives the same tree as splitting at powers of two.
	level := make([]Hash, (len(leafHashes)+1)/2)
	joinLevel(level, leafHashes)
	for len(level) > 1 {
		next := level[:(len(level)+1)/2]
		joinLevel(next, level)
		level = next
	}
	return level[0]
}

// joinLevel writes the parents of nodes to parents; the two may share memory.
func joinLevel(parents, nodes []Hash) {
	for i := range parents {
		if 2*i+1 < len(nodes) {
			parents[i] = NodeHash(nodes[2*i], nodes[2*i+1])
		} else {
			parents[i] = nodes[2*i]
		}
	}
}

// MerkleTree holds all nodes of a tree, for whoever needs many paths.
type MerkleTree struct {
	levels [][]Hash // leaves first, head last
}

// NewMerkleTree builds the tree over leaves that are hashes already. It keeps
// leafHashes, which must not be changed.
func NewMerkleTree(leafHashes []Hash) *MerkleTree {
	t := &MerkleTree{levels: [][]Hash{leafHashes}}
	for level := leafHashes; len(level) > 1; {
		parents := make([]Hash, (len(level)+1)/2)
		joinLevel(parents, level)
		t.levels = append(t.levels, parents)
		level = parents
	}
	return t
}

// Root returns the tree head, as MerkleRoot does.
func (t *MerkleTree) Root() Hash { return MerkleRoot(t.levels[len(t.levels)-1]) }

// Path returns the inclusion path of leaf i, from the leaf's neighbour up (RFC
// 6962, section 2.1.1). It panics if i is not a leaf.
func (t *MerkleTree) Path(i int) []Hash {
	if i < 0 || i >= len(t.levels[0]) {
		panic("consensus: Merkle path of a leaf outside of the tree")
	}
	var path []Hash
	for _, level := range t.levels {
		if neighbour := i ^ 1; neighbour < len(level) {
			path = append(path, level[neighbour])
		}
		i /= 2
	}
	return path
}

// MerklePath returns the inclusion path of one leaf, see MerkleTree.Path.
func MerklePath(leafHashes []Hash, i int) []Hash { return NewMerkleTree(leafHashes).Path(i) }

// VerifyMerklePath returns the tree head that path leads to from leaf number i
// of n. It is not ok if i is outside of the tree or the path has another
// length than this leaf's. Whether the head is the expected one is for the
// caller to compare.
func VerifyMerklePath(leaf Hash, i, n int, path []Hash) (root Hash, ok bool) {
	if i < 0 || i >= n || len(path) != MerklePathLen(i, n) {
		return Hash{}, false
	}
	root = leaf
	for last := n - 1; last > 0; i, last = i/2, last/2 {
		switch {
		case i%2 == 1:
			root, path = NodeHash(path[0], root), path[1:]
		case i < last:
			root, path = NodeHash(root, path[0]), path[1:]
		}
	}
	return root, true
}

// MerklePathLen returns how many hashes the path of leaf i of n has. It
// expects 0 <= i < n.
func MerklePathLen(i, n int) int {
	// Up to the level where the way of i leaves that of the last leaf every
	// node has a neighbour; above it only those that are right children.
	inner := bits.Len(uint(i ^ (n - 1)))
	return inner + bits.OnesCount(uint(i)>>inner)
}
