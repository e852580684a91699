package p2p

import (
	"crypto/ed25519"
	"io/fs"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// offer is a branch from genesis that a foe has on offer.
type offer struct {
	blocks []*consensus.Block
	end    *consensus.State
	lines  atomic.Int64 // that were asked for
	bodies atomic.Int64
}

// newOffer makes a branch of blocks that organisation number by of net makes, each with one batch
// 220 times, which is half a MiB.
func newOffer(net *chaintest.Network, by, count int, gap time.Duration) *offer {
	o := &offer{end: net.Genesis.State()}
	batch := net.Batches(o.end, 0, 1, "again and again")[0]
	batch.Micros = slices.Repeat(batch.Micros, consensus.MaxMicros)
	batch.Seal(nil, o.end.Params(), net.Orgs[0].Recorder)
	body := chaintest.Body{Batches: slices.Repeat([]consensus.Batch{batch}, 220)}
	for range count {
		body.Time = time.UnixMilli(int64(o.end.Time())).Add(gap)
		b := net.Mine(o.end, by, body)
		o.blocks = append(o.blocks, b)
		o.end = consensus.AfterHeadline(o.end, b.Headline())
	}
	return o
}

// serve makes f a peer that offers the branch and says that it has all work there is.
func (o *offer) serve(f *foe) {
	place := map[consensus.Hash]int{f.victim.genesis: 0}
	for i, b := range o.blocks {
		place[b.ID()] = i + 1
	}
	answer := func(asked *atomic.Int64, encode func(b *consensus.Block) []byte) network.StreamHandler {
		return func(s network.Stream) {
			defer func() { _ = s.Close() }()
			raw, err := readFrame(s, maxBlockRequest)
			if err != nil {
				return
			}
			req, err := decodeBlockRequest(raw)
			if err != nil {
				return
			}
			asked.Add(1)
			from := place[req.Hashes[slices.IndexFunc(req.Hashes, func(id consensus.Hash) bool { _, ok := place[id]; return ok })]]
			for _, b := range o.blocks[from:min(from+int(req.Limit), len(o.blocks))] {
				_ = writeFrame(s, encode(b))
			}
			_ = writeFrame(s, nil)
		}
	}
	f.SetStreamHandler(f.victim.names.headers, answer(&o.lines, func(b *consensus.Block) []byte { return b.Headline().Encode() }))
	f.SetStreamHandler(f.victim.names.blocks, answer(&o.bodies, (*consensus.Block).Encode))
	claim := f.victim.ownStatus()
	claim.Record, claim.Height, claim.Tip, claim.Work = nil, 1<<40, o.end.Tip(), consensus.WorkFromBytes([32]byte{1})
	f.SetStreamHandler(f.victim.names.status, func(s network.Stream) {
		_, _ = readFrame(s, maxStatus)
		_ = writeFrame(s, claim.encode())
		_ = s.Close()
	})
	f.connect()
	f.send(f.victim.names.status, framed(claim.encode()))
}

// Branches that cost two hashes a block and have half a MiB in each take no room on the disk,
// whoever offers them: one of strangers or with less work than the own chain is known by its
// headlines, and of one that a member made with more work, the first block shows what is wrong.
func TestBranchesTakeNoRoom(t *testing.T) {
	const own, long = 80, 120
	net := chaintest.New(2)
	stranger := chaintest.New(5).Orgs[4]
	others := &chaintest.Network{Genesis: net.Genesis, Orgs: []chaintest.Org{net.Orgs[0], stranger}}
	for _, c := range []struct {
		name   string
		net    *chaintest.Network
		by     int
		key    ed25519.PrivateKey
		count  int
		bodies bool // some are asked for
	}{
		{"of a stranger, with more work", others, 1, stranger.Node, long, false},
		{"with less work", net, 0, net.Orgs[1].Node, own - 1, false},
		{"of a member, with more work", net, 0, net.Orgs[1].Node, long, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			maker := start(t, net, 0, setup{dir: dir})
			list, s := net.Chain(maker.chain.State(), own)
			maker.add(list...)
			maker.stop()
			before := diskBytes(t, dir)
			victim := start(t, net, 0, setup{dir: dir})
			o := newOffer(c.net, c.by, c.count, chaintest.Interval)
			o.serve(newStranger(t, victim, identityOf(t, c.key)))
			eventually(t, "the branch is looked at", func() bool {
				stats := victim.Stats()
				return o.lines.Load() > 0 && stats["sync.failed"] >= 1
			})
			if asked := o.bodies.Load(); (asked > 0) != c.bodies {
				t.Errorf("bodies were asked for %d times", asked)
			}
			if victim.chain.Tip().ID != s.Tip() {
				t.Error("the tip has moved")
			}
			victim.stop()
			if grown := diskBytes(t, dir) - before; grown > 64<<10 {
				t.Errorf("%d bytes were stored for a branch of %d blocks", grown, c.count)
			}
		})
	}
}

// diskBytes returns the bytes of a directory's files.
func diskBytes(t *testing.T, dir string) (sum int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
