package node

import (
	"errors"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/smtpgw/client"
)

// A node that has less of the chain than it had, as after a restore, tells nobody for good that an
// address is not the organisation's.
func TestUnsureOfOwn(t *testing.T) {
	w := newChanging(t)
	sure := func(want bool) {
		t.Helper()
		why := w.gatewayConfig().Unsure()
		_, err := newSiblings(w.Node).Holder(t.Context(), "nobody@beta.test")
		if (why == "") != want || errors.Is(err, client.ErrNoRoute) != want {
			t.Errorf("sure: %v, want %v; %v", why == "", want, err)
		}
	}
	sure(true)
	w.block(w.change(1, func(*consensus.OrgEvent) consensus.Content {
		return &consensus.Update{Name: "Beta", Domains: []string{"beta.test", "zeta.test"}}
	}))
	if err := w.noteOwn(t.Context(), w.chain.State()); err != nil {
		t.Fatal(err)
	}
	sure(true)
	seen := w.ownSeen.Swap(0)
	if err := w.loadOwnSeen(); err != nil || w.ownSeen.Load() != seen || seen != w.chain.State().Height() {
		t.Errorf("kept %d, seen %d: %v", w.ownSeen.Load(), seen, err)
	}
	w.ownSeen.Add(1) // the same after a restore: what was seen is not on the chain here
	sure(false)
}

// A node that was dropped asks its organisation's others for as long as what it records counts, and
// knows nothing of them from then on.
func TestUnsureAfterTheEnd(t *testing.T) {
	w := newChanging(t)
	key := w.net.Orgs[1].Key
	other := consensus.NewNodeKeys(w.chain.State().ChainID(), consensus.PublicKey(key), chaintest.Key("second node", 1), chaintest.Key("second recorder", 1))
	w.block(w.change(1, func(*consensus.OrgEvent) consensus.Content { return &consensus.AddNode{NodeKeys: other} }))
	w.block(w.change(1, func(*consensus.OrgEvent) consensus.Content { return &consensus.DropNode{Node: w.id.NodeKey()} }))
	if beside := w.chain.State().NodesBeside(w.id.NodeKey()); len(beside) != 1 || beside[0] != other.Node {
		t.Errorf("just after the end there are %v beside", beside)
	}
	if why := w.unsureOwn(); why != "" {
		t.Errorf("just after the end: %s", why)
	}
	for range consensus.DropGrace + 1 {
		w.block()
	}
	if w.unsureOwn() == "" || len(w.chain.State().NodesBeside(w.id.NodeKey())) != 0 {
		t.Error("long after the end it is sure of the others")
	}
}
