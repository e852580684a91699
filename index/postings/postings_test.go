package postings

import (
	"bytes"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func list(t *rapid.T, name string) []uint64 {
	return Union(rapid.SliceOfN(rapid.Uint64Range(0, 60), 0, 40).Draw(t, name))
}

func TestSetsAreTheirDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := list(t, "a"), list(t, "b"), list(t, "c")
		var and, or, andNot, nested []uint64
		for d := range uint64(61) {
			inA, inB, inC := slices.Contains(a, d), slices.Contains(b, d), slices.Contains(c, d)
			if inA && inB && inC {
				and = append(and, d)
			}
			if inA || inB || inC {
				or = append(or, d)
			}
			if inA && !inB {
				andNot = append(andNot, d)
			}
			if (inA || inB) && inC && !(inA && inB) {
				nested = append(nested, d)
			}
		}
		for _, c := range []struct {
			name string
			got  Set
			want []uint64
		}{
			{"and", And(Slice(a), Slice(b), Slice(c)), and},
			{"or", Or(Slice(a), Slice(b), Slice(c)), or},
			{"and not", AndNot(Slice(a), Slice(b)), andNot},
			{"nested", AndNot(And(Or(Slice(a), Slice(b)), Slice(c)), And(Slice(a), Slice(b))), nested},
		} {
			if got := Collect(c.got); !slices.Equal(got, c.want) {
				t.Fatalf("%s of %v %v: %v, want %v", c.name, a, b, got, c.want)
			}
		}
	})
}

func TestEmptySets(t *testing.T) {
	if got := Collect(And()); got != nil {
		t.Errorf("and of nothing: %v", got)
	}
	top := []uint64{0, ^uint64(0)}
	if got := Collect(Slice(top)); !slices.Equal(got, top) {
		t.Errorf("greatest document: %v", got)
	}
	if got := Collect(AndNot(Slice(top), Slice(top))); got != nil {
		t.Errorf("nothing left: %v", got)
	}
}

func TestBlockRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in []Posting
		documents := Union(rapid.SliceOf(rapid.Uint64()).Draw(t, "documents"))
		for _, d := range documents {
			positions := rapid.SliceOfN(rapid.Uint32(), 0, 20).Draw(t, "positions")
			slices.Sort(positions)
			positions = slices.Compact(positions)
			if len(positions) == 0 {
				positions = nil
			}
			in = append(in, Posting{d, positions})
		}
		block := Append(nil, in)
		out, err := Decode(block)
		if err != nil || !reflect.DeepEqual(in, out) {
			t.Fatalf("%v comes back as %v, %v", in, out, err)
		}
		only, err := Documents(nil, block)
		if err != nil || !slices.Equal(only, documents) {
			t.Fatalf("documents %v, %v, want %v", only, err, documents)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(Append(nil, []Posting{{1, []uint32{0, 4}}, {9, nil}, {1 << 60, []uint32{1<<32 - 1}}}))
	f.Add([]byte{1, 200, 1})
	f.Add([]byte{0x80, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := Decode(b)
		if err != nil {
			return
		}
		if again := Append(nil, list); !bytes.Equal(again, b) {
			t.Fatalf("%x decodes to %v, which codes to %x", b, list, again)
		}
	})
}

// The postings of many words of one document are joined in a time that grows with their number.
func TestMergeOfOneDocument(t *testing.T) {
	const words = 300_000
	list := make([]Posting, words)
	for i := range list {
		list[i] = Posting{7, []uint32{uint32(words - i)}}
	}
	start := time.Now()
	merged := Merge(list)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if len(merged) != 1 || len(merged[0].Positions) != words || !slices.IsSorted(merged[0].Positions) {
		t.Errorf("%d documents", len(merged))
	}
}
