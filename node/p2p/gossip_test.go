package p2p

import (
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/mempool"
	"cairn/mailstore/wake"
)

func TestThreeNodesConverge(t *testing.T) {
	net, nodes := cluster(t, 3)
	nodes[0].enrol()
	oneTip(t, nodes)
	for i := range 12 {
		miner := nodes[i%3]
		for j, b := range net.Batches(miner.chain.State(), i%3, 1+i%3, "mail") {
			miner.send(&b)
			want := b.ID()
			if j == 0 {
				eventually(t, "the batch is in every mempool", func() bool {
					for _, n := range nodes {
						if !n.hasBatch(want) {
							return false
						}
					}
					return true
				})
			}
		}
		events, batches := miner.pool.Select(miner.chain.State(), time.Now())
		miner.mine(chaintest.Body{Events: events, Batches: batches})
		oneTip(t, nodes)
	}
	var rebuilt uint64
	for _, n := range nodes {
		if n.chain.Tip().Height != 13 {
			t.Errorf("height %d, want 13", n.chain.Tip().Height)
		}
		rebuilt += n.Stats()["block.rebuilt"]
	}
	if rebuilt == 0 {
		t.Error("no block was rebuilt from a mempool")
	}
}

// Two nodes that each have another batch of one place both get to know of it.
func TestEvidenceReachesAll(t *testing.T) {
	net := chaintest.NewWith(chaintest.ParamsV2(), 2)
	a := start(t, net, 0, setup{})
	b := start(t, net, 1, setup{bootstrap: a.Addrs()})
	one, two := net.Batches(a.chain.State(), 0, 1, "one"), net.Batches(b.chain.State(), 0, 1, "two")
	a.send(&one[0])
	b.send(&two[0])
	eventually(t, "both have the evidence", func() bool {
		return a.pool.Stats().Evidence == 1 && b.pool.Stats().Evidence == 1
	})
}

func (n *node) hasBatch(id consensus.Hash) bool {
	n.pool.mu.Lock()
	defer n.pool.mu.Unlock()
	return n.pool.batches[id] != nil
}

func (n *node) hasEvent(id consensus.Hash) bool {
	n.pool.mu.Lock()
	defer n.pool.mu.Unlock()
	return n.pool.events[id] != nil
}

// A block whose batches nobody has seen is fetched whole from whoever announced it.
func TestMissingBatchesAreFetched(t *testing.T) {
	net := chaintest.New(2)
	a := start(t, net, 0, setup{timing: gossipOnly()})
	b := start(t, net, 1, setup{timing: gossipOnly(), bootstrap: a.Addrs()})
	eventually(t, "gossip has met", func() bool { return a.acquainted() == 1 && b.acquainted() == 1 })
	a.mine(chaintest.Body{Batches: net.Batches(a.chain.State(), 0, 8, "unseen")})
	oneTip(t, []*node{a, b})
	if got := b.Stats()["block.fetched"]; got != 1 {
		t.Errorf("%d blocks fetched, want 1", got)
	}
}

func TestBurstOfBatchesArrivesComplete(t *testing.T) {
	const count = 1000
	net := chaintest.New(1)
	policy := mempool.DefaultPolicy()
	policy.PerKey = count
	a := start(t, net, 0, setup{pool: policy})
	others := chaintest.New(4) // for their node keys
	b := startAs(t, net, others.Orgs[1].Node, setup{pool: policy, bootstrap: a.Addrs(), timing: gossipOnly()})
	c := startAs(t, net, others.Orgs[2].Node, setup{pool: policy, bootstrap: a.Addrs(), timing: gossipOnly()})
	eventually(t, "gossip has met", func() bool { return a.acquainted() == 2 })
	list := net.Batches(a.chain.State(), 0, count, "burst")
	for i := range list {
		if err := a.pool.AddBatch(a.chain.State(), &list[i], time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range list {
		a.PublishBatch(&list[i])
	}
	for _, n := range []*node{b, c} {
		eventually(t, "all batches have arrived", func() bool { return n.pool.Stats().Batches == count })
	}
}

// gossipOnly makes the exchanges of status and of mempools too rare to help.
func gossipOnly() *timing {
	slow := fast
	slow.pool, slow.status = time.Hour, time.Hour
	return &slow
}

func TestEventReachesNewcomersAndTheirsReachesAll(t *testing.T) {
	net, nodes := cluster(t, 3)
	e := net.Orgs[2].Event
	n := nodes[2]
	if err := n.pool.AddEvent(n.chain.State(), &e, time.Now()); err != nil {
		t.Fatal(err)
	}
	n.PublishEvent(&e)
	for _, n := range nodes {
		eventually(t, "the event is in every mempool", func() bool { return n.hasEvent(e.ID()) })
	}
	late := startAs(t, net, chaintest.New(4).Orgs[3].Node, setup{bootstrap: nodes[0].Addrs()})
	eventually(t, "a latecomer has the event", func() bool { return late.hasEvent(e.ID()) })
}

func TestEarlyBlockWaitsForItsTime(t *testing.T) {
	net := chaintest.New(2)
	var clock clockOf
	clock.set(chaintest.GenesisTime)
	a := start(t, net, 0, setup{})
	b := start(t, net, 1, setup{bootstrap: a.Addrs(), now: clock.now})
	eventually(t, "gossip has met", func() bool { return a.acquainted() == 1 && b.acquainted() == 1 })
	a.mine(chaintest.Body{Time: chaintest.GenesisTime.Add(5 * time.Second)})
	eventually(t, "the block is held", func() bool { return b.Stats()["block.early"] >= 1 })
	if got := b.chain.Tip().Height; got != 0 {
		t.Fatalf("height %d before the block's time", got)
	}
	if b.Stats()["gossip.block.rejected"] != 0 || b.Stats()["peer.banned"] != 0 {
		t.Error("an early block was held against its sender")
	}
	clock.set(chaintest.GenesisTime.Add(4 * time.Second))
	wake.Up(b.future.wake)
	oneTip(t, []*node{a, b})
}
