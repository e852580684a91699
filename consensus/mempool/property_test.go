package mempool

import (
	"crypto/ed25519"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// Whatever is offered, mined and reverted in whatever order: what Select
// returns makes a valid block, and the pool's accounts are right.
func TestSelectAlwaysValid(t *testing.T) {
	net := chaintest.New(3)
	rapid.Check(t, func(t *rapid.T) {
		limits := DefaultPolicy()
		limits.MaxBytes = rapid.SampledFrom([]int{5000, limits.MaxBytes}).Draw(t, "max bytes")
		p := New(limits, nil)
		states := []*consensus.State{net.Genesis.State()}
		var blocks []*consensus.Block // blocks[i] leads from states[i] to states[i+1]
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			s := states[len(states)-1]
			now := time.UnixMilli(int64(s.Time())).Add(time.Second)
			switch rapid.SampledFrom([]string{"batches", "batches", "event", "mine", "mine", "reorganise"}).Draw(t, "step") {
			case "event":
				_ = p.AddEvent(s, &net.Orgs[rapid.IntRange(1, 2).Draw(t, "org")].Event, now) // may be known
			case "batches":
				by := rapid.IntRange(0, 2).Draw(t, "by")
				batches := net.Batches(s, by, 10, rapid.SampledFrom([]string{"x", "y"}).Draw(t, "tag"))
				for _, i := range rapid.SliceOfN(rapid.IntRange(0, 9), 0, 8).Draw(t, "which") {
					_ = p.AddBatch(s, &batches[i], now) // may be refused for many reasons
				}
			case "mine":
				next, b := mineSelected(t, net, p, s, now)
				states, blocks = append(states, next), append(blocks, b)
				p.Advance(next, nil, []*consensus.Block{b})
			case "reorganise":
				depth := rapid.IntRange(0, len(blocks)).Draw(t, "depth")
				var reverted []*consensus.Block
				for range depth {
					reverted = append(reverted, blocks[len(blocks)-1])
					states, blocks = states[:len(states)-1], blocks[:len(blocks)-1]
				}
				p.Advance(states[len(states)-1], reverted, nil)
			}
			checkAccounts(t, p)
		}
	})
}

func checkAccounts(t *rapid.T, p *Pool) {
	bytes, entries := 0, 0
	perOrg := make(map[consensus.Hash]int)
	for key, k := range p.byKey {
		count := 0
		for epoch, q := range k.series {
			if len(q) == 0 {
				t.Fatal("an empty queue is kept")
			}
			for i, e := range q {
				if e.batch.Series() != (consensus.Series{Recorder: key, Epoch: epoch}) || p.byID[e.id] != e || i > 0 && q[i-1].batch.Seq >= e.batch.Seq {
					t.Fatalf("queue of %v is not in order", key)
				}
				bytes += e.size()
				perOrg[k.org] += e.size()
				count++
			}
		}
		if count == 0 || count != k.count {
			t.Fatalf("%d batches of %v, accounted %d", count, key, k.count)
		}
		entries += count
	}
	if bytes != p.bytes || entries != len(p.byID) || bytes > p.policy.MaxBytes || len(perOrg) != len(p.orgBytes) {
		t.Fatalf("%d bytes and %d entries, accounted %d and %d", bytes, entries, p.bytes, len(p.byID))
	}
	for org, n := range perOrg {
		if p.orgBytes[org] != n {
			t.Fatalf("organisation %s has %d bytes, accounted %d", org, n, p.orgBytes[org])
		}
	}
}

// seriesAfter returns count batches that follow what s has of a series.
func seriesAfter(s *consensus.State, recorder ed25519.PrivateKey, epoch uint64, count int, tag byte) []consensus.Batch {
	tip, _ := s.BatchTip(consensus.Series{Recorder: consensus.PublicKey(recorder), Epoch: epoch})
	batches := make([]consensus.Batch, 0, count)
	for range count {
		b := consensus.Batch{
			ChainID: s.ChainID(), Epoch: epoch, Seq: tip.Seq + 1, Prev: tip.ID, Time: 1, Tip: s.GenesisID(),
			Micros: []consensus.MicroRoot{{Root: consensus.Hash{tag, byte(epoch), byte(tip.Seq)}, Count: 1}},
		}
		b.Seal(nil, s.Params(), recorder)
		batches = append(batches, b)
		tip = consensus.BatchTip{Seq: b.Seq, ID: b.ID()}
	}
	return batches
}

// mineSelected mines a block of what the pool selects on top of s.
func mineSelected(t *rapid.T, net *chaintest.Network, p *Pool, s *consensus.State, now time.Time) (*consensus.State, *consensus.Block) {
	events, batches := p.Select(s, now)
	b := net.Mine(s, 0, chaintest.Body{Events: events, Batches: batches, Time: now})
	if err := consensus.ValidateBlock(s, b); err != nil {
		t.Fatalf("what Select returns makes a bad block: %v", err)
	}
	next, _ := consensus.ApplyBlock(s, b)
	return next, b
}
