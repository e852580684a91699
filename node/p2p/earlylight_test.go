package p2p

import (
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// TestEarlyBlocksOfLightBranchesAreNotHeld: an early header on genesis, which costs next to
// nothing, takes no place of early blocks that would make a better branch.
func TestEarlyBlocksOfLightBranchesAreNotHeld(t *testing.T) {
	net := chaintest.New(2)
	n := start(t, net, 0, setup{})
	n.enrol()
	for range 5 {
		n.mine(chaintest.Body{})
	}
	g := net.Genesis.State()
	b := net.Mine(g, 1, chaintest.Body{Time: time.Now().Add(g.Params().ClockSlack() + 20*time.Second)})
	o := &offer{blocks: []*consensus.Block{b}, end: consensus.AfterHeadline(g, b.Headline())}
	o.serve(newStranger(t, n))
	eventually(t, "the headline is looked at", func() bool { return n.Stats()["block.early"] >= 1 })
	eventually(t, "the turn is over", func() bool { return !n.syncing.busy.Load() })
	n.future.mu.Lock()
	defer n.future.mu.Unlock()
	if len(n.future.list) != 0 {
		t.Errorf("%d early blocks of a stranger are held, of work %v beside %v", len(n.future.list), o.end.Work(), n.chain.State().Work())
	}
}
