package p2p

import (
	"net"
	"strings"
	"testing"

	"cairn/consensus/chain/chaintest"
)

// Connections that never say whose they are do not keep a member out, though libp2p itself would
// close all that come after them.
func TestUnprovedConnectionsMakePlace(t *testing.T) {
	net2 := chaintest.New(2)
	n := start(t, net2, 0, setup{peers: 4})
	n.enrol()
	addr := listenAddress(n)
	// More than libp2p lets wait: the limit of its transient scope is 40 for 4 peers, see
	// limits.go.
	for i := range 120 {
		from := net.Dialer{LocalAddr: loopback(1, byte(i))}
		c, err := from.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	eventually(t, "they have come in", func() bool { return n.Stats()["peer.made-place-unproved"] > 60 })
	friend := start(t, net2, 1, setup{bootstrap: n.Addrs()})
	oneTip(t, []*node{n, friend})
}

// listenAddress is where a node listens, for package net.
func listenAddress(n *node) string {
	part := strings.Split(n.Addrs()[0], "/") // /ip4/127.0.0.1/tcp/7400/p2p/...
	return net.JoinHostPort(part[2], part[4])
}

// loopback is one of the many addresses of this machine.
func loopback(b, c byte) net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, b, c+1)} }
