package p2p

import (
	"fmt"
	"net"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"cairn/consensus/chain/chaintest"
)

// What a node announces is an address of it where it answers there with its key, and none where
// nobody or another node does.
func TestAnnouncedAddresses(t *testing.T) {
	chain := chaintest.New(3)
	a := start(t, chain, 0, setup{})
	b := start(t, chain, 1, setup{bootstrap: a.Addrs()})
	c := start(t, chain, 2, setup{})
	eventually(t, "it was dialled", func() bool { return len(a.Peers()) == 1 && len(a.Peers()[0].Addrs) > 0 })
	p := a.Peers()[0]
	if got := a.Announced(t.Context(), p); !p.Inbound || got != b.Addrs()[0] {
		t.Errorf("got %q, want %q of %+v", got, b.Addrs()[0], p)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", l.Addr().(*net.TCPAddr).Port)
	l.Close()
	id, err := peer.Decode(p.ID)
	if err != nil {
		t.Fatal(err)
	}
	for who, addr := range map[string]string{"nobody": nobody, "another node": c.host.Addrs()[0].String()} {
		told, err := ma.NewMultiaddr(addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.knock(t.Context(), id, told); err == nil {
			t.Errorf("%s is taken for the node", who)
		}
	}
}
