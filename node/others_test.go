package node

import (
	"strings"
	"testing"
	"time"

	"cairn/node/membership"
)

// What a node knows of a chain with others holds up what would make one of its own, until that is
// here or its administrator says that it is gone.
func TestChainOfOthers(t *testing.T) {
	w := newChanging(t)
	s := w.chain.State()
	if why := w.lacks(s); why != "" || !w.hasOthers(s) {
		t.Fatalf("others: %v; %s", w.hasOthers(s), why)
	}
	for s.Height() < 3*membership.SettledAfter {
		w.block()
		s = w.chain.State()
	}
	if err := w.noteOthers(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	seen := w.othersSeen.Load()
	if seen != s.Height()-membership.SettledAfter {
		t.Errorf("at block %d, %d is noted", s.Height(), seen)
	}
	w.block()
	if err := w.noteOthers(t.Context(), w.chain.State()); err != nil || w.othersSeen.Load() != seen {
		t.Errorf("it is noted with every block: %d, %v", w.othersSeen.Load(), err)
	}

	// Restored, the node has the store and none of the chain.
	w.whole.Store(false)
	restored := func(alone bool) (waits string) {
		t.Helper()
		if alone {
			if err := w.goAlone(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.loadOthers(); err != nil {
			t.Fatal(err)
		}
		return w.lacks(w.genesis.State())
	}
	w.othersSeen.Store(0)
	if restored(false) == "" {
		t.Error("it goes on without the chain")
	}
	if o := w.summary(w.genesis.State(), 1, time.Now()); o.Enrolled || !o.Awaited || !strings.HasPrefix(o.WaitsFor, "the network's blocks, 0 of ") {
		t.Errorf("of its organisation it says %+v", o)
	}
	if w.knowsOwnRecords(w.genesis.State()) || !w.viewIsOld(w.genesis.State()) {
		t.Error("it takes the chain without others for the one of before")
	}
	if err := w.noteOthers(t.Context(), w.genesis.State()); err != nil || w.othersSeen.Load() != seen {
		t.Errorf("what was seen is forgotten: %d, %v", w.othersSeen.Load(), err)
	}
	if why := w.lacks(w.chain.State()); why != "" {
		t.Errorf("the chain is here again: %s", why)
	}
	if why := w.lacks(w.genesis.State()); why != "" {
		t.Errorf("a chain that was here once is waited for: %s", why)
	}
	w.whole.Store(false)
	if why := restored(true); why != "" {
		t.Errorf("told to go on: %s", why)
	}
}

// A node that never had others waits for none, however much its chain had.
func TestChainOfNobodyElse(t *testing.T) {
	dir, _ := founder(t, "alpha", "alpha.test")
	quiet(t, dir, nil)
	n := open(t, dir)
	s := n.chain.State()
	n.ownSeen.Store(50)
	if err := n.noteOthers(t.Context(), s); err != nil || n.lacks(s) != "" || n.hasOthers(s) {
		t.Errorf("others: %v, waits: %q, %v", n.hasOthers(s), n.lacks(s), err)
	}
}
