package index

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"cairn/mailstore"
)

// The table of places is in the order in which places compare, and gives each back.
func TestPlaces(t *testing.T) {
	var places []Place
	for _, at := range []int64{math.MinInt64, -1, 0, 1, 1_800_000_000, math.MaxInt64} {
		for _, id := range []mailstore.MessageID{0, 1, math.MaxUint64} {
			places = append(places, Place{at, mailstore.Ref{Account: 7, Message: id}})
		}
	}
	slices.SortFunc(places, func(a, b Place) int { return bytes.Compare(a.key(), b.key()) })
	if !slices.IsSortedFunc(places, Place.compare) {
		t.Errorf("by their keys they are %v", places)
	}
	for _, p := range places {
		if again := placeOfKey(7, p.key()); again != p {
			t.Errorf("%v comes back from its key as %v", p, again)
		}
		if again, err := ParsePlace(p.String()); err != nil || again != p {
			t.Errorf("%v comes back from %s as %v, %v", p, p, again, err)
		}
	}
	for _, text := range []string{"", "1.2", "1.2.3.4", "x.1.1", "1.-1.1", "01.1.1", "1.1.18446744073709551616", "1.4294967296.1"} {
		if p, err := ParsePlace(text); err == nil {
			t.Errorf("%q is %v", text, p)
		}
	}
}
