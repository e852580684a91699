package p2p

import (
	"net/netip"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// caller is whose share of a limit a peer uses up: its own if its node key is enrolled, and else
// that of all strangers at its address. A new node key costs nothing, so what was granted to each
// stranger would be granted without bound.
type caller struct {
	node peer.ID      // of an enrolled node, or of a peer whose address is not known
	site netip.Prefix // of strangers: an IPv4 address, or the /64 of an IPv6 address
}

// callerOn tells who is at the other end of a connection.
func (h *Host) callerOn(c network.Conn) caller {
	id, ip := c.RemotePeer(), remoteIP(c.RemoteMultiaddr())
	if h.enrolled(id) || !ip.IsValid() {
		return caller{node: id}
	}
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	site, _ := ip.Prefix(bits)
	return caller{site: site}
}

// callerOf is callerOn for a peer that may have several connections.
func (h *Host) callerOf(id peer.ID) caller {
	for _, c := range h.host.Network().ConnsToPeer(id) {
		return h.callerOn(c)
	}
	return caller{node: id}
}

// enrolled reports whether a node is on the chain, and has not ended, as far as this node knows it.
func (h *Host) enrolled(id peer.ID) bool {
	key, ok := nodeKey(id)
	if !ok {
		return false
	}
	_, ok = h.chain.State().ActiveNode(key)
	return ok
}

// remoteIP returns the IP address that a multiaddress begins with, without zone, IPv4 as such; the
// zero Addr if it begins with none, or if what has it is a relay.
func remoteIP(a ma.Multiaddr) netip.Addr {
	if a == nil {
		return netip.Addr{}
	}
	if _, err := a.ValueForProtocol(ma.P_CIRCUIT); err == nil {
		return netip.Addr{}
	}
	ip, err := manet.ToIP(a)
	if err != nil {
		return netip.Addr{}
	}
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap()
}
