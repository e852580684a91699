package p2p

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"google.golang.org/protobuf/proto"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// foe is a bare libp2p host that talks to a node as it likes.
type foe struct {
	host.Host
	t      *testing.T
	victim *node
	topics map[string]*pubsub.Topic
}

func newFoe(t *testing.T, victim *node, options ...libp2p.Option) *foe {
	t.Helper()
	f := newStranger(t, victim, options...)
	// As a node would: greet first, so as not to be taken for a stranger.
	f.connect()
	return f
}

// identityOf gives a foe the key of a node.
func identityOf(t *testing.T, key ed25519.PrivateKey) libp2p.Option {
	t.Helper()
	priv, err := identity(key)
	if err != nil {
		t.Fatal(err)
	}
	return libp2p.Identity(priv)
}

// newStranger is a foe that has not connected yet.
func newStranger(t *testing.T, victim *node, options ...libp2p.Option) *foe {
	t.Helper()
	bare := []libp2p.Option{libp2p.NoListenAddrs, libp2p.NoTransports, libp2p.Transport(tcp.NewTCPTransport), libp2p.DisableMetrics()}
	h, err := libp2p.New(append(bare, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ps, err := pubsub.NewGossipSub(ctx, h, pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign), pubsub.WithNoAuthor(),
		pubsub.WithMessageIdFn(messageID), pubsub.WithFloodPublish(true), pubsub.WithMaxMessageSize(8<<20))
	if err != nil {
		t.Fatal(err)
	}
	f := &foe{Host: h, t: t, victim: victim, topics: make(map[string]*pubsub.Topic)}
	for _, name := range []string{"block", "batch", "event"} {
		topic, err := ps.Join(fmt.Sprintf("/cairn/%s/%s/1", victim.chainID, name))
		if err != nil {
			t.Fatal(err)
		}
		f.topics[name] = topic
	}
	t.Cleanup(func() {
		cancel()
		_ = h.Close()
	})
	return f
}

func (f *foe) connect() {
	f.t.Helper()
	info, err := peer.AddrInfoFromString(f.victim.Addrs()[0])
	if err != nil {
		f.t.Fatal(err)
	}
	if err := f.Connect(f.t.Context(), *info); err != nil {
		f.t.Fatal(err)
	}
	st := f.victim.ownStatus()
	st.Record = nil
	f.send(f.victim.names.status, framed(st.encode()))
	eventually(f.t, "gossip has met", func() bool {
		for _, topic := range f.topics {
			if len(topic.ListPeers()) != 1 {
				return false
			}
		}
		return true
	})
}

// send writes b to a new stream and waits until the victim has dealt with it.
func (f *foe) send(id protocol.ID, b []byte) {
	f.t.Helper()
	s, err := f.NewStream(f.t.Context(), f.victim.host.ID(), id)
	if err != nil {
		return // disconnected
	}
	defer func() { _ = s.Reset() }()
	_ = s.SetDeadline(time.Now().Add(patience))
	_, _ = s.Write(b)
	_ = s.CloseWrite()
	for buf := make([]byte, 4096); err == nil; {
		_, err = s.Read(buf)
	}
}

func framed(b []byte) []byte {
	var buf bytes.Buffer
	_ = writeFrame(&buf, b)
	return buf.Bytes()
}

// stillServes demands that the node takes blocks and serves them to others.
func (n *node) stillServes() {
	n.t.Helper()
	n.mine(chaintest.Body{})
	friend := start(n.t, n.net, 1, setup{bootstrap: n.Addrs()})
	oneTip(n.t, []*node{n, friend})
	friend.stop()
}

// Of those that read a request: of time nothing is read, and what comes by smtp is the gateway's.
func TestGarbageOnEveryProtocol(t *testing.T) {
	net := twoNodes(t, 3)
	victim := start(t, net, 0, setup{accounts: func(string) (bool, error) { return false, nil }})
	names := map[string]protocol.ID{
		"status": victim.names.status, "headers": victim.names.headers, "blocks": victim.names.blocks, "pool": victim.names.pool, "peers": victim.names.peers,
		"instance": victim.names.instance, "account": victim.names.account,
	}
	rnd := rand.NewChaCha8([32]byte{7})
	junk := make([]byte, 600)
	for name, id := range names {
		t.Run(name, func(t *testing.T) {
			var options []libp2p.Option
			if name == "account" { // nobody else is listened to
				options = append(options, identityOf(t, net.Orgs[1].Node))
			}
			f := newFoe(t, victim, options...)
			before := victim.Stats()
			for _, b := range [][]byte{
				{},
				{0, 0},
				{0xff, 0xff, 0xff, 0xff},
				{0, 0, 1, 0, 1, 2, 3},
				framed(nil),
				framed([]byte{1}),
				framed(bytes.Repeat([]byte{0xff}, 34)),
			} {
				f.send(id, b)
			}
			_, _ = rnd.Read(junk)
			f.send(id, junk)
			after := victim.Stats()
			if after["stream."+name+".malformed"] == before["stream."+name+".malformed"] {
				t.Error("nothing was counted as malformed")
			}
			if after["stream."+name+".failed"] == before["stream."+name+".failed"] {
				t.Error("streams that were cut short were not counted")
			}
		})
	}
	t.Run("pool items", func(t *testing.T) {
		f := newFoe(t, victim)
		before := victim.Stats()["stream.pool.malformed"]
		list := framed((&poolList{}).encode())
		batch := victim.net.Batches(victim.chain.State(), 0, 1, "forged")[0]
		batch.Signature[0] ^= 1
		event := victim.net.Orgs[2].Event
		event.Signature[0] ^= 1
		items := [][]byte{{9, 9}, {itemBatch}, {itemEvent, 0}, append([]byte{itemBatch}, batch.Encode()...), append([]byte{itemEvent}, event.Encode()...)}
		for _, item := range items {
			f.send(victim.names.pool, append(bytes.Clone(list), framed(item)...))
		}
		if got := victim.Stats()["stream.pool.malformed"] - before; got != uint64(len(items)) {
			t.Errorf("%d exchanges counted as malformed, want %d", got, len(items))
		}
		if len(victim.pool.Batches())+len(victim.pool.Events()) != 0 {
			t.Error("a forgery is in the mempool")
		}
	})
	victim.stillServes()
}

func TestBadGossipIsRejectedAndCounted(t *testing.T) {
	net := chaintest.New(2)
	victim := start(t, net, 0, setup{})
	s := victim.chain.State()
	batch := net.Batches(s, 0, 1, "x")[0]
	batch.Signature[0] ^= 1
	event := net.Orgs[1].Event
	event.Signature[0] ^= 1
	block := func(change func(b *consensus.Block)) []byte {
		b := net.Mine(s, 0, chaintest.Body{})
		change(b)
		return newCompactBlock(b).encode()
	}
	cases := []struct {
		name, topic string
		data        []byte
		counter     string
	}{
		{"junk", "block", []byte("junk"), "gossip.block.rejected"},
		{"nothing", "block", []byte{}, "gossip.block.rejected"},
		{"junk", "batch", []byte("junk"), "gossip.batch.rejected"},
		{"junk", "event", []byte("junk"), "gossip.event.rejected"},
		{"bad signature", "batch", batch.Encode(), "gossip.batch.rejected"},
		{"bad signature", "event", event.Encode(), "gossip.event.rejected"},
		{"too large for a batch", "batch", make([]byte, consensus.MaxBatchSize+1), "gossip.oversize"},
		{"too large for an event", "event", make([]byte, maxEventSize+1), "gossip.oversize"},
		{"another chain", "block", block(func(b *consensus.Block) { b.Header.ChainID++ }), "gossip.block.rejected"},
		{"without proof of work", "block", block(func(b *consensus.Block) {
			for target, _ := consensus.TargetFromBits(b.Header.Bits); target.Met(b.ID()); {
				b.Header.Nonce++
			}
		}), "gossip.block.rejected"},
		{"with too little difficulty", "block", block(func(b *consensus.Block) { b.Header.Bits--; *b = *net.Finish(0, b) }), "gossip.block.rejected"},
		{"signed by nobody", "block", block(func(b *consensus.Block) { b.Header.Signature[0] ^= 1 }), "gossip.block.rejected"},
		{"with another state root", "block", block(func(b *consensus.Block) { b.Header.StateRoot[0] ^= 1; *b = *net.Finish(0, b) }), "gossip.block.rejected"},
		{"too old", "block", block(func(b *consensus.Block) { b.Header.Time = s.Time(); *b = *net.Finish(0, b) }), "gossip.block.rejected"},
	}
	f := newFoe(t, victim)
	for _, c := range cases {
		before := victim.Stats()[c.counter]
		if err := f.topics[c.topic].Publish(t.Context(), c.data); err != nil {
			t.Fatal(err)
		}
		eventually(t, c.topic+" "+c.name+" is counted as "+c.counter, func() bool { return victim.Stats()[c.counter] > before })
	}
	if got := victim.chain.Tip().Height; got != 0 {
		t.Errorf("height %d: a bad block got in", got)
	}
	victim.stillServes()
}

// A message over the limit of gossip costs its sender the stream, and nobody else anything.
func TestOversizeGossip(t *testing.T) {
	victim := start(t, chaintest.New(2), 0, setup{})
	f := newFoe(t, victim)
	topic := f.topics["block"].String()
	rpc, err := proto.Marshal(&pb.RPC{Publish: []*pb.Message{{Topic: &topic, Data: make([]byte, maxGossip)}}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.NewStream(t.Context(), victim.host.ID(), pubsub.GossipSubID_v11)
	if err != nil {
		t.Fatal(err)
	}
	_ = s.SetDeadline(time.Now().Add(patience))
	_, _ = s.Write(append(binary.AppendUvarint(nil, uint64(len(rpc))), rpc...))
	var reset *network.StreamError
	if _, err := s.Read(make([]byte, 1)); !errors.As(err, &reset) && !errors.Is(err, network.ErrReset) {
		t.Errorf("the stream ended with %v, want it reset", err)
	}
	if stats := victim.Stats(); stats["gossip.oversize"]+stats["gossip.block.rejected"] != 0 {
		t.Error("the message was read")
	}
	victim.stillServes()
}

// What may just be news to this node is ignored and held against nobody, however often it comes.
func TestWhatMayBeFineIsOnlyIgnored(t *testing.T) {
	net := chaintest.New(2)
	victim := start(t, net, 0, setup{})
	f := newFoe(t, victim)
	ahead := chaintest.New(2)
	blocks, state := ahead.Chain(ahead.Genesis.State(), 3)
	unknown := ahead.Batches(state, 1, 2*banAfter, "of a recorder that is not known yet")
	for i := range unknown {
		before := victim.Stats()["gossip.batch.ignored"]
		if err := f.topics["batch"].Publish(t.Context(), unknown[i].Encode()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the batch is ignored", func() bool { return victim.Stats()["gossip.batch.ignored"] > before })
	}
	if err := f.topics["block"].Publish(t.Context(), newCompactBlock(blocks[2]).encode()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the orphan is ignored", func() bool { return victim.Stats()["gossip.block.ignored"] == 1 })
	stats := victim.Stats()
	if stats["peer.banned"] != 0 || stats["gossip.batch.rejected"]+stats["gossip.block.rejected"] != 0 {
		t.Errorf("held against the sender: %v", stats)
	}
}

// Strangers have the patience of a node for what it ignores together, under whatever names they
// come; a member has its own.
func TestIgnoredMessagesAreBounded(t *testing.T) {
	const forgiven, more = 20, 15
	net := chaintest.New(2)
	victim := start(t, net, 0, setup{})
	victim.enrol()
	friend := start(t, net, 1, setup{bootstrap: victim.Addrs()})
	oneTip(t, []*node{victim, friend})
	victim.forgive.items.mu.Lock()
	victim.forgive.items.most, victim.forgive.items.gap = forgiven, time.Hour
	victim.forgive.items.mu.Unlock()

	ahead := chaintest.New(3)
	_, state := ahead.Chain(ahead.Genesis.State(), 3)
	unknown := ahead.Batches(state, 2, forgiven+2*more, "of a recorder that is not known yet")
	publish := func(f *foe, list []consensus.Batch) {
		for i := range list {
			count := func() uint64 {
				stats := victim.Stats()
				return stats["gossip.batch.ignored"] + stats["gossip.dropped"]
			}
			before := count()
			if err := f.topics["batch"].Publish(t.Context(), list[i].Encode()); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the batch is ignored or dropped", func() bool { return count() > before })
		}
	}
	publish(newFoe(t, victim), unknown[:forgiven+more])
	publish(newFoe(t, victim), unknown[forgiven+more:])
	if stats := victim.Stats(); stats["gossip.batch.ignored"] != forgiven || stats["gossip.dropped"] != 2*more {
		t.Errorf("%d batches ignored, %d dropped: want %d and %d", stats["gossip.batch.ignored"], stats["gossip.dropped"], forgiven, 2*more)
	}
	good := net.Batches(friend.chain.State(), 1, 1, "of a member")
	eventually(t, "gossip has met", func() bool { return friend.acquainted() == 1 })
	friend.send(&good[0])
	eventually(t, "the member's batch is taken", func() bool { return victim.hasBatch(good[0].ID()) })
}

func TestLenience(t *testing.T) {
	l := newLenience(time.Second, 10)
	at, from := time.Now(), caller{node: "x"}
	dropped := func() (n int) {
		for {
			drop, _ := l.drops(from, at)
			if !drop {
				return n
			}
			if n++; n == 5 {
				return n
			}
		}
	}
	if got := dropped(); got != 0 {
		t.Errorf("%d dropped of one who was never ignored", got)
	}
	for range 12 { // two were on their way
		l.ignored(from, at)
	}
	for _, wait := range []time.Duration{0, 2500 * time.Millisecond} {
		at = at.Add(wait)
		if got := dropped(); got < 5 {
			t.Errorf("only %d dropped after another %v", got, wait)
		}
	}
	at = at.Add(time.Second)
	if got := dropped(); got != 0 {
		t.Errorf("%d dropped after there is credit again", got)
	}
	at = at.Add(9 * time.Second)
	if l.forget(at); len(l.callers) != 0 {
		t.Error("one who has all credit back is not forgotten")
	}
	for range 11 {
		l.ignored(from, at)
	}
	breaches := 0
	for range 3 * breachAfter {
		if _, breach := l.drops(from, at); breach {
			breaches++
		}
	}
	if breaches != 3 {
		t.Errorf("%d breaches, want 3", breaches)
	}
}

// What is here already, or comes too late, is not looked at closer: checking its signature would
// cost this node more than its sender.
func TestOldItemsAreNotVerifiedAgain(t *testing.T) {
	net := chaintest.New(2)
	victim := start(t, net, 0, setup{})
	old := net.Batches(victim.chain.State(), 0, 2, "x")
	victim.send(&old[0])
	victim.mine(chaintest.Body{Batches: old[:1]})
	victim.send(&old[1])
	event := net.Orgs[0].Event
	f := newFoe(t, victim)
	before := victim.Stats()
	var items []byte
	for _, b := range old {
		b.Signature[3] ^= 1 // nobody notices
		items = append(items, framed(append([]byte{itemBatch}, b.Encode()...))...)
	}
	event.Signature[3] ^= 1
	items = append(items, framed(append([]byte{itemEvent}, event.Encode()...))...)
	f.send(victim.names.pool, append(framed((&poolList{}).encode()), append(items, framed(nil)...)...))
	if got := victim.Stats()["stream.pool.served"] - before["stream.pool.served"]; got != 1 {
		t.Errorf("the exchange was cut off: %v", victim.Stats())
	}
}

// Announcing invented blocks whose parents nobody knows does not make a node ask for them without
// end.
func TestInventedOrphansAreNotChased(t *testing.T) {
	victim := start(t, chaintest.New(2), 0, setup{})
	f := newFoe(t, victim)
	for i := range 50 {
		var c compactBlock
		c.Header.ChainID = victim.chainID
		c.Header.Prev = consensus.Hash{1, byte(i)}
		before := victim.Stats()["gossip.block.ignored"]
		if err := f.topics["block"].Publish(t.Context(), c.encode()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the orphan is ignored", func() bool { return victim.Stats()["gossip.block.ignored"] > before })
	}
	eventually(t, "the foe was asked", func() bool { return victim.Stats()["sync.failed"] >= 1 })
	if got := victim.Stats()["sync.failed"]; got > 5 {
		t.Errorf("the foe was asked %d times", got)
	}
	victim.stillServes()
}

func TestPersistentOffendersAreCutOff(t *testing.T) {
	victim := start(t, chaintest.New(2), 0, setup{})
	f := newFoe(t, victim)
	for range banAfter {
		f.send(victim.names.blocks, framed([]byte{1}))
	}
	eventually(t, "the foe is cut off", func() bool {
		return victim.Stats()["peer.banned"] == 1 && victim.host.Network().Connectedness(f.ID()) != network.Connected
	})
	info, _ := peer.AddrInfoFromString(victim.Addrs()[0])
	_ = f.Connect(t.Context(), *info)
	eventually(t, "the foe is kept out", func() bool { return victim.Stats()["peer.kept-out"] >= 1 })
	victim.stillServes()
}

func TestTooManyRequestsAreThrottled(t *testing.T) {
	victim := start(t, chaintest.New(2), 0, setup{})
	f := newFoe(t, victim)
	req := framed((&peersRequest{Limit: 1}).encode())
	for range 100 {
		f.send(victim.names.peers, req)
	}
	stats := victim.Stats()
	if stats["stream.peers.throttled"] == 0 || stats["stream.peers.served"] == 0 {
		t.Errorf("served %d, throttled %d: want some of both", stats["stream.peers.served"], stats["stream.peers.throttled"])
	}
	victim.stillServes()
}

// A new key is no new credit for strangers at one address, and takes none of a member there.
func TestStrangersShareTheCreditOfTheirAddress(t *testing.T) {
	net := chaintest.New(2)
	victim := start(t, net, 0, setup{})
	victim.enrol()
	first, second, member := newStranger(t, victim), newStranger(t, victim), newStranger(t, victim, identityOf(t, net.Orgs[1].Node))
	served := func(f *foe) (n uint64) {
		before := victim.Stats()["stream.time.served"]
		for range 30 {
			f.send(victim.names.time, nil)
		}
		return victim.Stats()["stream.time.served"] - before
	}
	for _, f := range []*foe{first, second, member} {
		f.connect()
	}
	begin := time.Now()
	one, other := served(first), served(second)
	if grown := uint64(time.Since(begin)/time.Second) + 1; one < 20 || one+other > 20+grown {
		t.Errorf("two strangers had %d and %d answers, want 20 and at most %d more together", one, other, grown)
	}
	if got := served(member); got < 20 {
		t.Errorf("a member at their address had %d answers, want 20", got)
	}
}

// A peer that opens streams and says nothing occupies its own few places only, and not for long.
func TestSilentStreamsEnd(t *testing.T) {
	impatient := fast
	impatient.request = 300 * time.Millisecond
	victim := start(t, chaintest.New(2), 0, setup{timing: &impatient})
	f := newFoe(t, victim)
	for range 2 * streamsPerPeer {
		s, err := f.NewStream(t.Context(), victim.host.ID(), victim.names.pool)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = s.Write([]byte{0})
	}
	eventually(t, "all have been ended", func() bool {
		stats := victim.Stats()
		return stats["stream.pool.failed"]+stats["stream.pool.throttled"] == 2*streamsPerPeer && stats["stream.pool.throttled"] > 0
	})
	victim.stillServes()
}

// Strangers that have dialled a node do not keep it from dialling nodes that it has learned of.
func TestStrangersDoNotFillAllPlaces(t *testing.T) {
	net, others := chaintest.New(2), chaintest.New(6)
	victim := start(t, net, 0, setup{peers: 4})
	learned, err := peerID(consensus.PublicKey(net.Orgs[1].Node))
	if err != nil {
		t.Fatal(err)
	}
	for _, org := range others.Orgs[2:] {
		// They do not tell the honest node of the victim, which it would dial.
		startAs(t, net, org.Node, setup{bootstrap: victim.Addrs(), cut: func(id peer.ID) bool { return id == learned }})
	}
	eventually(t, "strangers have taken all places", func() bool { return len(victim.Peers()) == 4 })
	honest := start(t, net, 1, setup{})
	if _, err := victim.book.learn(honest.ownRecord(), scopeLoopback); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node that it has learned of is dialled", func() bool {
		return victim.host.Network().Connectedness(honest.host.ID()) == network.Connected
	})
}
