package p2p

import (
	"errors"
	"sync"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// twoNodes is a network of n organisations whose founder has the node of the second too.
func twoNodes(t *testing.T, n int) *chaintest.Network {
	net := chaintest.New(n)
	founder, second := net.Orgs[0], net.Orgs[1]
	e := founder.Enrolment()
	e.Enrol().Nodes = append(e.Enrol().Nodes,
		consensus.NewNodeKeys(e.ChainID, consensus.PublicKey(founder.Key), second.Node, second.Recorder))
	e.Sign(founder.Key)
	g, err := consensus.NewGenesis(net.Genesis.Params, e, founder.Recorder)
	if err != nil {
		t.Fatal(err)
	}
	net.Genesis = g
	return net
}

// Which accounts a node has is told to the other nodes of its organisation, and to nobody else.
func TestHasAccount(t *testing.T) {
	net := twoNodes(t, 3)

	fault := errors.New("no store")
	a := start(t, net, 0, setup{accounts: func(address string) (bool, error) {
		if address == "fault@org1.example" {
			return false, fault
		}
		return address == "ana@org1.example", nil
	}})
	b := start(t, net, 1, setup{bootstrap: a.Addrs()})
	stranger := start(t, net, 2, setup{bootstrap: a.Addrs()})
	eventually(t, "all are connected", func() bool { return len(a.Peers()) == 2 })

	for address, want := range map[string]bool{"ana@org1.example": true, "bob@org1.example": false} {
		if has, err := b.HasAccount(t.Context(), a.self, address); err != nil || has != want {
			t.Errorf("%s: %v, %v", address, has, err)
		}
		if has, err := stranger.HasAccount(t.Context(), a.self, address); err == nil || has {
			t.Errorf("a stranger is told of %s: %v, %v", address, has, err)
		}
	}
	if has, err := b.HasAccount(t.Context(), a.self, "fault@org1.example"); err == nil || has {
		t.Errorf("a fault counts as an answer: %v, %v", has, err)
	}
	if has, err := a.HasAccount(t.Context(), b.self, "ana@org1.example"); err == nil || has {
		t.Errorf("a node that tells nobody: %v, %v", has, err)
	}
}

// As many questions as a node asks at once are answered.
func TestManyAccounts(t *testing.T) {
	net := twoNodes(t, 2)
	var under sync.WaitGroup // answers wait until all have been asked
	under.Add(accountsAtOnce / 2)
	a := start(t, net, 0, setup{accounts: func(string) (bool, error) {
		under.Done()
		under.Wait()
		return true, nil
	}})
	b := start(t, net, 1, setup{bootstrap: a.Addrs()})
	eventually(t, "they are connected", func() bool { return len(a.Peers()) == 1 && len(b.Peers()) == 1 })
	var asked sync.WaitGroup
	for range accountsAtOnce / 2 {
		asked.Go(func() {
			if has, err := b.HasAccount(t.Context(), a.self, "ana@org1.example"); err != nil || !has {
				t.Errorf("%v, %v", has, err)
			}
		})
	}
	asked.Wait()
}
