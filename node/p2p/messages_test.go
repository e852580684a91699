package p2p

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// roundTrip fuzzes a decoder: what it accepts is encoded to the same bytes, what it refuses is
// called malformed.
func roundTrip[T interface{ encode() []byte }](f *testing.F, decode func([]byte) (T, error), seeds ...[]byte) {
	f.Add([]byte{})
	for _, s := range seeds {
		f.Add(s)
		f.Add(s[:len(s)/2])
		f.Add(append(bytes.Clone(s), 0))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decode(b)
		if err != nil {
			if !errors.Is(err, errMalformed) {
				t.Fatalf("error %v is not errMalformed", err)
			}
			return
		}
		if got := v.encode(); !bytes.Equal(got, b) {
			t.Fatalf("decoded and encoded again:\n%x\n%x", b, got)
		}
	})
}

func seedStatus() *status {
	return &status{Version: 1, Chain: 7, Genesis: consensus.Hash{1}, Tip: consensus.Hash{2}, Height: 3,
		Work: consensus.WorkFromBytes([32]byte{31: 9}), Record: []byte("record")}
}

func FuzzStatus(f *testing.F) { roundTrip(f, decodeStatus, seedStatus().encode()) }

func FuzzBlockRequest(f *testing.F) {
	after := blockRequest{Kind: blocksAfter, Limit: 500, Hashes: make([]consensus.Hash, maxLocator)}
	byID := blockRequest{Kind: blocksByID, Limit: 1, Hashes: make([]consensus.Hash, 1)}
	roundTrip(f, decodeBlockRequest, after.encode(), byID.encode())
}

func FuzzPeersRequest(f *testing.F) {
	roundTrip(f, decodePeersRequest, (&peersRequest{Node: consensus.Key{5}, Limit: 9}).encode())
}

func FuzzPoolList(f *testing.F) {
	l := poolList{Events: []consensus.Hash{{1}}, Batches: []consensus.Hash{{2}, {3}}}
	roundTrip(f, decodePoolList, l.encode())
}

func FuzzCompactBlock(f *testing.F) {
	net := chaintest.New(3)
	b := net.Mine(net.Genesis.State(), 0, chaintest.Body{Events: net.Enrolments(), Batches: net.Batches(net.Genesis.State(), 0, 5, "seed")})
	whole := newCompactBlock(b)
	head := compactBlock{Header: b.Header, HeaderOnly: true}
	empty := newCompactBlock(net.Mine(net.Genesis.State(), 0, chaintest.Body{}))
	roundTrip(f, decodeCompactBlock, whole.encode(), head.encode(), empty.encode())
}

func FuzzFrame(f *testing.F) {
	var two bytes.Buffer
	_ = writeFrame(&two, []byte("first"))
	_ = writeFrame(&two, nil)
	f.Add(two.Bytes(), 5)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1}, 100)
	f.Add([]byte{0, 0, 0, 9, 1}, 9)
	f.Fuzz(func(t *testing.T, b []byte, most int) {
		most &= 1<<20 - 1
		frame, err := readFrame(bytes.NewReader(b), most)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := writeFrame(&again, frame); err != nil || !bytes.HasPrefix(b, again.Bytes()) || len(frame) > most {
			t.Fatalf("frame of %d bytes, at most %d: %x", len(frame), most, b)
		}
	})
}

func TestLimitsOfMessages(t *testing.T) {
	for name, err := range map[string]error{
		"a record too large": errOf(decodeStatus((&status{Record: make([]byte, maxRecord+1)}).encode())),
		"no locator":         errOf(decodeBlockRequest((&blockRequest{Kind: blocksAfter, Limit: 1}).encode())),
		"a long locator":     errOf(decodeBlockRequest((&blockRequest{Kind: blocksAfter, Limit: 1, Hashes: make([]consensus.Hash, maxLocator+1)}).encode())),
		"too many ids":       errOf(decodeBlockRequest((&blockRequest{Kind: blocksByID, Limit: 1, Hashes: make([]consensus.Hash, maxWanted+1)}).encode())),
		"too many blocks":    errOf(decodeBlockRequest((&blockRequest{Kind: blocksAfter, Limit: maxBlocks + 1, Hashes: make([]consensus.Hash, 1)}).encode())),
		"an unknown kind":    errOf(decodeBlockRequest((&blockRequest{Kind: 3, Limit: 1, Hashes: make([]consensus.Hash, 1)}).encode())),
		"a long pool list":   errOf(decodePoolList((&poolList{Events: make([]consensus.Hash, maxPoolEvents+1)}).encode())),
		"a large frame":      errOf(readFrame(bytes.NewReader([]byte{0, 1, 0, 0}), 1<<16-1)),
	} {
		if !errors.Is(err, errMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readFrame(bytes.NewReader([]byte{0, 0, 0, 9, 1}), 9); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a frame cut short: %v", err)
	}
}

func errOf[T any](_ T, err error) error { return err }

func TestCompactBlockOfManyEventsIsItsHeader(t *testing.T) {
	net := chaintest.New(1)
	b := net.Mine(net.Genesis.State(), 0, chaintest.Body{})
	for range maxGossip / net.Orgs[0].Event.Size() {
		b.Events = append(b.Events, net.Orgs[0].Event)
	}
	c := newCompactBlock(b)
	if !c.HeaderOnly || len(c.encode()) > maxGossipData {
		t.Errorf("header only: %v, %d bytes", c.HeaderOnly, len(c.encode()))
	}
	if _, ok := c.assemble(nil); ok {
		t.Error("a block was made of a header alone")
	}
}

// TestLargestEventFits holds that gossip carries every event that a block may have.
func TestLargestEventFits(t *testing.T) {
	label := strings.Repeat("a", 63)
	domain := strings.Join([]string{label, label, label, label}, ".")[:consensus.MaxDomainName]
	e := &consensus.OrgEvent{
		Version: consensus.ParamsV2, Attestations: make([]consensus.Attestation, consensus.MaxAttestations),
		Content: &consensus.Enrol{
			Name: strings.Repeat("n", consensus.MaxOrgName), Nodes: make([]consensus.NodeKeys, consensus.MaxNodes),
			Domains: slices.Repeat([]string{domain}, consensus.MaxDomains),
		},
	}
	if size := e.Size(); size != len(e.Encode()) || size > maxEventSize {
		t.Errorf("an event of %d bytes, gossip takes %d", size, maxEventSize)
	}
}

// poolOf is the part of a mempool that assembling needs.
type poolOf struct {
	Pool
	batches []consensus.Batch
}

func (p poolOf) Match(short func(consensus.Hash) uint64, _ []uint64) map[uint64]*consensus.Batch {
	found := make(map[uint64]*consensus.Batch)
	for i := range p.batches {
		found[short(p.batches[i].ID())] = &p.batches[i]
	}
	return found
}

// Property: a block is rebuilt exactly when the mempool has all of its batches, whatever else it
// has.
func TestAssemble(t *testing.T) {
	net := chaintest.New(2)
	s := net.Genesis.State()
	batches := net.Batches(s, 0, 8, "in")
	others := net.Batches(s, 0, 8, "out")
	b := net.Mine(s, 0, chaintest.Body{Events: net.Enrolments(), Batches: batches})
	c, err := decodeCompactBlock(newCompactBlock(b).encode())
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		has := rapid.SliceOfNDistinct(rapid.IntRange(0, 15), 0, 16, rapid.ID[int]).Draw(t, "has")
		var p poolOf
		in := 0
		for _, i := range has {
			if i < 8 {
				p.batches = append(p.batches, batches[i])
				in++
			} else {
				p.batches = append(p.batches, others[i-8])
			}
		}
		got, ok := c.assemble(p)
		if ok != (in == 8) {
			t.Fatalf("%d of 8 batches in the mempool, rebuilt: %v", in, ok)
		}
		if ok && !bytes.Equal(got.Encode(), b.Encode()) {
			t.Fatal("another block came out")
		}
	})
	// Short ids that lead to the wrong batches are found out by the body root.
	c.Short[0], c.Short[1] = c.Short[1], c.Short[0]
	if _, ok := c.assemble(poolOf{batches: batches}); ok {
		t.Error("a block with batches in another order passed")
	}
}

func FuzzSighting(f *testing.F) {
	s := &sighting{Instance: Instance{1}, Seen: Instance{2}, Silent: true}
	roundTrip(f, decodeSighting, s.encode())
}
