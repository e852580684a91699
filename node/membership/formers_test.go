package membership

import (
	"crypto/ed25519"
	"slices"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// A recorder key that a node had before is the node's former one, whatever ends it later; what ends
// is told of the node only where the node ends.
func TestFormerKeysThatEnd(t *testing.T) {
	net := chaintest.NewWith(chaintest.ParamsV2(), 2)
	org, s := &net.Orgs[1], net.Genesis.State()
	mine := func(s *consensus.State, count int, events ...consensus.OrgEvent) *consensus.State {
		for range count {
			s, _ = consensus.ApplyBlock(s, net.Mine(s, 0, chaintest.Body{Events: events}))
			events = nil
		}
		return s
	}
	s = mine(s, 1, org.Event)
	s = mine(s, consensus.EpochGap)
	s = mine(s, 1, org.Change(s, org.Node, true, func(e *consensus.OrgEvent) consensus.Content {
		return consensus.NewReplace(e, chaintest.Key("next recorder", 1))
	}))
	replaced := s.Height()
	for _, tt := range []struct {
		what  string
		event consensus.OrgEvent
		end   consensus.NodeEnd
		told  []string
	}{
		{"suspended", suspension(s, org, org.Recorder), consensus.NodeActive, []string{"enrolled", "recorder", "recorder-suspended"}},
		{"revoked with the node", org.Change(s, org.Recovery, false, func(e *consensus.OrgEvent) consensus.Content {
			next := consensus.RecoveryCommitment(consensus.PublicKey(chaintest.Key("next recovery", 1)))
			return consensus.NewRevoke(e, chaintest.Key("next org", 1), next, consensus.PublicKey(org.Node))
		}), consensus.NodeRevoked, []string{"enrolled", "recorder", "key-revoked", "recovery", "node-revoked"}},
		{"left as it is, and the next one suspended", suspension(s, org, chaintest.Key("next recorder", 1)), consensus.NodeSuspended,
			[]string{"enrolled", "recorder", "node-suspended"}},
	} {
		after := mine(s, 2, tt.event)
		now, _ := after.Org(org.ID())
		nodes := slices.DeleteFunc(slices.Clone(now.Nodes), func(n consensus.OrgNode) bool { return ReplacedBy(now, &n) != nil })
		if len(nodes) != 1 || nodes[0].End != tt.end {
			t.Errorf("%s: the nodes are %+v", tt.what, nodes)
			continue
		}
		formers := FormersOf(now, &nodes[0])
		if len(formers) != 1 || formers[0].Recorder != org.RecorderKey().String() || formers[0].Until != replaced {
			t.Errorf("%s: the former keys are %+v, want %v until %d", tt.what, formers, org.RecorderKey(), replaced)
		}
		var told []string
		for _, c := range ChangesOf(after, org.ID()) {
			told = append(told, c.What)
			if c.What == "recorder-suspended" && (c.Node != consensus.PublicKey(org.Node).String() || c.From != org.RecorderKey().String()) {
				t.Errorf("%s: %+v", tt.what, c)
			}
		}
		if !slices.Equal(told, tt.told) {
			t.Errorf("%s: %v, want %v", tt.what, told, tt.told)
		}
	}
}

// suspension is the event that suspends a recorder key of an organisation.
func suspension(s *consensus.State, org *chaintest.Org, key ed25519.PrivateKey) consensus.OrgEvent {
	var twice [2]consensus.Batch
	for i := range twice {
		twice[i] = consensus.Batch{ChainID: s.ChainID(), Epoch: 7, Seq: 1, Time: uint64(i), Micros: []consensus.MicroRoot{{Count: 1}}}
		twice[i].Seal(nil, s.Params(), key)
	}
	return org.Change(s, nil, false, func(*consensus.OrgEvent) consensus.Content { return consensus.NewSuspend(&twice[0], &twice[1]) })
}
