package consensus

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A table into which leaves are put, and out of which leaves are taken, anywhere has the root of
// the tree over its leaves, and the tables that it was made of keep theirs.
func TestMerkleTable(t *testing.T) {
	made := 0
	fresh := func(n int) []Hash {
		leaves := make([]Hash, n)
		for i := range leaves {
			made++
			leaves[i] = sha256.Sum256(fmt.Append(nil, made))
		}
		return leaves
	}
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			table  merkleTable
			leaves []Hash
		}
		first := fresh(rapid.SampledFrom([]int{0, 1, 31, 32, 33, 64, 100, 300}).Draw(t, "leaves"))
		versions := []version{{merkleTable{}.splice(0, 0, first...), first}}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			v := versions[max(0, len(versions)-1-rapid.IntRange(0, 2).Draw(t, "back"))]
			at := rapid.IntRange(0, len(v.leaves)).Draw(t, "at")
			drop := min(rapid.SampledFrom([]int{0, 1, 1, 1, 2, 70}).Draw(t, "drop"), len(v.leaves)-at)
			put := fresh(rapid.SampledFrom([]int{0, 1, 1, 1, 2, 70}).Draw(t, "put"))
			leaves := slices.Replace(slices.Clone(v.leaves), at, at+drop, put...)
			versions = append(versions, version{v.table.splice(at, drop, put...), leaves})
		}
		for _, v := range versions {
			if v.table.n != len(v.leaves) || v.table.root() != MerkleRoot(v.leaves) {
				t.Fatalf("%d leaves: not the root of their tree", len(v.leaves))
			}
			for _, run := range v.table.runs {
				if len(run) == 0 || len(run) > maxRun {
					t.Fatalf("a run of %d leaves", len(run))
				}
			}
		}
	})
}

// A table from which leaves are taken out again one by one has runs that are as full as before.
func TestMerkleTableKeepsRunsFull(t *testing.T) {
	const leaves = 2000
	table := merkleTable{}
	for i := range leaves {
		table = table.splice(i*7919%(i+1), 0, Hash{byte(i), byte(i >> 8)})
	}
	for i := leaves; i > leaves/10; i-- {
		table = table.splice(i*7919%i, 1)
	}
	if runs := len(table.runs); runs > 2*table.n/cutRun+1 {
		t.Errorf("%d leaves in %d runs", table.n, runs)
	}
}
