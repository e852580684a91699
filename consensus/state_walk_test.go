package consensus

import (
	"crypto/sha256"
	"math/rand/v2"
	"testing"
)

// Blocks with events of all types and with batches lead to the state roots to which they led when
// each block had a table of its own made from all members: those of version 0.1.0.
func TestStateRootsStay(t *testing.T) {
	want, err := ParseHash("4a910710784619419d6e8038bee32069019fe4b60f12f529961aa69889760bd6")
	if err != nil {
		t.Fatal(err)
	}
	d, w, all := rand.New(rand.NewPCG(1, 7)), emptyChanging(t), sha256.New()
	for range 400 {
		events := w.randomEvents(d)
		b := draft(w.state, member{recorder: w.orgs[0].nodes[0].recorder}, events, w.randomBatches(d))
		all.Write(b.Header.StateRoot[:])
		w.state, _ = ApplyBlock(w.state, b)
		w.remember(events)
	}
	if got := Hash(all.Sum(nil)); got != want {
		t.Errorf("%d members, %d former entries: the roots are those with the hash %v, want %v", len(w.state.Orgs()), len(w.state.Past()), got, want)
	}
}
