package p2p

import (
	"context"
	"crypto/ed25519"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"go.uber.org/goleak"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/mempool"
	"cairn/consensus/record"
	"cairn/mailstore/scratch"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(scratch.InMemory(m),
		goleak.IgnoreTopFunction("github.com/golang/glog.(*fileSink).flushDaemon"),
	)
}

// patience is how long a test waits for what must happen; it is never reached unless the test
// fails.
const patience = 30 * time.Second

var fast = timing{
	status: 300 * time.Millisecond, pool: 300 * time.Millisecond, peers: time.Second, time: time.Second, copies: 100 * time.Millisecond, dial: 100 * time.Millisecond,
	request: 5 * time.Second, greet: 2 * time.Second, claim: 2 * time.Second,
}

// node is a full node without mail: real chain, real mempool, real host.
type node struct {
	*Host
	t     testing.TB
	net   *chaintest.Network
	org   int // whose keys it has
	chain *chain.Manager
	pool  *testPool
	stop  func()
}

type setup struct {
	listen    string // default: a free port
	bootstrap []string
	cut       func(peer.ID) bool
	now       func() time.Time
	sessions  int
	peers     int
	timing    *timing
	pool      mempool.Policy
	accounts  func(address string) (bool, error)
	had       func(consensus.Key, record.Delivery) ([]record.Had, error)
	silent    func() bool
	copied    func(Copy)
	dir       string // where its chain is; empty: in memory
}

// testPool remembers what its pool has ever taken.
type testPool struct {
	*mempool.Pool
	mu      sync.Mutex
	batches map[consensus.Hash]*consensus.Batch
	events  map[consensus.Hash]*consensus.OrgEvent
}

func (p *testPool) AddBatch(s *consensus.State, b *consensus.Batch, now time.Time) error {
	err := p.Pool.AddBatch(s, b, now)
	if err == nil {
		p.mu.Lock()
		p.batches[b.ID()] = b
		p.mu.Unlock()
	}
	return err
}

func (p *testPool) AddEvent(s *consensus.State, e *consensus.OrgEvent, now time.Time) error {
	err := p.Pool.AddEvent(s, e, now)
	if err == nil {
		p.mu.Lock()
		p.events[e.ID()] = e
		p.mu.Unlock()
	}
	return err
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// start runs the node of organisation number org.
func start(t testing.TB, net *chaintest.Network, org int, s setup) *node {
	t.Helper()
	store := chain.InMemory()
	shut := func() error { return nil }
	if s.dir != "" {
		db, err := chain.OpenDB(s.dir, quiet())
		if err != nil {
			t.Fatal(err)
		}
		store, shut = chain.OnDisk(db), db.Close
	}
	m, err := chain.OpenStore(store, net.Genesis, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if s.pool == (mempool.Policy{}) {
		s.pool = mempool.DefaultPolicy()
	}
	pool := &testPool{Pool: mempool.New(s.pool, nil),
		batches: make(map[consensus.Hash]*consensus.Batch), events: make(map[consensus.Hash]*consensus.OrgEvent)}
	if s.timing == nil {
		s.timing = &fast
	}
	if s.listen == "" {
		s.listen = "/ip4/127.0.0.1/tcp/0"
	}
	h, err := New(Config{
		Listen: []string{s.listen}, Key: net.Orgs[org].Node, Bootstrap: s.bootstrap, MaxSessions: s.sessions, MaxPeers: s.peers,
		Now: s.now, cut: s.cut, timing: s.timing, HasAccount: s.accounts, Had: s.had, Silent: s.silent, Copied: s.copied,
	}, m, pool, quiet())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Add(2)
	go func() { defer wg.Done(); _ = pool.Follow(ctx, m) }()
	go func() {
		defer wg.Done()
		if err := h.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	n := &node{Host: h, t: t, net: net, org: org, chain: m, pool: pool}
	n.stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		if err := shut(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

// cluster starts a node for each organisation of a network; each knows the one before it.
func cluster(t testing.TB, count int) (*chaintest.Network, []*node) {
	net := chaintest.New(count)
	var nodes []*node
	for i := range count {
		var s setup
		if i > 0 {
			s.bootstrap = nodes[i-1].Addrs()
		}
		nodes = append(nodes, start(t, net, i, s))
	}
	eventually(t, "everyone is connected with everyone", func() bool {
		for _, n := range nodes {
			if n.acquainted() < count-1 {
				return false
			}
		}
		return true
	})
	return net, nodes
}

// acquainted returns with how many peers all is ready: greeted, and each topic shared.
func (n *node) acquainted() int {
	return min(len(n.Peers()), len(n.gossip.block.ListPeers()), len(n.gossip.batch.ListPeers()), len(n.gossip.event.ListPeers()))
}

// eventually waits until what is true.
func eventually(t testing.TB, what string, yes func() bool) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	deadline := time.After(patience)
	for !yes() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("not in %v: %s", patience, what)
		}
	}
}

// mine makes the next block of a node, with the given body, and publishes it.
func (n *node) mine(body chaintest.Body) *consensus.Block {
	n.t.Helper()
	b := n.net.Mine(n.chain.State(), n.org, body)
	n.add(b)
	n.PublishBlock(b)
	return b
}

func (n *node) add(blocks ...*consensus.Block) {
	n.t.Helper()
	for _, b := range blocks {
		if _, err := n.chain.AddBlock(b, time.Now()); err != nil {
			n.t.Fatalf("block %d: %v", b.Header.Height, err)
		}
	}
}

// enrol makes a block with the enrolments of all organisations.
func (n *node) enrol() { n.mine(chaintest.Body{Events: n.net.Enrolments()}) }

func (n *node) send(b *consensus.Batch) {
	n.t.Helper()
	if err := n.pool.AddBatch(n.chain.State(), b, time.Now()); err != nil {
		n.t.Fatalf("batch %d: %v", b.Seq, err)
	}
	n.PublishBatch(b)
}

// oneTip waits until all nodes have the tip of the first.
func oneTip(t testing.TB, nodes []*node) {
	t.Helper()
	eventually(t, "one tip", func() bool {
		for _, n := range nodes {
			if n.chain.Tip() != nodes[0].chain.Tip() {
				return false
			}
		}
		return true
	})
}

// border cuts the connections between two groups of nodes while it is up.
type border struct {
	up    atomic.Bool
	other sync.Map // peer.ID -> of the other group
}

func (b *border) between(p peer.ID) bool {
	_, other := b.other.Load(p)
	return other && b.up.Load()
}

// startAs is start with another node key, one that is not enrolled.
func startAs(t testing.TB, net *chaintest.Network, key ed25519.PrivateKey, s setup) *node {
	t.Helper()
	guest := *net
	guest.Orgs = append(slices.Clone(net.Orgs), chaintest.Org{Node: key})
	return start(t, &guest, len(net.Orgs), s)
}

// clockOf is a clock that a test sets.
type clockOf struct{ at atomic.Int64 }

func (c *clockOf) set(t time.Time) { c.at.Store(t.UnixMilli()) }
func (c *clockOf) now() time.Time  { return time.UnixMilli(c.at.Load()) }
