package consensus

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"slices"
	"strings"
)

// genesisMagic begins every network file and holds the version of its form.
const genesisMagic = "cairn network 1\n"

// MaxGenesisSize is the most bytes that a network file can have.
const MaxGenesisSize = len(genesisMagic) + 2 + 1 + 255 + 4 + 8 + 4 + 4 + 16 + 1 + MaxBlockSize + 2 + maxBeside

const maxBeside = 1024

// Genesis is a network: its parameters and first block. Its encoding is the
// network file that nodes are given when they join. The block has height 0 and
// no proof of work, follows Params.Hash, and holds one event: the enrolment of
// the founder, one of whose recorder keys signs the header.
type Genesis struct {
	Params Params
	Block  Block
	// Beside is what a file of version 2 says of the network that is no part of what it is, and may
	// be another in each file: room for a checkpoint, which this program passes over.
	Beside []byte `json:",omitempty"`
}

// NewGenesis makes a network. enrol is the founder's signed and stamped event
// for p's chain id, recorder the private half of one of its recorder keys. The
// error says which rule the parts break.
func NewGenesis(p Params, enrol OrgEvent, recorder ed25519.PrivateKey) (*Genesis, error) {
	p.GenesisTime = p.GenesisTime.UTC()
	g := &Genesis{Params: p, Block: Block{Events: []OrgEvent{enrol}}}
	h := g.expectedHeader()
	h.Miner = PublicKey(recorder)
	g.Block.Header = SignHeader(h, recorder)
	if err := g.Check(); err != nil {
		return nil, err
	}
	return g, nil
}

// expectedHeader returns the only header that g may have, but for the miner.
func (g *Genesis) expectedHeader() Header {
	hash := g.Params.Hash()
	return Header{
		Version:   g.Params.Version,
		ChainID:   g.Params.ChainID(),
		Prev:      hash,
		BodyRoot:  BodyRoot(g.Params.Version, g.Block.Events, g.Block.Batches),
		StateRoot: stateRoot(&Network{params: g.Params}, g.members(), newTips(nil), ancestry{}),
		Time:      uint64(g.Params.GenesisTime.UnixMilli()),
		Bits:      g.Params.GenesisBits,
	}
}

func (g *Genesis) members() *members {
	m, _ := newMembers().apply(&g.Params, g.Block.Events, 0)
	return m
}

// Check returns a *RuleError if g is not a valid network.
func (g *Genesis) Check() error {
	if err := g.Params.Check(); err != nil {
		return err
	}
	if len(g.Block.Events) != 1 || len(g.Block.Batches) != 0 {
		return broken(RuleGenesis, "%d events and %d batches: the founder's enrolment alone expected", len(g.Block.Events), len(g.Block.Batches))
	}
	founder := &g.Block.Events[0]
	if founder.Type() != EventEnrol {
		return broken(RuleGenesis, "an event of type %v: the founder's enrolment alone expected", founder.Type())
	}
	if err := CheckEvent(&g.Params, g.Params.ChainID(), founder); err != nil {
		return err
	}
	header := &g.Block.Header
	expected := g.expectedHeader()
	expected.Miner = header.Miner
	if header.Header != expected {
		return broken(RuleGenesis, "header %+v, %+v expected", header.Header, expected)
	}
	if !slices.Contains(founder.Recorders(), header.Miner) {
		return broken(RuleUnknownMiner, "miner key %v is not among the founder's recorder keys", header.Miner)
	}
	if !VerifySignature(header.Miner, header.SigningBytes(), header.Signature) {
		return broken(RuleHeaderSignature, "genesis header is not signed by its miner %v", header.Miner)
	}
	return nil
}

// Network returns what the rules need to know of g.
func (g *Genesis) Network() *Network {
	n := &Network{params: g.Params, chain: g.Params.ChainID(), genesis: g.Block.ID()}
	n.target, _ = TargetFromBits(g.Params.GenesisBits)
	return n
}

// State returns the state after the genesis block of a valid network.
func (g *Genesis) State() *State {
	return &State{
		hs:      genesisHeaderState(g.Network(), &g.Block.Header.Header),
		members: g.members(),
		tips:    newTips(nil),
	}
}

// Encode returns the network file: a line of text, parameters, block; in version 2 a length u16 and
// what is beside.
func (g *Genesis) Encode() []byte {
	b := g.Block.Append(g.Params.Append([]byte(genesisMagic)))
	if g.Params.Version >= ParamsV2 {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(g.Beside))), g.Beside...)
	}
	return b
}

// DecodeGenesis decodes and checks a network file.
func DecodeGenesis(b []byte) (*Genesis, error) {
	if len(b) > MaxGenesisSize {
		return nil, broken(RuleEncoding, "network file of %d bytes, at most %d expected", len(b), MaxGenesisSize)
	}
	if !strings.HasPrefix(string(b[:min(len(b), len(genesisMagic))]), genesisMagic) {
		return nil, broken(RuleEncoding, "not a network file: it does not begin with %q", genesisMagic)
	}
	r := reader{what: "network file", buf: b, pos: len(genesisMagic)}
	g := &Genesis{Params: r.params(), Block: r.block()}
	if g.Params.Version >= ParamsV2 {
		g.Beside = bytes.Clone(r.take(r.count(maxBeside)))
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	if err := g.Check(); err != nil {
		return nil, err
	}
	return g, nil
}
