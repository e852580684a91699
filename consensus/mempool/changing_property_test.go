package mempool

import (
	"crypto/ed25519"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// TestSelectAlwaysValidWhereOrganisationsChange is TestSelectAlwaysValid with events of all types
// and keys of several epochs. What is taken in keeps to the limits of a key.
func TestSelectAlwaysValidWhereOrganisationsChange(t *testing.T) {
	net := chaintest.NewWith(chaintest.ParamsV2(), 4)
	_, start := net.Chain(net.Genesis.State(), 1)
	rapid.Check(t, func(t *rapid.T) {
		limits := DefaultPolicy()
		limits.MaxBytes = rapid.SampledFrom([]int{5000, limits.MaxBytes}).Draw(t, "max bytes")
		limits.MaxUrgent = rapid.SampledFrom([]int{2, limits.MaxUrgent}).Draw(t, "max urgent")
		p := New(limits, nil)
		states := []*consensus.State{start}
		var blocks []*consensus.Block // blocks[i] leads from states[i] to states[i+1]
		reorganised := false
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			s := states[len(states)-1]
			now := time.UnixMilli(int64(s.Time())).Add(time.Second)
			switch rapid.SampledFrom([]string{"batches", "batches", "batches", "event", "event", "mine", "rest", "reorganise"}).Draw(t, "step") {
			case "event":
				e := drawEvent(t, net, s, p.Events())
				_ = p.AddEvent(s, &e, now) // may be refused for many reasons
			case "batches":
				recorder := drawRecorder(t, net)
				epoch := rapid.Uint64Range(1, 5).Draw(t, "epoch")
				batches := seriesAfter(s, recorder, epoch, 9, byte(rapid.IntRange(0, 1).Draw(t, "tag")))
				for _, i := range rapid.SliceOfN(rapid.IntRange(0, 8), 0, 8).Draw(t, "which") {
					_ = p.AddBatch(s, &batches[i], now) // as well
				}
			case "rest": // until a key may open another epoch
				for range consensus.EpochGap {
					b := net.Mine(s, 0, chaintest.Body{})
					s, _ = consensus.ApplyBlock(s, b)
					states, blocks = append(states, s), append(blocks, b)
				}
				p.Advance(s, nil, blocks[len(blocks)-consensus.EpochGap:])
			case "mine":
				next, b := mineSelected(t, net, p, s, now)
				states, blocks = append(states, next), append(blocks, b)
				p.Advance(next, nil, []*consensus.Block{b})
			case "reorganise":
				depth := rapid.IntRange(0, min(len(blocks), 3)).Draw(t, "depth")
				var reverted []*consensus.Block
				for range depth {
					reverted = append(reverted, blocks[len(blocks)-1])
					states, blocks = states[:len(states)-1], blocks[:len(blocks)-1]
				}
				p.Advance(states[len(states)-1], reverted, nil)
				reorganised = reorganised || depth > 0
			}
			checkAccounts(t, p)
			if !reorganised {
				checkKeys(t, p, states[len(states)-1])
			}
		}
	})
}

// checkKeys holds the keys in the pool to their limits.
func checkKeys(t *rapid.T, p *Pool, s *consensus.State) {
	for key, k := range p.byKey {
		unopened := 0
		for epoch := range k.series {
			if _, opened := k.tip(s, epoch); !opened {
				unopened++
			}
		}
		if k.count > p.policy.PerKey || unopened > p.policy.PerKeyOpen {
			t.Fatalf("%d batches of %v, %d of its series not opened", k.count, key, unopened)
		}
	}
}

// drawRecorder draws a recorder key, which may not be enrolled: each organisation but the first has
// two.
func drawRecorder(t *rapid.T, net *chaintest.Network) ed25519.PrivateKey {
	by := rapid.IntRange(0, 3).Draw(t, "by")
	if by > 0 && rapid.Bool().Draw(t, "second node") {
		return chaintest.Key("second recorder", by)
	}
	return net.Orgs[by].Recorder
}

// drawEvent draws an event of an organisation but the first, which mines. It may follow one that
// waits.
func drawEvent(t *rapid.T, net *chaintest.Network, s *consensus.State, waiting []*consensus.OrgEvent) consensus.OrgEvent {
	by := rapid.IntRange(1, 3).Draw(t, "by")
	o := &net.Orgs[by]
	entry, enrolled := s.Org(o.ID())
	if !enrolled {
		return o.Event
	}
	node, recorder := chaintest.Key("second node", by), chaintest.Key("second recorder", by)
	prev := entry.LastEvent
	if rapid.Bool().Draw(t, "after one that waits") {
		for _, e := range waiting {
			if e.Org() == o.ID() && e.Type() != consensus.EventSuspend {
				prev = e.ID()
			}
		}
	}
	after := func(content func(e *consensus.OrgEvent) consensus.Content) consensus.OrgEvent {
		return o.Change(s, o.Key, false, func(e *consensus.OrgEvent) consensus.Content {
			e.Prev = prev
			return content(e)
		})
	}
	switch rapid.SampledFrom([]string{"update", "update", "add", "drop", "rotate", "revoke", "suspend"}).Draw(t, "type") {
	case "add":
		return after(func(e *consensus.OrgEvent) consensus.Content {
			return &consensus.AddNode{NodeKeys: consensus.NewNodeKeys(e.ChainID, e.Signer, node, recorder)}
		})
	case "drop":
		return after(func(*consensus.OrgEvent) consensus.Content {
			return &consensus.DropNode{Node: consensus.PublicKey(node)}
		})
	case "rotate":
		return after(func(e *consensus.OrgEvent) consensus.Content {
			return consensus.NewRotate(e, chaintest.Key("next org", by), o.Recovery)
		})
	case "revoke":
		return o.Change(s, o.Recovery, false, func(e *consensus.OrgEvent) consensus.Content {
			return consensus.NewRevoke(e, chaintest.Key("revoked to", by), consensus.Hash{1}, consensus.PublicKey(o.Node))
		})
	case "suspend":
		key := rapid.SampledFrom([]ed25519.PrivateKey{o.Recorder, recorder}).Draw(t, "which")
		a, b := seriesAfter(s, key, 9, 1, 1)[0], seriesAfter(s, key, 9, 1, 2)[0]
		return o.Change(s, nil, false, func(*consensus.OrgEvent) consensus.Content { return consensus.NewSuspend(&a, &b) })
	}
	return after(func(*consensus.OrgEvent) consensus.Content {
		return &consensus.Update{Name: o.Name, Domains: []string{o.Domain}, Records: consensus.RecordsSome}
	})
}
