package miner

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/mempool"
)

var (
	_ Chain = (*chain.Manager)(nil)
	_ Pool  = (*mempool.Pool)(nil)
)

// A batch goes through a real pool into a block of a real chain, and leaves the
// pool.
func TestPoolMinerChain(t *testing.T) {
	net := chaintest.New(1)
	db, err := chain.OpenDB(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() }) // after the miner and the follower have ended
	c, err := chain.Open(db, net.Genesis, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	pool := mempool.New(mempool.DefaultPolicy(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); wg.Wait() })
	wg.Go(func() {
		if err := pool.Follow(ctx, c); err != nil {
			t.Error(err)
		}
	})
	wake, unsubscribe := c.Subscribe()
	defer unsubscribe()
	published := make(chan *consensus.Block, 1000)
	run(t, c, pool, net, 0, published)

	batches := net.Batches(c.State(), 0, 3, "x")
	for i := range batches {
		if err := pool.AddBatch(c.State(), &batches[i], time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.After(20 * time.Second)
	for {
		tip, _ := c.State().BatchTip(consensus.Series{Recorder: net.Orgs[0].RecorderKey()})
		if tip.ID == batches[2].ID() && pool.Stats().Batches == 0 {
			return
		}
		select {
		case <-wake:
		case <-deadline:
			t.Fatalf("batch %d is in the chain, want 3; pool %+v", tip.Seq, pool.Stats())
		}
	}
}
