package consensus

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"slices"
)

// ancestry is the tree of RFC 6962 over all blocks of a chain, of which only the roots of its full
// subtrees are kept, the largest first: a Merkle mountain range. So one known block proves any
// older one with at most 2 + log2(n) hashes.
type ancestry struct {
	n     uint64
	peaks []Hash // as many as n has bits that are 1; shared, never changed
}

// with returns the tree with one block more.
func (a ancestry) with(leaf Hash) ancestry {
	peaks := slices.Clone(a.peaks)
	for n := a.n; n&1 == 1; n >>= 1 {
		last := len(peaks) - 1
		leaf, peaks = NodeHash(peaks[last], leaf), peaks[:last]
	}
	return ancestry{a.n + 1, append(peaks, leaf)}
}

// root returns the tree head.
func (a ancestry) root() Hash {
	if a.n == 0 {
		return sha256.Sum256(nil)
	}
	last := len(a.peaks) - 1
	root := a.peaks[last]
	for _, peak := range slices.Backward(a.peaks[:last]) {
		root = NodeHash(peak, root)
	}
	return root
}

// append appends the peaks to b.
func (a ancestry) append(b []byte) []byte {
	for _, peak := range a.peaks {
		b = append(b, peak[:]...)
	}
	return b
}

// ancestry reads the tree over n blocks.
func (r *reader) ancestry(n uint64) ancestry {
	a := ancestry{n: n}
	for range bits.OnesCount64(n) {
		a.peaks = append(a.peaks, r.hash())
	}
	return a
}

// AncestorLeaf is the leaf that stands for a block in the tree over all ancestors: LeafHash(ID ||
// height u64 || time u64 || chain time u64 || bits u32 || work 32), the last being the work of all
// blocks up to it.
func AncestorLeaf(id Hash, height, time, chainTime uint64, compact uint32, work Work) Hash {
	b := make([]byte, 0, 32+8+8+8+4+32)
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint64(b, height)
	b = binary.BigEndian.AppendUint64(b, time)
	b = binary.BigEndian.AppendUint64(b, chainTime)
	b = binary.BigEndian.AppendUint32(b, compact)
	sum := work.Bytes()
	return LeafHash(append(b, sum[:]...))
}
