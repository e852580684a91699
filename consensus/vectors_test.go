package consensus

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"cairn/consensus/vectortest"
)

// hexBytes is a byte string that JSON shows in hexadecimal.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode(nil, text)
	return err
}

type headerVector struct {
	Header       Header
	Encoding     hexBytes
	ID           Hash
	SigningBytes hexBytes
	Seed         hexBytes // of the miner's private key, RFC 8032, section 5.1.5
	Signature    Signature
}

func TestHeaderVectors(t *testing.T) {
	_, b := fuzzBlock(t)
	h := b.Header
	v := headerVector{h.Header, h.Header.Encode(), h.ID(), h.SigningBytes(), hexBytes(testKey("alpha recorder").Seed()), h.Signature}
	vectortest.Check(t, "header.json", []headerVector{v})
	// The ID, from its definition and nothing else.
	first := sha256.Sum256(v.Encoding)
	if id := Hash(sha256.Sum256(first[:])); id != v.ID || len(v.Encoding) != 164 {
		t.Errorf("%d bytes with ID %v, want %v", len(v.Encoding), id, v.ID)
	}
}

type batchVector struct {
	Batch             Batch
	Encoding          hexBytes
	ID                Hash
	SigningBytes      hexBytes
	MicroSigningBytes []hexBytes
	Seed              hexBytes // of the recorder's private key
}

func TestBatchVectors(t *testing.T) {
	f, block := fuzzBlock(t)
	var vectors []batchVector
	for i, seed := range []string{"alpha recorder", "beta recorder"} {
		b := block.Batches[i]
		v := batchVector{b, b.Encode(), b.ID(), b.SigningBytes(), nil, testKey(seed).Seed()}
		for i, m := range b.Micros {
			v.MicroSigningBytes = append(v.MicroSigningBytes, MicroSigningBytes(b.ChainID, b.Epoch, b.Seq, uint16(i), m))
		}
		if err := ValidateBatches(f.state, nil, []Batch{b})[0]; err != nil {
			t.Fatal(err)
		}
		vectors = append(vectors, v)
	}
	vectortest.Check(t, "batch.json", vectors)
}

type eventVector struct {
	Event        OrgEvent
	Encoding     hexBytes
	ID           Hash
	SigningBytes hexBytes
	Seed         hexBytes // of the organisation's private key
	Member       hexBytes // its entry in the member table if enrolled at height 3
}

func TestEventVectors(t *testing.T) {
	_, block := fuzzBlock(t)
	e := block.Events[0]
	vectortest.Check(t, "event.json", []eventVector{{e, e.Encode(), e.ID(), e.SigningBytes(), testKey("gamma org").Seed(), enrolled(&e, 3).Encode()}})
}

type blockVector struct {
	Network      hexBytes // network file
	ParamsHash   Hash
	ChainID      ChainID
	GenesisID    Hash
	GenesisState Hash
	Blocks       []hexBytes // each valid on top of the one before
	IDs          []Hash
	StateRoots   []Hash
	Work         []Work
	HeaderState  hexBytes // after the last
	NextBits     uint32
}

func TestBlockVectors(t *testing.T) {
	f, _ := fuzzBlock(t)
	g := f.genesis
	first := solve(draft(g.State(), f.alpha, []OrgEvent{f.beta.enrol(&g.Params)}, nil), f.alpha)
	afterFirst, _ := ApplyBlock(g.State(), first)
	a := f.alpha.batch(afterFirst, afterFirst.Time()+10)
	second := solve(draft(afterFirst, f.beta, nil, []Batch{a}), f.beta)
	v := blockVector{
		Network: g.Encode(), ParamsHash: g.Params.Hash(), ChainID: g.Params.ChainID(),
		GenesisID: g.Block.ID(), GenesisState: g.Block.Header.StateRoot,
	}
	s := g.State()
	for _, b := range []*Block{first, second} {
		if err := ValidateBlock(s, b); err != nil {
			t.Fatal(err)
		}
		s, _ = ApplyBlock(s, b)
		v.Blocks = append(v.Blocks, b.Encode())
		v.IDs = append(v.IDs, b.ID())
		v.StateRoots = append(v.StateRoots, b.Header.StateRoot)
		v.Work = append(v.Work, s.Work())
	}
	v.HeaderState, v.NextBits = s.HeaderState().Encode(), s.NextBits()
	vectortest.Check(t, "genesis.json", v)
}

type targetVectors struct {
	Compact []compactVector
	ASERT   []asertVector
}

type compactVector struct {
	Bits   uint32
	Target string
	Work   Work
}

type asertVector struct {
	GenesisBits, BlockIntervalMs, ElapsedMs, Height uint64
	Target                                          string
	Bits                                            uint32
}

func TestTargetVectors(t *testing.T) {
	var v targetVectors
	for _, compact := range []uint32{MaxBits, 0x1f00ffff, 0x1d00ffff, 0x1b0404cb, 0x03123456, 0x01010000} {
		target, ok := TargetFromBits(compact)
		if !ok {
			t.Fatalf("%08x is refused", compact)
		}
		v.Compact = append(v.Compact, compactVector{compact, target.String(), target.Work()})
	}
	for _, c := range []struct{ bits, interval, elapsed, height uint64 }{
		{0x1d00ffff, 30_000, 0, 0},
		{0x1d00ffff, 30_000, 30_000, 1},
		{0x1d00ffff, 30_000, 0, 1},
		{0x1d00ffff, 30_000, 0, 30},
		{0x1d00ffff, 30_000, 900_000, 0},
		{0x1d00ffff, 30_000, 600_000, 1},
		{0x1d00ffff, 30_000, 123_456_789, 4_000},
		{0x1d00ffff, 30_000, 119_999_999, 4_000},
		{0x1b0404cb, 1_000, 86_400_000, 86_399},
		{0x1b0404cb, 1_000, 86_400_000, 90_000},
		{0x1f00ffff, 1_000, 10_000_000, 1},
		{0x01010000, 1_000, 0, 1_000_000},
	} {
		genesis, _ := TargetFromBits(uint32(c.bits))
		next := nextTarget(genesis, c.interval, c.elapsed, c.height)
		v.ASERT = append(v.ASERT, asertVector{c.bits, c.interval, c.elapsed, c.height, next.String(), next.Bits()})
	}
	vectortest.Check(t, "targets.json", v)
}
