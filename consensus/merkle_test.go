package consensus

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"
)

// TestMerkleAgreesWithRFC6962 compares roots and paths of all small trees with
// the Certificate Transparency implementation, and verifies them both ways.
func TestMerkleAgreesWithRFC6962(t *testing.T) {
	reference := testonly.New(rfc6962.DefaultHasher)
	var leaves []Hash
	for n := 0; n <= 130; n++ {
		root := MerkleRoot(leaves)
		if string(root[:]) != string(reference.HashAt(uint64(n))) {
			t.Fatalf("root of %d leaves is %v, want %x", n, root, reference.HashAt(uint64(n)))
		}
		for i := range n {
			path := MerklePath(leaves, i)
			want, err := reference.InclusionProof(uint64(i), uint64(n))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(byteSlices(path), want, bytes.Equal) {
				t.Fatalf("path of leaf %d of %d is %v, want %x", i, n, path, want)
			}
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(i), uint64(n), leaves[i][:], byteSlices(path), root[:]); err != nil {
				t.Fatalf("leaf %d of %d: %v", i, n, err)
			}
			if got, ok := VerifyMerklePath(leaves[i], i, n, path); !ok || got != root {
				t.Fatalf("path of leaf %d of %d leads to %v, %v, not to %v", i, n, got, ok, root)
			}
			refuseOtherPaths(t, leaves, i, path, root)
		}
		data := fmt.Appendf(nil, "leaf %d", n)
		reference.AppendData(data)
		leaves = append(leaves, LeafHash(data))
	}
}

func refuseOtherPaths(t *testing.T, leaves []Hash, i int, path []Hash, root Hash) {
	n := len(leaves)
	if _, ok := VerifyMerklePath(leaves[i], i, n, append(path[:len(path):len(path)], Hash{})); ok {
		t.Fatalf("leaf %d of %d: a longer path is accepted", i, n)
	}
	if len(path) == 0 {
		return
	}
	if _, ok := VerifyMerklePath(leaves[i], i, n, path[1:]); ok {
		t.Fatalf("leaf %d of %d: a shorter path is accepted", i, n)
	}
	if got, ok := VerifyMerklePath(leaves[i], i^1, n, path); ok && got == root {
		t.Fatalf("leaf %d of %d proves to be leaf %d", i, n, i^1)
	}
	changed := append([]Hash(nil), path...)
	changed[len(path)-1][0] ^= 1
	if got, _ := VerifyMerklePath(leaves[i], i, n, changed); got == root {
		t.Fatalf("leaf %d of %d: a changed path leads to the root", i, n)
	}
}

func TestVerifyMerklePathOutsideOfTree(t *testing.T) {
	for _, c := range []struct{ i, n int }{{-1, 1}, {1, 1}, {0, 0}, {0, -1}, {5, 3}} {
		if root, ok := VerifyMerklePath(Hash{1}, c.i, c.n, nil); ok || !root.IsZero() {
			t.Errorf("leaf %d of %d is accepted", c.i, c.n)
		}
	}
}

func TestLeafHashOfAnyLength(t *testing.T) {
	for _, n := range []int{0, 1, 32, 159, 160, 161, 5000} {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(i)
		}
		if got := LeafHash(data); string(got[:]) != string(rfc6962.DefaultHasher.HashLeaf(data)) {
			t.Errorf("leaf hash of %d bytes is %v", n, got)
		}
	}
}

func byteSlices(hashes []Hash) [][]byte {
	out := make([][]byte, len(hashes))
	for i := range hashes {
		out[i] = hashes[i][:]
	}
	return out
}
