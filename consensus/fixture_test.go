package consensus

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"
)

// testKey derives a key from a name, so that tests and vectors repeat.
func testKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("consensus test key " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// member holds the private keys of a made-up organisation with one node.
type member struct {
	name                string
	org, node, recorder ed25519.PrivateKey
}

func newMember(name string) member {
	return member{name, testKey(name + " org"), testKey(name + " node"), testKey(name + " recorder")}
}

func (m member) key() Key { return PublicKey(m.recorder) }

// unsigned returns m's enrol event without stamp and signature.
func (m member) unsigned(chain ChainID) OrgEvent {
	org := PublicKey(m.org)
	return OrgEvent{
		Version: ParamsV1, ChainID: chain,
		Content: &Enrol{
			Name:    m.name,
			Domains: []string{m.name + ".example", m.name + ".test"},
			OrgKey:  org,
			Nodes:   []NodeKeys{NewNodeKeys(chain, org, m.node, m.recorder)},
			Records: RecordsAll, ThresholdFloor: 75,
		},
	}
}

// enrolled is the entry of the member table that an enrol event makes at that height.
func enrolled(e *OrgEvent, height uint64) *Org {
	m, _ := newMembers().apply(&Params{Version: e.Version}, []OrgEvent{*e}, height)
	for _, o := range m.orgs.All() {
		return o
	}
	return nil
}

// finish stamps and signs e.
func (m member) finish(e OrgEvent, stamp uint8) OrgEvent {
	e.Stamp, _ = SolveIdentityStamp(nil, e.ChainID, PublicKey(m.org), stamp)
	e.Sign(m.org)
	return e
}

func (m member) enrol(p *Params) OrgEvent {
	return m.finish(m.unsigned(p.ChainID()), p.IdentityStamp)
}

// batch returns m's next batch on top of s, closed at the given time.
func (m member) batch(s *State, at uint64) Batch {
	tip, _ := s.BatchTip(Series{Recorder: m.key()})
	return m.batchAfter(s, tip, at)
}

func (m member) batchAfter(s *State, tip BatchTip, at uint64) Batch {
	root := LeafHash(fmt.Appendf(nil, "%s %d", m.name, at))
	b := Batch{
		ChainID: s.ChainID(), Seq: tip.Seq + 1, Prev: tip.ID, Time: at,
		Micros: []MicroRoot{{Root: root, Count: 3}, {Root: NodeHash(root, root), Count: 1}},
	}
	b.Seal(nil, s.Params(), m.recorder)
	return b
}

func (b *Batch) tip() BatchTip { return BatchTip{Seq: b.Seq, ID: b.ID(), Time: b.Time} }

func testParams() Params {
	return Params{
		Version:       ParamsV1,
		Name:          "test network",
		BlockInterval: time.Second,
		GenesisTime:   time.UnixMilli(1_800_000_000_000).UTC(),
		GenesisBits:   MaxBits,
		IdentityStamp: 4,
		BatchStamp:    3,
		Admission:     AdmissionOpen,
		Nonce:         [16]byte{15: 1},
	}
}

func testGenesis(tb testing.TB) (*Genesis, member) {
	tb.Helper()
	founder := newMember("alpha")
	p := testParams()
	g, err := NewGenesis(p, founder.enrol(&p), founder.recorder)
	if err != nil {
		tb.Fatal(err)
	}
	return g, founder
}

// draft returns a block on top of s with all fields set but nonce and signature.
func draft(s *State, miner member, events []OrgEvent, batches []Batch) *Block {
	return &Block{
		Header: SignedHeader{Header: Header{
			Version: s.Params().Version, ChainID: s.ChainID(), Height: s.Height() + 1, Prev: s.Tip(),
			BodyRoot: BodyRoot(s.Params().Version, events, batches), StateRoot: StateRootAfter(s, events, batches),
			Miner: miner.key(), Time: s.Time() + 1000, Bits: s.NextBits(),
		}},
		Events: events, Batches: batches,
	}
}

// solve finds the proof of work and signs.
func solve(b *Block, miner member) *Block {
	target, _ := TargetFromBits(b.Header.Bits)
	nonce, ok := NewPowHasher(&b.Header.Header).Search(target, 0, 1<<20)
	if !ok {
		panic("target too hard for a test")
	}
	b.Header.Nonce = nonce
	b.Header = SignHeader(b.Header.Header, miner.recorder)
	return b
}

// grownChain is a network with the blocks on top of it.
type grownChain struct {
	genesis *Genesis
	blocks  []*Block // without genesis
	state   *State   // after the last
}

// grow applies a block, which has to be valid.
func (c *grownChain) grow(tb testing.TB, b *Block) *Undo {
	tb.Helper()
	if err := ValidateBlock(c.state, b); err != nil {
		tb.Fatal(err)
	}
	next, undo := ApplyBlock(c.state, b)
	c.blocks, c.state = append(c.blocks, b), next
	return undo
}
