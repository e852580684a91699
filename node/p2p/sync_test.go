package p2p

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/chain/chaintest"
)

func TestLatecomerCatchesUp(t *testing.T) {
	const blocks = 1200 // three answers
	net := chaintest.New(3)
	a := start(t, net, 0, setup{})
	list, _ := net.Chain(a.chain.State(), blocks)
	a.add(list...)
	b := start(t, net, 1, setup{bootstrap: a.Addrs()})
	wake, cancel := b.Subscribe()
	defer cancel()
	<-wake
	oneTip(t, []*node{a, b})
	eventually(t, "the sync is over", func() bool {
		height, best, syncing := b.Progress()
		return height == blocks && best == blocks && !syncing
	})
	if got := b.Stats()["sync.block"]; got != blocks {
		t.Errorf("%d blocks came by sync, want %d", got, blocks)
	}

	// It goes away, blocks are mined meanwhile, and it comes back.
	b.stop()
	more, _ := net.Chain(a.chain.State(), 50)
	a.add(more...)
	again := start(t, net, 1, setup{bootstrap: a.Addrs()})
	oneTip(t, []*node{a, again})
}

// A node in the middle passes on what it has fetched: its other neighbour hears of it without being
// connected to the source.
func TestSyncReachesNeighboursOfNeighbours(t *testing.T) {
	net := chaintest.New(3)
	var apart border
	apart.up.Store(true)
	a := start(t, net, 0, setup{cut: apart.between})
	b := start(t, net, 1, setup{bootstrap: a.Addrs()})
	c := start(t, net, 2, setup{bootstrap: b.Addrs(), cut: apart.between})
	apart.other.Store(a.host.ID(), true)
	apart.other.Store(c.host.ID(), true)
	eventually(t, "a line of three", func() bool { return len(b.Peers()) == 2 })
	list, _ := net.Chain(a.chain.State(), 30)
	a.add(list...)
	oneTip(t, []*node{a, b, c})
}

func TestPartitionHeals(t *testing.T) {
	net := chaintest.New(4)
	var wall [2]border
	var nodes []*node
	for i := range 4 {
		s := setup{cut: wall[i/2].between}
		for _, n := range nodes {
			s.bootstrap = append(s.bootstrap, n.Addrs()...)
		}
		nodes = append(nodes, start(t, net, i, s))
		wall[1-i/2].other.Store(nodes[i].host.ID(), true)
	}
	peersOf := func(count int) func() bool {
		return func() bool {
			for _, n := range nodes {
				if len(n.Peers()) != count {
					return false
				}
			}
			return true
		}
	}
	eventually(t, "all are connected", peersOf(3))
	nodes[0].enrol()
	oneTip(t, nodes)

	wall[0].up.Store(true)
	wall[1].up.Store(true)
	for i, n := range nodes {
		for j, other := range nodes {
			if i/2 != j/2 {
				_ = n.host.Network().ClosePeer(other.host.ID())
			}
		}
	}
	eventually(t, "the groups are apart", peersOf(1))

	// Both groups mine, the second one more; each gets a batch that the other does not see.
	lost := net.Batches(nodes[0].chain.State(), 0, 1, "losing side")
	kept := net.Batches(nodes[2].chain.State(), 2, 1, "winning side")
	nodes[0].send(&lost[0])
	nodes[2].send(&kept[0])
	for range 5 {
		events, batches := nodes[0].pool.Select(nodes[0].chain.State(), time.Now())
		nodes[0].mine(chaintest.Body{Events: events, Batches: batches})
	}
	for range 9 {
		nodes[3].mine(chaintest.Body{})
	}
	oneTip(t, nodes[:2])
	oneTip(t, nodes[2:])
	if nodes[0].chain.Tip() == nodes[2].chain.Tip() {
		t.Fatal("there was no partition")
	}

	wall[0].up.Store(false)
	wall[1].up.Store(false)
	oneTip(t, nodes)
	if got := nodes[0].chain.Tip().Height; got != 10 {
		t.Errorf("height %d after healing, want that of the longer branch, 10", got)
	}
	for _, n := range nodes {
		eventually(t, "both sides' batches are in every mempool", func() bool {
			return n.hasBatch(lost[0].ID()) && n.hasBatch(kept[0].ID())
		})
	}
	// The losing side's batch can be mined on the one chain.
	events, batches := nodes[3].pool.Select(nodes[3].chain.State(), time.Now())
	nodes[3].mine(chaintest.Body{Events: events, Batches: batches})
	oneTip(t, nodes)
	if _, ok := nodes[1].chain.State().BatchTip(consensus.Series{Recorder: net.Orgs[0].RecorderKey()}); !ok {
		t.Error("the losing side's batch did not get into the chain")
	}
}

// Peers that claim work and then stall, lie or send rubbish do not keep a node from syncing with an
// honest one.
func TestStalledAndLyingPeersAreLeftForAnother(t *testing.T) {
	net := chaintest.New(2)
	impatient := fast
	impatient.request = 500 * time.Millisecond
	honest := start(t, net, 0, setup{})
	list, _ := net.Chain(honest.chain.State(), 300)
	honest.add(list...)

	invalid := *list[0]
	invalid.Header.Nonce++
	frames := func(list ...[]byte) network.StreamHandler {
		return func(s network.Stream) {
			for _, b := range append(list, nil) {
				_ = writeFrame(s, b)
			}
			_ = s.Close()
		}
	}
	stall := func(s network.Stream) { _, _ = io.Copy(io.Discard, s) }
	liars := map[string]struct{ headers, blocks network.StreamHandler }{
		"stalls":          {stall, stall},
		"withholds":       {frames(list[0].Headline().Encode()), stall},
		"nothing":         {frames(), frames()},
		"headers alone":   {frames(list[0].Headline().Encode()), frames()},
		"resets":          {func(s network.Stream) { _ = s.Reset() }, func(s network.Stream) { _ = s.Reset() }},
		"invalid headers": {frames(invalid.Headline().Encode()), frames()},
		"invalid":         {frames(list[0].Headline().Encode()), frames(invalid.Encode())},
		"other blocks":    {frames(list[0].Headline().Encode()), frames(list[1].Encode())},
	}
	victim := start(t, net, 1, setup{timing: &impatient})
	for name, handler := range liars {
		liar := newStranger(t, victim, libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"))
		liar.SetStreamHandler(victim.names.headers, handler.headers)
		liar.SetStreamHandler(victim.names.blocks, handler.blocks)
		liar.SetStreamHandler(victim.names.status, func(s network.Stream) {
			_, _ = readFrame(s, maxStatus)
			st := victim.ownStatus()
			st.Height, st.Tip, st.Record = 1<<40, consensus.Hash{1, 2, 3}, nil
			st.Work = consensus.WorkFromBytes([32]byte{1})
			_ = writeFrame(s, st.encode())
			_ = s.Close()
		})
		meets(t, victim, name, fullAddrs(peer.AddrInfo{ID: liar.ID(), Addrs: liar.Addrs()})[0])
	}
	eventually(t, "the liars have been tried", func() bool { return victim.Stats()["sync.failed"] >= 2 })
	meets(t, victim, "the honest one", honest.Addrs()[0])
	oneTip(t, []*node{honest, victim})
}

// meets has a node connect to a peer. A busy machine may be too slow at first.
func meets(t *testing.T, n *node, name, addr string) {
	t.Helper()
	eventually(t, name+" is greeted", func() bool { return n.Connect(t.Context(), addr) == nil })
}

func TestOtherNetworksAreLeftAlone(t *testing.T) {
	net := chaintest.New(2)
	params := chaintest.Params()
	params.Name = "another chain"
	otherChain := chaintest.NewWith(params, 3)
	sameChain := chaintest.New(1)
	sameChain.Genesis = otherFounder(t)

	a := start(t, net, 0, setup{})
	friend := start(t, net, 1, setup{bootstrap: a.Addrs()})
	stranger := start(t, otherChain, 2, setup{bootstrap: a.Addrs()})
	cousin := startAs(t, sameChain, chaintest.New(9).Orgs[8].Node, setup{bootstrap: a.Addrs()})
	if cousin.chainID != a.chainID || cousin.genesis == a.genesis {
		t.Fatal("the cousin should have the same chain id and another genesis")
	}
	eventually(t, "the stranger has noticed", func() bool { return stranger.Stats()["peer.other-chain"] >= 1 })
	eventually(t, "the cousin has been noticed", func() bool {
		return a.Stats()["peer.other-genesis"]+cousin.Stats()["peer.other-genesis"] >= 1
	})
	eventually(t, "only the friend stays", func() bool {
		peers := a.Peers()
		return len(peers) == 1 && peers[0].Node == friend.self && a.host.Network().Connectedness(cousin.host.ID()) != network.Connected &&
			a.host.Network().Connectedness(stranger.host.ID()) != network.Connected
	})
	a.mine(chaintest.Body{})
	oneTip(t, []*node{a, friend})
	if cousin.chain.Tip().Height+stranger.chain.Tip().Height != 0 {
		t.Error("blocks crossed networks")
	}
}

// otherFounder returns a genesis with the parameters of chaintest.New but another founder.
func otherFounder(t *testing.T) *consensus.Genesis {
	t.Helper()
	second := chaintest.New(2).Orgs[1]
	g, err := consensus.NewGenesis(chaintest.Params(), second.Event, second.Recorder)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestNodesFindEachOther(t *testing.T) {
	net := chaintest.New(6)
	first := start(t, net, 0, setup{})
	nodes := []*node{first}
	for i := range 5 {
		nodes = append(nodes, start(t, net, i+1, setup{bootstrap: first.Addrs()}))
	}
	eventually(t, "everyone is connected with everyone", func() bool {
		for _, n := range nodes {
			if len(n.Peers()) != len(nodes)-1 {
				return false
			}
		}
		return true
	})
	for _, p := range first.Peers() {
		if _, err := peer.AddrInfoFromString(p.Addrs[0]); err != nil {
			t.Errorf("address of a peer: %v", err)
		}
		if want := fmt.Sprint(p.Node); want == (consensus.Key{}).String() {
			t.Error("a peer without node key")
		}
	}
}

// notRunning makes a host that looks after no peers, so that a test can have the roster for itself.
func notRunning(t *testing.T, net *chaintest.Network) *Host {
	t.Helper()
	live := start(t, net, 0, setup{})
	h, err := New(Config{Key: net.Orgs[1].Node}, live.chain, live.pool, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// However much work peers claim, and however often they claim something new: those that led nowhere
// come after those that did not.
func TestSourcesThatLedNowhereComeLast(t *testing.T) {
	net := chaintest.New(5)
	n := notRunning(t, net)
	claim := func(r *remote, work, tip byte) {
		n.roster.heard(r, &status{Tip: consensus.Hash{0xee, tip}, Work: consensus.WorkFromBytes([32]byte{work, 31: 9})})
	}
	var liars []*remote
	for i := range 3 {
		liar, _ := n.roster.meet(t.Context(), peer.ID(fmt.Sprint("liar ", i)), true)
		claim(liar, 9, 0)
		liars = append(liars, liar)
	}
	honest, _ := n.roster.meet(t.Context(), "honest", true)
	claim(honest, 0, 1)
	for round := range byte(20) {
		p, ok := n.pickSource()
		if !ok {
			t.Fatalf("round %d: nobody is asked", round)
		}
		if p.remote == honest {
			return
		}
		n.roster.settle(p.remote, false, false, 0)
		for _, liar := range liars {
			claim(liar, 9, round+2)
		}
	}
	t.Error("the honest peer is never asked")
}

// A source that brings blocks has every other turn, and whoever waits has one at last, however many
// others come with greater claims.
func TestNewcomersDoNotPushOthersBack(t *testing.T) {
	net := chaintest.New(5)
	n := notRunning(t, net)
	begin, turn := time.Now(), 20*time.Second
	claim := func(name string, since time.Duration, work byte) *remote {
		r, _ := n.roster.meet(t.Context(), peer.ID(name), true)
		r.since = begin.Add(since)
		n.roster.heard(r, &status{Tip: consensus.Hash{0xee, 1}, Work: consensus.WorkFromBytes([32]byte{work, 31: 9})})
		return r
	}
	honest := claim("honest", 0, 0)
	n.roster.settle(honest, false, false, 0) // the line was down
	honest.quiet, honest.asked = time.Time{}, begin
	turns := func(count int, from string, pace float64) (got int) {
		for i := range count {
			claim(fmt.Sprint(from, i), time.Duration(i)*turn, 9)
			p, ok := n.pickSource()
			if !ok {
				t.Fatal("nobody is asked")
			}
			if p.remote == honest {
				got++
				n.roster.settle(honest, false, true, pace)
			} else {
				n.roster.settle(p.remote, false, false, 0)
			}
			n.syncing.fair = !n.syncing.fair
		}
		return got
	}
	if got := turns(20, "first ", 0); got == 0 {
		t.Error("a peer that failed once is never asked again while others come")
	}
	honest.asked = begin
	turns(20, "second ", 100)
	honest.asked = begin.Add(time.Hour)
	if got := turns(20, "third ", 100); got < 10 {
		t.Errorf("the best source has %d turns of 20, want every other", got)
	}
}

// A peer that once gave a block has its pace no longer than it gives some, and what it says it
// takes back without having given one makes up for no failure: nobody has the turns of the best
// source for nothing.
func TestPaceIsOfTheLatestTurn(t *testing.T) {
	net := chaintest.New(5)
	n := notRunning(t, net)
	meet := func(name string) *remote {
		r, _ := n.roster.meet(t.Context(), peer.ID(name), true)
		n.roster.heard(r, &status{Tip: consensus.Hash{0xee, 1}, Work: consensus.WorkFromBytes([32]byte{9, 31: 9})})
		return r
	}
	honest := meet("honest")
	n.roster.settle(honest, false, true, 300)
	for i := range 4 {
		liar := meet(fmt.Sprint("liar ", i))
		n.roster.settle(liar, false, false, 0)
		n.roster.settle(liar, false, true, 1000)
		liar.quiet = time.Time{}
	}
	got := 0
	for range 40 {
		p, ok := n.pickSource()
		if !ok {
			t.Fatal("nobody is asked")
		}
		if p.remote == honest {
			got++
			n.roster.settle(honest, false, true, 300)
		} else {
			n.roster.settle(p.remote, true, false, 0) // it has taken back what it said
			if p, _ := n.roster.standing(p.remote); p.failures != 1 || p.pace != 0 {
				t.Fatalf("after a turn that gave nothing it has %d failures and a pace of %v", p.failures, p.pace)
			}
		}
		n.syncing.fair = !n.syncing.fair
	}
	if got < 18 {
		t.Errorf("the best source has %d turns of 40, want every other but for four", got)
	}
}

// When nobody has brought blocks yet, enrolled nodes are asked first, and those that this node
// chose before those that chose it.
func TestKnownSourcesGoFirst(t *testing.T) {
	net := chaintest.New(2)
	n := notRunning(t, net)
	meet := func(id peer.ID, inbound bool, work byte) *remote {
		r, _ := n.roster.meet(t.Context(), id, inbound)
		n.roster.heard(r, &status{Tip: consensus.Hash{0xee, 1}, Work: consensus.WorkFromBytes([32]byte{work, 31: 9})})
		return r
	}
	founder, err := peerID(consensus.PublicKey(net.Orgs[0].Node))
	if err != nil {
		t.Fatal(err)
	}
	stranger := meet("stranger", true, 9)
	dialed := meet("dialed", false, 5)
	member := meet(founder, true, 1)
	for _, want := range []*remote{member, dialed, stranger} {
		p, ok := n.pickSource()
		if !ok || p.remote != want {
			t.Fatalf("asked %v, want %v", p.id, want.id)
		}
		n.roster.settle(p.remote, false, false, 0)
	}
}

// A line that takes longer for an answer than a request may last brings the chain all the same.
func TestSyncOverASlowLine(t *testing.T) {
	net := chaintest.New(2)
	impatient := fast
	impatient.request = 300 * time.Millisecond
	source := start(t, net, 0, setup{})
	list, _ := net.Chain(source.chain.State(), 100)
	source.add(list...)
	source.answer(func(s network.Stream, req *blockRequest) {
		for _, b := range after(source.chain, req.Hashes, int(req.Limit)) {
			select {
			case <-time.After(25 * time.Millisecond): // what the line takes for a block
			case <-source.ctx.Done():
			}
			if writeFrame(s, b.Encode()) != nil {
				return
			}
		}
	})
	victim := start(t, net, 1, setup{bootstrap: source.Addrs(), timing: &impatient})
	oneTip(t, []*node{source, victim})
	if victim.Stats()["sync.cut"] == 0 {
		t.Error("no answer took too long")
	}
}

// One answer that is cut short makes no slow line of it: more is asked for again soon.
func TestSyncAfterOneCutAnswer(t *testing.T) {
	net := chaintest.New(2)
	impatient := fast
	impatient.request = time.Second
	source := start(t, net, 0, setup{})
	list, _ := net.Chain(source.chain.State(), 600)
	source.add(list...)
	var requests atomic.Int64
	source.answer(func(s network.Stream, req *blockRequest) {
		cut := requests.Add(1) == 3
		for i, b := range after(source.chain, req.Hashes, int(req.Limit)) {
			if cut && i == 2 {
				_, _ = io.Copy(io.Discard, s) // until it is given up
				return
			}
			if writeFrame(s, b.Encode()) != nil {
				return
			}
		}
	})
	victim := start(t, net, 1, setup{bootstrap: source.Addrs(), timing: &impatient})
	oneTip(t, []*node{source, victim})
	if n := requests.Load(); n > 60 {
		t.Errorf("%d blocks took %d requests", len(list), n)
	}
}

// slowly makes a node serve one block at a time, after a wait.
func (n *node) slowly(wait time.Duration) {
	n.answer(func(s network.Stream, req *blockRequest) {
		list := after(n.chain, req.Hashes, 1)
		select {
		case <-time.After(wait):
		case <-n.ctx.Done():
		}
		for _, b := range list {
			_ = writeFrame(s, b.Encode())
		}
	})
}

// answer makes a node serve requests for blocks in another way.
func (n *node) answer(serve func(s network.Stream, req *blockRequest)) {
	n.host.SetStreamHandler(n.names.blocks, func(s network.Stream) {
		defer func() { _ = s.Close() }()
		raw, err := readFrame(s, maxBlockRequest)
		if err != nil {
			return
		}
		req, err := decodeBlockRequest(raw)
		if err != nil {
			return
		}
		serve(s, req)
		_ = writeFrame(s, nil)
	})
}

// A branch of which many blocks are stored already, from a sync that was cut short, is followed to
// its end; those are not asked for again.
func TestSyncGoesOnBeyondKnownBlocks(t *testing.T) {
	net := chaintest.New(2)
	source := start(t, net, 0, setup{})
	source.slowly(0)
	list, _ := net.Chain(source.chain.State(), 2*idleRounds)
	source.add(list...)
	victim := start(t, net, 1, setup{})
	for range 2*idleRounds - 5 {
		victim.add(net.Mine(victim.chain.State(), 0, chaintest.Body{}))
	}
	branch := victim.chain.NewBranch()
	for _, b := range list {
		if err := branch.Add([]*consensus.Headline{b.Headline()}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if err := branch.Check(); err != nil {
		t.Fatal(err)
	}
	victim.add(list[:2*idleRounds-10]...)
	if err := victim.Connect(t.Context(), source.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	oneTip(t, []*node{source, victim})
	if got := victim.Stats()["sync.block"]; got != 10 {
		t.Errorf("%d blocks came by sync, want the 10 that were not stored", got)
	}
}

// A node that serves no headlines, as version 0.1.0 did not, is a source all the same, also of a
// branch that leaves the own one far below the tip.
func TestSyncFromVersion010(t *testing.T) {
	net := chaintest.New(2)
	source := start(t, net, 0, setup{})
	source.host.RemoveStreamHandler(source.names.headers)
	list, _ := net.Chain(source.chain.State(), 90)
	source.add(list...)
	victim := start(t, net, 1, setup{})
	for range 60 {
		victim.add(net.Mine(victim.chain.State(), 0, chaintest.Body{}))
	}
	if err := victim.Connect(t.Context(), source.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	oneTip(t, []*node{source, victim})
	if victim.Stats()["stream.headers.failed"] != 0 {
		t.Error("it was asked for headlines")
	}
}

// A peer whose branch is as it says, but no better, has done nothing wrong, and no body of it is
// asked for.
func TestLighterBranchesAreNotFetched(t *testing.T) {
	net := chaintest.New(2)
	impatient := fast
	a, b := start(t, net, 0, setup{timing: &impatient}), start(t, net, 1, setup{timing: &impatient})
	a.enrol()
	b.add(first(a.chain, 1)...)
	for range 40 {
		a.add(a.net.Mine(a.chain.State(), 0, chaintest.Body{}))
		b.add(b.net.Mine(b.chain.State(), 1, chaintest.Body{}))
	}
	if err := b.Connect(t.Context(), a.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "gossip has met", func() bool { return a.acquainted() == 1 && b.acquainted() == 1 })
	b.roster.want(a.host.ID(), a.chain.Tip().ID) // as if it had announced its tip
	b.wakeSync()
	eventually(t, "a sync", func() bool { return b.Stats()["sync.done"] >= 1 })
	if stats := b.Stats(); stats["sync.failed"] != 0 || stats["sync.block"] != 0 || b.gate.strike(a.host.ID(), banAfter-1) {
		t.Errorf("stats %v", stats)
	}
	b.roster.want(a.host.ID(), consensus.Hash{9}) // as if it had announced a block that there is not
	b.wakeSync()
	eventually(t, "a sync that leads nowhere", func() bool { return b.Stats()["sync.failed"] >= 1 })
	a.mine(chaintest.Body{}) // now it is better
	oneTip(t, []*node{a, b})
}

// A peer that gives a light branch without the block that it announced has had a turn that led
// nowhere: the block may be invented, and the next one too.
func TestLighterBranchesWithoutTheAnnouncedBlock(t *testing.T) {
	net := chaintest.New(2)
	n := start(t, net, 0, setup{})
	for range 10 {
		n.mine(chaintest.Body{})
	}
	light := net.Genesis.State()
	branch := n.chain.NewBranch()
	for range 5 {
		b := net.Mine(light, 1, chaintest.Body{})
		if err := branch.Add([]*consensus.Headline{b.Headline()}, time.Now()); err != nil {
			t.Fatal(err)
		}
		light = consensus.AfterHeadline(light, b.Headline())
	}
	for _, c := range []struct {
		why     string
		wanted  consensus.Hash
		lighter bool
	}{
		{"none was announced", consensus.Hash{}, true},
		{"it is the tip of its branch", light.Tip(), true},
		{"it is here", n.chain.Tip().ID, true},
		{"it is invented", consensus.Hash{9}, false},
	} {
		turn := &turn{Host: n.Host, p: standing{wanted: c.wanted}}
		if err := turn.lighter(branch); errors.Is(err, errLighter) != c.lighter {
			t.Errorf("%s: %v", c.why, err)
		}
	}
}

// first returns the first blocks of a chain after genesis.
func first(c Chain, count int) []*consensus.Block {
	return after(c, []consensus.Hash{c.Genesis().Block.ID()}, count)
}

// after returns the next blocks of a chain after a locator.
func after(c Chain, locator []consensus.Hash, count int) (list []*consensus.Block) {
	ids, _ := c.IDsAfter(locator, count)
	for _, id := range ids {
		if b, err := c.Block(id); err == nil {
			list = append(list, b)
		}
	}
	return list
}

// A peer that hands out blocks drop by drop does not keep a node from asking another.
func TestSyncFromASlowPeerGivesWay(t *testing.T) {
	net := chaintest.New(3)
	impatient := fast
	impatient.request = 300 * time.Millisecond
	slow, quick := start(t, net, 0, setup{}), start(t, net, 1, setup{})
	slow.slowly(200 * time.Millisecond)
	list, _ := net.Chain(slow.chain.State(), 300) // in a minute
	slow.add(list...)
	victim := start(t, net, 2, setup{bootstrap: slow.Addrs(), timing: &impatient})
	eventually(t, "the slow one is asked", func() bool { return victim.Stats()["sync.block"] >= 1 })
	quick.add(list...)
	if err := victim.Connect(t.Context(), quick.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	oneTip(t, []*node{quick, victim})
}

// Of several peers that announced a block, the others are not asked for it once one has given it.
func TestAnnouncedBlocksAreAskedForOnce(t *testing.T) {
	net := chaintest.New(3)
	n := notRunning(t, net)
	block := net.Mine(n.chain.State(), 0, chaintest.Body{})
	second, _ := n.roster.meet(t.Context(), "second", true)
	n.roster.heard(second, &status{Tip: n.chain.State().Tip()})
	n.roster.want("second", block.ID())
	if p, ok := n.pickSource(); !ok || p.remote != second {
		t.Fatal("the peer that announced a block is not asked for it")
	}
	n.roster.settle(second, false, false, 0)
	n.roster.heard(second, &status{Tip: block.ID()})
	if _, ok := n.pickSource(); ok {
		t.Error("a peer whose announcement led to nothing is asked on")
	}
	n.roster.want("second", n.chain.State().Tip())
	if _, ok := n.pickSource(); ok {
		t.Error("a peer is asked for a block that is here")
	}
}

// A member that says it has blocks, ever other ones, and gives none is believed for a while, and no
// longer for having come back.
func TestClaimsOfMembers(t *testing.T) {
	net := chaintest.New(2)
	brief := fast
	brief.claim = 300 * time.Millisecond
	a := start(t, net, 0, setup{timing: &brief})
	a.enrol()
	f := newStranger(t, a, identityOf(t, net.Orgs[1].Node))
	f.SetStreamHandler(a.names.blocks, func(s network.Stream) { _, _ = io.Copy(io.Discard, s) })
	var tips atomic.Uint32
	lie := func() []byte {
		st := a.ownStatus()
		st.Record, st.Height, st.Work = nil, 1<<40, consensus.WorkFromBytes([32]byte{1})
		st.Tip = consensus.Hash{1, byte(tips.Add(1))}
		return st.encode()
	}
	f.SetStreamHandler(a.names.status, func(s network.Stream) {
		_, _ = readFrame(s, maxStatus)
		_ = writeFrame(s, lie())
		_ = s.Close()
	})
	f.connect()
	f.send(a.names.status, framed(lie()))
	eventually(t, "a claim", func() bool { return a.Members().Ahead == 1 })
	height := a.chain.State().Height()
	progress := func(why string, want uint64) {
		t.Helper()
		if h, best, syncing := a.Progress(); h != height || best != want || syncing != (want > height) {
			t.Errorf("%s: block %d of %d, catching up: %v", why, h, best, syncing)
		}
	}
	progress("a claim", height)
	if p := a.Peers(); len(p) != 1 || p[0].Checked {
		t.Errorf("a claim is taken for checked: %+v", p)
	}
	a.roster.gave(f.ID())
	progress("it gives blocks", 1<<40)
	eventually(t, "it gives none any more", func() bool {
		_, _, syncing := a.Progress()
		return !syncing
	})
	progress("it gives none any more", height)
	eventually(t, "disbelief", func() bool { return a.Members() == Members{Connected: 1, Claiming: 1} })
	if err := f.Network().ClosePeer(a.host.ID()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its absence", func() bool { return a.Members().Connected == 0 })
	f.connect()
	f.send(a.names.status, framed(lie()))
	eventually(t, "the same claim", func() bool { m := a.Members(); return m.Connected == 1 && m.Claiming == 1 })
	if m := a.Members(); m.Ahead != 0 {
		t.Errorf("after it has come back, it is believed again: %+v", m)
	}
}

// What strangers claim to have does not make this node doubt its chain.
func TestMembers(t *testing.T) {
	net := chaintest.New(2)
	a := start(t, net, 0, setup{})
	a.enrol()
	for range 3 {
		f := newFoe(t, a)
		f.SetStreamHandler(a.names.blocks, func(s network.Stream) { _, _ = io.Copy(io.Discard, s) })
		st := a.ownStatus()
		st.Record, st.Height, st.Tip, st.Work = nil, 1<<40, consensus.Hash{1}, consensus.WorkFromBytes([32]byte{1})
		lie := st.encode()
		f.SetStreamHandler(a.names.status, func(s network.Stream) {
			_, _ = readFrame(s, maxStatus)
			_ = writeFrame(s, lie)
			_ = s.Close()
		})
		go f.send(a.names.status, framed(lie))
	}
	eventually(t, "a sync with a stranger", func() bool { return a.syncing.busy.Load() })
	if m := a.Members(); m != (Members{}) {
		t.Errorf("members %+v", m)
	}
	start(t, net, 1, setup{bootstrap: a.Addrs()})
	eventually(t, "a member", func() bool { return a.Members() == Members{Connected: 1} })
}

// forgetful is a chain that has made room of the block before each that comes.
type forgetful struct{ Chain }

func (forgetful) AddBlock(*consensus.Block, time.Time) (chain.Status, error) {
	return 0, chain.ErrUnknownParent
}

// A block that was asked for when its parent was here, and comes when that has made room, is no
// fault of its sender.
func TestBlocksOfAnOvertakenBranchAreNoFault(t *testing.T) {
	net := chaintest.New(2)
	h := notRunning(t, net)
	b := net.Mine(h.chain.State(), 0, chaintest.Body{})
	h.chain = forgetful{h.chain}
	turn := &turn{Host: h, p: standing{remote: &remote{id: "source"}}}
	if _, err := turn.takeAll([]consensus.Hash{b.ID()}, []*consensus.Block{b}); !errors.Is(err, chain.ErrNotWanted) {
		t.Errorf("%v, want %v", err, chain.ErrNotWanted)
	}
	if h.gate.strike("source", banAfter-1) {
		t.Error("the sender is blamed")
	}
}
