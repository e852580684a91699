package p2p

import (
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
)

// gossipProtocols are the names under which gossipsub opens its streams, one each way per peer.
var gossipProtocols = [...]protocol.ID{"/meshsub/1.0.0", "/meshsub/1.1.0", "/meshsub/1.2.0", "/meshsub/1.3.0", "/floodsub/1.0.0"}

// connsPerAddress is how many connections one IP address may hold: enough for a site whose nodes
// share one. libp2p's own limit of 8 refuses silently.
const connsPerAddress = 64

// streamMemory is what yamux books for a stream when it opens, in bytes.
const streamMemory = 256 << 10

// resources makes the resource manager: libp2p's default limits, raised where a busy node would run
// into them without a word. The library closes what is over a limit and tells nobody, so these are
// the outer walls; the limits that answer and count are in streams.go and smtp.go, below these.
func resources(names protocols, maxPeers, maxSessions int) (network.ResourceManager, error) {
	limits := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&limits)

	conns := 4*maxPeers + 64
	limits.SystemBaseLimit = rcmgr.BaseLimit{
		Conns: 2 * conns, ConnsInbound: conns, ConnsOutbound: 2 * conns, FD: 2 * conns,
		Streams: 64 * conns, StreamsInbound: 32 * conns, StreamsOutbound: 64 * conns,
		Memory: 1024 * streamMemory,
	}
	// All streams begin without a protocol: a part for these alone could be filled by few
	// strangers.
	limits.TransientBaseLimit = limits.SystemBaseLimit
	limits.TransientBaseLimit.Conns, limits.TransientBaseLimit.ConnsInbound, limits.TransientBaseLimit.ConnsOutbound = conns, conns/2, conns
	perPeer := 2*maxSessions + 64
	limits.PeerBaseLimit = rcmgr.BaseLimit{
		Conns: 8, ConnsInbound: 8, ConnsOutbound: 8, FD: 8,
		Streams: 2 * perPeer, StreamsInbound: perPeer, StreamsOutbound: perPeer,
		Memory: int64(max(2*maxSessions+64, 256)) * streamMemory, // as many mail streams each way
	}
	raise := func(id protocol.ID, total, each int) {
		limits.AddProtocolLimit(id, rcmgr.BaseLimit{Streams: 2 * total, StreamsInbound: total, StreamsOutbound: total, Memory: 128 << 20},
			rcmgr.BaseLimitIncrease{})
		limits.AddProtocolPeerLimit(id, rcmgr.BaseLimit{Streams: 2 * each, StreamsInbound: each, StreamsOutbound: each, Memory: 64 << 20},
			rcmgr.BaseLimitIncrease{})
	}
	raise(names.smtp, 64*maxSessions, 2*maxSessions+8)
	raise(names.account, 8*accountsAtOnce, 2*accountsAtOnce)
	for _, id := range []protocol.ID{names.status, names.headers, names.blocks, names.pool, names.peers, names.time, names.instance} {
		raise(id, 8*conns, 2*streamsPerPeer)
	}
	for _, id := range gossipProtocols {
		raise(id, 4*conns, 8)
	}

	v4 := []rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: connsPerAddress}}
	v6 := []rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: connsPerAddress}, {PrefixLength: 48, ConnCount: 8 * connsPerAddress}}
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits.Scale(1<<30, 4*conns)),
		rcmgr.WithLimitPerSubnet(v4, v6), rcmgr.WithMetricsDisabled())
}

// connections makes the manager that closes the least useful connections when there are too many.
// Those that carry mail are protected while they do.
func connections(maxPeers int) (*connmgr.BasicConnMgr, error) {
	return connmgr.NewConnManager(maxPeers, maxPeers+maxPeers/4+8, connmgr.WithGracePeriod(time.Minute))
}
