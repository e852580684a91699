package p2p

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"cairn/consensus"
	"cairn/consensus/record"
)

// Config is what a Host needs to know of this node.
type Config struct {
	// Listen holds the multiaddresses to accept connections on, such as /ip4/0.0.0.0/tcp/7400. Port
	// 0 takes a free one (see Host.Addrs). Empty: the node only dials.
	Listen []string

	// Key is the node key, the libp2p identity of this node.
	Key ed25519.PrivateKey

	// Bootstrap holds full multiaddresses (ending in /p2p/<id>) of nodes to keep a connection with.
	// Others are learned from them.
	Bootstrap []string

	// MaxPeers is the number of connections that the node settles at. 0: DefaultMaxPeers. It dials
	// at most half of them itself, however many nodes have dialled it.
	MaxPeers int

	// MaxSessions limits the SMTP streams that one enrolled node may have open to this one. Nodes
	// that are not enrolled have a quarter of that, all together at one IP address. 0:
	// DefaultMaxSessions.
	MaxSessions int

	// Agent is told to peers as the name and version of the software.
	Agent string

	// HasAccount reports whether this node has the account of an address, for other nodes of its
	// organisation. nil: it tells nobody.
	HasAccount func(address string) (bool, error)

	// Had tells an enrolled node what became of a record here, for each recipient of the question.
	// nil: nobody is told.
	Had func(node consensus.Key, d record.Delivery) ([]record.Had, error)

	// Silent reports whether this node signs nothing, because a copy of it was found; nil: it never
	// does. Copied is told of every process with this node's key that is proved to live beside this
	// one, again and again while it does; nil: nobody is told.
	Silent func() bool
	Copied func(Copy)

	// Typable makes a next step that is told in the log one that can be typed. nil: it is told as
	// it is.
	Typable func(hint string) string

	// Now is the clock by which blocks and batches are judged. nil: time.Now.
	Now func() time.Time

	cut    func(peer.ID) bool // tests: true for a peer whose connections are refused both ways
	timing *timing            // tests: faster than the chain's own
}

// Defaults of Config.
const (
	DefaultMaxPeers    = 32
	DefaultMaxSessions = 128 // 8 for each of the 16 domains that an organisation may have
)

// timing holds how often the upkeep of a Host acts. All derive from the block time, so that a
// testnet of one-second blocks heals in seconds and a network of half-minute blocks stays quiet.
type timing struct {
	status  time.Duration // between two status exchanges with one peer
	pool    time.Duration // between two mempool exchanges with one peer
	peers   time.Duration // between two questions for more peers
	time    time.Duration // between two questions for a peer's time
	copies  time.Duration // between two questions whether a peer knows a copy of this node
	dial    time.Duration // between two looks at whom to dial
	request time.Duration // deadline of one request and of serving one
	greet   time.Duration // how long an inbound peer may take until its first status
	claim   time.Duration // how long a member is believed to have blocks of which it has given none
}

// timingFor returns the intervals for block time t.
func timingFor(t time.Duration) timing {
	clamp := func(d, low, high time.Duration) time.Duration { return min(max(d, low), high) }
	return timing{
		status:  clamp(t/2, 2*time.Second, 15*time.Second),
		pool:    clamp(2*t, 3*time.Second, time.Minute),
		peers:   clamp(10*t, 10*time.Second, 5*time.Minute),
		time:    clamp(t, 5*time.Second, 20*time.Second),
		copies:  clamp(t/4, 2*time.Second, 5*time.Second),
		dial:    clamp(t/5, time.Second, 5*time.Second),
		request: 20 * time.Second,
		greet:   10 * time.Second,
		claim:   6 * time.Second,
	}
}

// check fills in defaults and parses the addresses.
func (c *Config) check() (listen []ma.Multiaddr, bootstrap []peer.AddrInfo, err error) {
	if len(c.Key) != ed25519.PrivateKeySize {
		return nil, nil, errors.New("p2p: no node key")
	}
	if c.MaxPeers == 0 {
		c.MaxPeers = DefaultMaxPeers
	}
	if c.MaxPeers < 0 {
		return nil, nil, fmt.Errorf("p2p: %d peers at most: give a positive number", c.MaxPeers)
	}
	if c.MaxSessions <= 0 {
		c.MaxSessions = DefaultMaxSessions
	}
	if c.Agent == "" {
		c.Agent = "cairn"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	for _, s := range c.Listen {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			return nil, nil, fmt.Errorf("p2p: listen address %q is no multiaddress such as /ip4/0.0.0.0/tcp/7400: %w", s, err)
		}
		listen = append(listen, a)
	}
	for _, s := range c.Bootstrap {
		info, err := parseAddr(s)
		if err != nil {
			return nil, nil, err
		}
		bootstrap = append(bootstrap, *info)
	}
	return listen, bootstrap, nil
}

// parseAddr reads a full multiaddress, one that ends in /p2p/<id>.
func parseAddr(s string) (*peer.AddrInfo, error) {
	info, err := peer.AddrInfoFromString(s)
	if err != nil {
		return nil, fmt.Errorf("p2p: %q is no address of a node, such as /ip4/192.0.2.1/tcp/7400/p2p/12D3KooW…: %w", s, err)
	}
	return info, nil
}
