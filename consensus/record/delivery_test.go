package record

import (
	"slices"
	"testing"
)

func TestHadOf(t *testing.T) {
	const u, y, n = HadUnknown, HadIt, HadNot
	for _, c := range []struct {
		name    string
		answers [][]Had
		want    []Had
	}{
		{"nobody was asked", nil, []Had{u, u}},
		{"one node", [][]Had{{y, n}}, []Had{y, n}},
		{"the other node has it", [][]Had{{n, n}, {y, n}}, []Had{y, n}},
		{"one does not answer", [][]Had{{y, n}, nil}, []Had{y, u}},
		{"one does not know", [][]Had{{n, u}, {n, n}}, []Had{n, u}},
		{"one answers for too few", [][]Had{{n, n}, {n}}, []Had{u, u}},
		{"an answer that is none", [][]Had{{7, n}}, []Had{u, n}},
	} {
		if got := HadOf(2, c.answers); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
