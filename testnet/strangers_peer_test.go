package testnet_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"cairn/consensus"
	"cairn/node"
	"cairn/node/api"
)

// foe attacks a node over libp2p, with a member's keys or with none that anybody knows.
type foe struct {
	who      string
	member   bool
	victim   peer.AddrInfo
	chain    string
	genesis  *consensus.Genesis
	node     ed25519.PrivateKey
	recorder ed25519.PrivateKey
	side     []*consensus.Block // a branch from the genesis on, of full blocks
}

// newFoe makes one that has the keys of the member in dir, or new ones if dir is empty, and a side
// branch of so many blocks.
func newFoe(t *testing.T, who string, victim *process, chain *api.ChainStatus, dir string, sideBlocks int) *foe {
	t.Helper()
	f := &foe{who: who, member: dir != "", chain: chain.ChainID}
	at, err := peer.AddrInfoFromString(victim.status.Listen.P2P[0])
	if err != nil {
		t.Fatal(err)
	}
	f.victim = *at
	if f.genesis, err = node.LoadNetwork(victim.dir); err != nil {
		t.Fatal(err)
	}
	if !f.member {
		_, f.node, _ = ed25519.GenerateKey(rand.Reader)
		_, f.recorder, _ = ed25519.GenerateKey(rand.Reader)
	} else {
		id, err := node.LoadIdentity(dir)
		if err != nil {
			t.Fatal(err)
		}
		f.node, f.recorder = id.Node, id.Recorder
	}
	f.side = f.branch(sideBlocks)
	return f
}

// branch makes blocks from the genesis on at the lowest difficulty, each with one batch as often as
// it fits.
func (f *foe) branch(n int) (list []*consensus.Block) {
	state := f.genesis.State()
	hs, params := state.HeaderState(), state.Params()
	batch := f.batch(params, 1, consensus.Hash{})
	var body []consensus.Batch
	for size := 0; size+batch.Size() < consensus.MaxBody-1024; size += batch.Size() {
		body = append(body, batch)
	}
	for range n {
		b := &consensus.Block{Batches: body}
		b.Header.Header = consensus.Header{
			Version: params.Version, ChainID: state.ChainID(), Height: hs.Height() + 1, Prev: hs.ID(),
			BodyRoot: consensus.BodyRoot(params.Version, nil, body), Miner: consensus.PublicKey(f.recorder),
			Time: hs.Time() + 60*uint64(params.BlockInterval.Milliseconds()), Bits: hs.NextBits(),
		}
		if b.Header.Time > uint64(time.Now().UnixMilli()) {
			b.Header.Time = hs.Time() + 1
		}
		target, _ := consensus.TargetFromBits(b.Header.Bits)
		b.Header.Nonce, _ = consensus.NewPowHasher(&b.Header.Header).Search(target, 0, math.MaxUint64)
		b.Header = consensus.SignHeader(b.Header.Header, f.recorder)
		list = append(list, b)
		hs = hs.Next(&b.Header.Header)
	}
	return list
}

// batch makes one of 64 micro-roots.
func (f *foe) batch(params *consensus.Params, seq uint64, prev consensus.Hash) consensus.Batch {
	b := consensus.Batch{ChainID: params.ChainID(), Seq: seq, Prev: prev, Time: uint64(time.Now().UnixMilli())}
	if params.HasEpochs() {
		b.Epoch = mathrand.Uint64() | 1
	}
	for range 64 {
		var root consensus.Hash
		_, _ = rand.Read(root[:])
		b.Micros = append(b.Micros, consensus.MicroRoot{Root: root, Count: 1})
	}
	b.Seal(nil, params, f.recorder)
	return b
}

func peerAttacks(f *foe) []attack {
	claims := func(answers map[string]answer) func(context.Context, *testing.T, *deeds) {
		return func(ctx context.Context, t *testing.T, did *deeds) { f.claims(ctx, t, did, answers) }
	}
	list := []attack{
		{name: "side blocks", run: claims(map[string]answer{"blocks": f.serveSide})},
		{name: "headlines of side blocks", run: claims(map[string]answer{"headers": f.serveHeadlines, "blocks": f.serveSide})},
		{name: "claimed work, and no block", run: claims(map[string]answer{"headers": nothing, "blocks": nothing})},
		{name: "bodies withheld", run: claims(map[string]answer{"headers": f.serveHeadlines, "blocks": withheld})},
		{name: "nothing answered", run: claims(map[string]answer{"headers": withheld, "blocks": withheld})},
		{name: "garbage and half messages on each stream", run: f.garbage},
		{name: "a flood of batches", run: f.batches},
		{name: "questions for peers without end", run: f.questions},
		{name: "new identities", run: f.identities},
	}
	for i := range list {
		list[i].name, list[i].foe = f.who+": "+list[i].name, f
	}
	return list
}

// host makes a libp2p host with the foe's identity, or with a new one. It listens nowhere, unless
// more says where.
func (f *foe) host(t *testing.T, own bool, more ...libp2p.Option) host.Host {
	key := f.node
	if !own {
		_, key, _ = ed25519.GenerateKey(rand.Reader)
	}
	id, err := crypto.UnmarshalEd25519PrivateKey(key)
	if err != nil {
		t.Error(err)
		return nil
	}
	if len(more) == 0 {
		more = append(more, libp2p.NoListenAddrs)
	}
	h, err := libp2p.New(append(more, libp2p.Identity(id), libp2p.NoTransports, libp2p.Transport(tcp.NewTCPTransport), libp2p.DisableMetrics())...)
	if err != nil {
		t.Error(err)
	}
	return h
}

// comeIn has a foe that is kept out for its last attack let in for the next one: a stranger takes a
// new name, and for a member the node starts again.
func (f *foe) comeIn(t *testing.T, p *process) {
	t.Helper()
	if !f.member {
		_, f.node, _ = ed25519.GenerateKey(rand.Reader)
		return
	}
	h := f.host(t, true)
	if h == nil {
		return
	}
	defer h.Close()
	if h.Connect(t.Context(), f.victim) == nil && f.greet(t.Context(), h, f.status(consensus.Hash{})) {
		return
	}
	p.stop()
	p.start()
	p.await("a connection", func(s *api.Status) bool { return s.Peers > 0 })
}

// protocol names a stream (doc/protocol.md, Streams).
func (f *foe) protocol(name string) protocol.ID {
	return protocol.ID(fmt.Sprintf("/cairn/%s/%s/1", f.chain, name))
}

// status is a framed one with a tip, and more work than anybody has.
func (f *foe) status(tip consensus.Hash) []byte {
	state := f.genesis.State()
	b := binary.BigEndian.AppendUint16(nil, 1)
	b = binary.BigEndian.AppendUint32(b, uint32(state.ChainID()))
	id := state.GenesisID()
	b = append(append(b, id[:]...), tip[:]...)
	b = binary.BigEndian.AppendUint64(b, 1<<40)   // height
	b = append(append(b, 1), make([]byte, 31)...) // work
	return frame(append(b, 0, 0))                 // no address
}

func frame(b []byte) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...) }

// greet tells the victim a status, and tells whether it was taken for one: else the stream is
// reset.
func (f *foe) greet(ctx context.Context, h host.Host, status []byte) bool {
	_, answered := f.tell(ctx, h, "status", status)
	return answered
}

// tell writes octets to a stream of the victim's and reads what comes: written is false if it has
// none for them, answered is true if an answer came to its end.
func (f *foe) tell(ctx context.Context, h host.Host, name string, b []byte) (written, answered bool) {
	s, err := h.NewStream(ctx, f.victim.ID, f.protocol(name))
	if err != nil {
		return false, false
	}
	defer func() { _ = s.Reset() }()
	defer context.AfterFunc(ctx, func() { _ = s.Reset() })()
	_ = s.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := s.Write(b); err != nil {
		return false, false
	}
	_ = s.CloseWrite()
	n, err := io.Copy(io.Discard, s)
	return true, err == nil && n > 0
}

// answer answers one request. served is how many there were.
type answer func(s network.Stream, served *deeds)

// claims tells the victim of ever other tips with more work, and answers when it asks about them.
func (f *foe) claims(ctx context.Context, t *testing.T, served *deeds, answers map[string]answer) {
	h := f.host(t, true)
	if h == nil {
		return
	}
	defer h.Close()
	var tips atomic.Uint64
	next := func() []byte {
		var tip consensus.Hash
		binary.BigEndian.PutUint64(tip[24:], tips.Add(1)|mathrand.Uint64()<<32)
		return f.status(tip)
	}
	h.SetStreamHandler(f.protocol("status"), func(s network.Stream) {
		_, _ = s.Write(next())
		_ = s.CloseWrite()
		_, _ = io.Copy(io.Discard, s)
	})
	for name, give := range answers {
		h.SetStreamHandler(f.protocol(name), func(s network.Stream) { give(s, served) })
	}
	for ctx.Err() == nil {
		if h.Connect(ctx, f.victim) == nil {
			f.greet(ctx, h, next())
		}
		rest(ctx, 100*time.Millisecond)
	}
}

// serveSide gives blocks of the side branch: each request gets those behind what the one before
// got.
func (f *foe) serveSide(s network.Stream, served *deeds) {
	defer s.Close()
	from := int(served.Add(1)-1) * 2 % len(f.side)
	for _, b := range f.side[from:min(from+2, len(f.side))] {
		if _, err := s.Write(frame(b.Encode())); err != nil {
			return
		}
	}
	_, _ = s.Write(frame(nil))
}

// serveHeadlines gives those of the side branch behind the newest block that the victim knows of
// it.
func (f *foe) serveHeadlines(s network.Stream, served *deeds) {
	served.Add(1)
	defer s.Close()
	request := make([]byte, 4+1+2+1)
	if _, err := io.ReadFull(s, request); err != nil {
		return
	}
	known := make([]byte, 32*int(request[7]))
	if _, err := io.ReadFull(s, known); err != nil {
		return
	}
	limit, from := int(binary.BigEndian.Uint16(request[5:])), 0
	for i, b := range f.side {
		for at := 0; at < len(known); at += 32 {
			if consensus.Hash(known[at:at+32]) == b.ID() {
				from = i + 1
			}
		}
	}
	for _, b := range f.side[from:min(from+limit, len(f.side))] {
		if _, err := s.Write(frame(b.Headline().Encode())); err != nil {
			return
		}
	}
	_, _ = s.Write(frame(nil))
}

func nothing(s network.Stream, served *deeds) {
	served.Add(1)
	_, _ = s.Write(frame(nil))
	_ = s.Close()
}

// withheld never answers.
func withheld(s network.Stream, served *deeds) {
	served.Add(1)
	_, _ = io.Copy(io.Discard, s)
}

// garbage writes noise, lengths without what they promise and frames of noise to each stream.
func (f *foe) garbage(ctx context.Context, t *testing.T, did *deeds) {
	var wg sync.WaitGroup
	for _, name := range []string{"status", "blocks", "headers", "pool", "peers", "time", "instance", "account", "smtp"} {
		wg.Go(func() {
			r := mathrand.New(mathrand.NewPCG(1, uint64(len(name))))
			for ctx.Err() == nil {
				h := f.host(t, r.IntN(4) == 0)
				if h == nil {
					return
				}
				if h.Connect(ctx, f.victim) == nil {
					if f.greet(ctx, h, f.status(consensus.Hash{})) {
						did.Add(1)
					}
					for range 20 {
						b := make([]byte, r.IntN(3000))
						for i := range b {
							b[i] = byte(r.Uint32())
						}
						switch r.IntN(3) {
						case 0:
							b = frame(b)
						case 1:
							b = append(binary.BigEndian.AppendUint32(nil, uint32(len(b)+1000)), b...)
						}
						if written, _ := f.tell(ctx, h, name, b); !written {
							break
						}
					}
				}
				_ = h.Close()
				rest(ctx, 50*time.Millisecond)
			}
		})
	}
	wg.Wait()
}

// batches gossips batches, each of an epoch of its own.
func (f *foe) batches(ctx context.Context, t *testing.T, sent *deeds) {
	h := f.host(t, true)
	if h == nil {
		return
	}
	defer h.Close()
	ps, err := pubsub.NewGossipSub(ctx, h, pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign), pubsub.WithNoAuthor(), pubsub.WithFloodPublish(true))
	var topic *pubsub.Topic
	if err == nil {
		topic, err = ps.Join(fmt.Sprintf("/cairn/%s/batch/1", f.chain))
	}
	if ctx.Err() != nil { // it was over before it had begun
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	params := f.genesis.State().Params()
	for ctx.Err() == nil {
		if h.Connect(ctx, f.victim) != nil {
			rest(ctx, 100*time.Millisecond)
			continue
		}
		f.greet(ctx, h, f.status(consensus.Hash{}))
		for range 500 {
			b := f.batch(params, 1, consensus.Hash{})
			if topic.Publish(ctx, b.Encode()) == nil && len(topic.ListPeers()) > 0 {
				sent.Add(1)
			}
		}
	}
}

// questions asks for peers as fast as it can.
func (f *foe) questions(ctx context.Context, t *testing.T, answered *deeds) {
	h := f.host(t, true)
	if h == nil {
		return
	}
	defer h.Close()
	request := frame(binary.BigEndian.AppendUint16(make([]byte, 32), 64))
	for ctx.Err() == nil {
		written, told := false, false
		if h.Connect(ctx, f.victim) == nil {
			written, told = f.tell(ctx, h, "peers", request)
		}
		if told {
			answered.Add(1)
		}
		if !written {
			rest(ctx, 10*time.Millisecond)
		}
	}
}

// identities come, greet and stay, under ever new names.
func (f *foe) identities(ctx context.Context, t *testing.T, greeted *deeds) {
	hosts := make(chan host.Host, 60) // that stay
	defer func() {
		for close(hosts); len(hosts) > 0; {
			_ = (<-hosts).Close()
		}
	}()
	for ctx.Err() == nil {
		h := f.host(t, false)
		if h == nil {
			return
		}
		if h.Connect(ctx, f.victim) == nil && f.greet(ctx, h, f.status(consensus.Hash{})) {
			greeted.Add(1)
		}
		if len(hosts) == cap(hosts) {
			_ = (<-hosts).Close()
		}
		hosts <- h
	}
}
