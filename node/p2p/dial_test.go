package p2p

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// A node that the operator named and that does not answer is told, with the time of the first
// failure, until it answers.
func TestSilentBootstrapNodes(t *testing.T) {
	chain := chaintest.New(2)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", l.Addr().(*net.TCPAddr).Port)
	l.Close() // nobody is there now
	id, err := peerID(consensus.PublicKey(chain.Orgs[0].Node))
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("%s/p2p/%s", listen, id)
	begin := time.Now()
	n := start(t, chain, 1, setup{bootstrap: []string{addr}})
	var first Silent
	eventually(t, "the named node is silent", func() bool {
		list := n.Silent()
		if len(list) == 1 {
			first = list[0]
		}
		return len(list) == 1
	})
	if first.Addr != addr || first.Since.Before(begin) || first.Since.After(time.Now()) {
		t.Errorf("silent is %+v, want %v since after %v", first, addr, begin)
	}
	failures := n.Stats()["dial.failed"]
	eventually(t, "it is tried again", func() bool { return n.Stats()["dial.failed"] > failures })
	if list := n.Silent(); len(list) != 1 || list[0] != first {
		t.Errorf("after another failure: %+v, want %+v", list, first)
	}
	start(t, chain, 0, setup{listen: listen})
	eventually(t, "it answers", func() bool { return len(n.Peers()) == 1 })
	if list := n.Silent(); len(list) != 0 {
		t.Errorf("connected, and silent: %+v", list)
	}
}

// An attempt for which there is no slot is no answer of the node: it neither fails nor succeeds.
func TestPutOffDialsSayNothing(t *testing.T) {
	d, p := newDialer(), peer.ID("p")
	d.start(p, time.Now())
	d.ended(p, false, time.Minute)
	since, _ := d.failing(p)
	if !d.start(p, time.Now().Add(time.Hour)) {
		t.Fatal("no second attempt")
	}
	d.putOff(p)
	if again, failing := d.failing(p); !failing || again != since {
		t.Errorf("failing since %v (%v), want %v", again, failing, since)
	}
	if d.start(p, time.Now()) || !d.start(p, time.Now().Add(2*dialBackoff)) {
		t.Error("the next attempt is not a short while later")
	}
}
