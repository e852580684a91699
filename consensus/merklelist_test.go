package consensus

import (
	"crypto/sha256"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A list that is grown, cut and changed has the root of the tree over its leaves, with what they
// stand for, and the lists that it was made of keep theirs.
func TestMerkleList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			list   merkleList[Hash]
			leaves []Hash
		}
		versions := []version{{}}
		leaf := func() Hash { return sha256.Sum256(rapid.SliceOfN(rapid.Byte(), 1, 2).Draw(t, "leaf")) }
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			v := rapid.SampledFrom(versions).Draw(t, "from")
			leaves := append([]Hash(nil), v.leaves...)
			switch op := rapid.IntRange(0, 3).Draw(t, "op"); {
			case op == 0 && len(leaves) > 0:
				n := rapid.IntRange(0, len(leaves)).Draw(t, "n")
				v = version{v.list.first(n), leaves[:n]}
			case op == 1 && len(leaves) > 0:
				var others []merkleLeaf[Hash]
				for i := rapid.IntRange(0, len(leaves)-1).Draw(t, "i"); i < len(leaves); i += rapid.IntRange(1, len(leaves)).Draw(t, "step") {
					leaves[i] = leaf()
					others = append(others, merkleLeaf[Hash]{i, leaves[i], leaves[i]})
				}
				v = version{v.list.set(others...), leaves}
			default:
				l := leaf()
				v = version{v.list.add(l, l), append(leaves, l)}
			}
			versions = append(versions, v)
		}
		for _, v := range versions {
			if v.list.len() != len(v.leaves) || v.list.root() != MerkleRoot(v.leaves) {
				t.Fatalf("%d leaves: not the root of their tree", len(v.leaves))
			}
			if all := slices.Collect(v.list.all()); !slices.Equal(all, v.leaves) {
				t.Fatalf("the leaves stand for %v, want %v", all, v.leaves)
			}
			for i, want := range v.leaves {
				if got := v.list.at(i); got != want {
					t.Fatalf("leaf %d stands for %v, want %v", i, got, want)
				}
			}
		}
	})
}

func TestAncestry(t *testing.T) {
	var a ancestry
	var leaves []Hash
	for i := range 200 {
		if a.root() != MerkleRoot(leaves) {
			t.Fatalf("%d blocks: not the root of their tree", i)
		}
		r := reader{buf: a.append(nil)}
		if back := r.ancestry(a.n); r.end() != nil || back.root() != a.root() {
			t.Fatalf("%d blocks do not come back from their encoding", i)
		}
		leaf := sha256.Sum256([]byte{byte(i)})
		a, leaves = a.with(leaf), append(leaves, leaf)
	}
}
