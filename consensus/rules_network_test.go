package consensus

import (
	"crypto/ed25519"
	"strings"
	"time"
)

func inParams(change func(p *Params)) func(*ruleFixture) error {
	return func(f *ruleFixture) error {
		p := testParams()
		change(&p)
		enrol := f.alpha.finish(f.alpha.unsigned(p.ChainID()), 4)
		_, err := NewGenesis(p, enrol, f.alpha.recorder)
		g := &Genesis{Params: p, Block: Block{Events: []OrgEvent{enrol}}}
		g.signBy(f.alpha.recorder)
		f.vector = &ruleVector{kind: "network", value: g.Encode()}
		return agree(p.Check(), err)
	}
}

// inGenesis changes a valid network, signs its header again, and decodes it.
func inGenesis(change func(f *ruleFixture, g *Genesis)) func(*ruleFixture) error {
	return func(f *ruleFixture) error {
		g := *f.genesis
		change(f, &g)
		g.Block.Header = SignHeader(g.Block.Header.Header, f.alpha.recorder)
		return f.network(&g)
	}
}

// inGenesisBody changes what is in the first block, and the header with it.
func inGenesisBody(change func(f *ruleFixture, g *Genesis)) func(*ruleFixture) error {
	return func(f *ruleFixture) error {
		g := *f.genesis
		change(f, &g)
		g.signBy(f.alpha.recorder)
		return f.network(&g)
	}
}

// signBy gives g the header that it has to have.
func (g *Genesis) signBy(recorder ed25519.PrivateKey) {
	h := g.expectedHeader()
	h.Miner = PublicKey(recorder)
	g.Block.Header = SignHeader(h, recorder)
}

// network checks a network, as a value and in bytes.
func (f *ruleFixture) network(g *Genesis) error {
	f.vector = &ruleVector{kind: "network", value: g.Encode()}
	_, err := DecodeGenesis(f.vector.value)
	return agree(err, g.Check())
}

var networkCases = []ruleCase{
	{"no name", RuleParams, inParams(func(p *Params) { p.Name = "" })},
	{"long name", RuleParams, inParams(func(p *Params) { p.Name = strings.Repeat("n", MaxNetworkName+1) })},
	{"name with a control character", RuleParams, inParams(func(p *Params) { p.Name = "a\x1b" })},
	{"blocks too fast", RuleParams, inParams(func(p *Params) { p.BlockInterval = 99 * time.Millisecond })},
	{"blocks too slow", RuleParams, inParams(func(p *Params) { p.BlockInterval = time.Hour + time.Millisecond })},
	{"part of a millisecond", RuleParams, inParams(func(p *Params) { p.BlockInterval += time.Microsecond })},
	{"before 1970", RuleParams, inParams(func(p *Params) { p.GenesisTime = time.UnixMilli(-1) })},
	{"part of a millisecond at genesis", RuleParams, inParams(func(p *Params) { p.GenesisTime = p.GenesisTime.Add(1) })},
	{"too easy", RuleParams, inParams(func(p *Params) { p.GenesisBits = 0x2100ffff })},
	{"no target", RuleParams, inParams(func(p *Params) { p.GenesisBits = 0 })},
	{"stamp beyond reach", RuleParams, inParams(func(p *Params) { p.BatchStamp = 65 })},
	{"admission unknown", RuleParams, inParams(func(p *Params) { p.Admission = 2 })},

	{"no event", RuleGenesis, inGenesisBody(func(f *ruleFixture, g *Genesis) { g.Block.Events = nil })},
	{"a batch at genesis", RuleGenesis, inGenesisBody(func(f *ruleFixture, g *Genesis) {
		g.Block.Batches = []Batch{f.alpha.batch(g.State(), 5)}
	})},
	{"parameters changed", RuleChain, inGenesis(func(f *ruleFixture, g *Genesis) { g.Params.Nonce[0] = 1 })},
	{"time of another genesis", RuleGenesis, inGenesis(func(f *ruleFixture, g *Genesis) { g.Block.Header.Time++ })},
	{"a nonce at genesis", RuleGenesis, inGenesis(func(f *ruleFixture, g *Genesis) { g.Block.Header.Nonce = 1 })},
	{"height at genesis", RuleGenesis, inGenesis(func(f *ruleFixture, g *Genesis) { g.Block.Header.Height = 1 })},
	{"state root at genesis", RuleGenesis, inGenesis(func(f *ruleFixture, g *Genesis) { g.Block.Header.StateRoot[5]++ })},
	{"founder without stamp", RuleIdentityStamp, inGenesisBody(func(f *ruleFixture, g *Genesis) {
		e := g.Block.Events[0]
		for IdentityStampBits(e.ChainID, e.Enrol().OrgKey, e.Stamp) >= int(g.Params.IdentityStamp) {
			e.Stamp++
		}
		e.Sign(f.alpha.org)
		g.Block.Events = []OrgEvent{e}
	})},
	{"miner is not the founder", RuleUnknownMiner, inGenesis(func(f *ruleFixture, g *Genesis) { g.Block.Header.Miner = f.beta.key() })},
	{"genesis signed by another key", RuleHeaderSignature, func(f *ruleFixture) error {
		g := *f.genesis
		g.Block.Header = SignHeader(g.Block.Header.Header, f.beta.recorder)
		return f.network(&g)
	}},
}

func decodes[T any](kind string, decode func([]byte) (T, error), bytes func(f *ruleFixture) []byte) func(*ruleFixture) error {
	return func(f *ruleFixture) error {
		f.vector = &ruleVector{kind: kind, value: bytes(f)}
		_, err := decode(f.vector.value)
		return err
	}
}

func (f *ruleFixture) encodedBatch() []byte {
	b := f.alpha.batch(f.state, 1)
	return b.Encode()
}

func (f *ruleFixture) encodedEvent(change func(b []byte)) []byte {
	e := f.gamma.enrol(f.state.Params())
	b := e.Encode()
	change(b)
	return b
}

var codecCases = []ruleCase{
	{"short header", RuleEncoding, decodes("header", DecodeHeader, func(f *ruleFixture) []byte { return make([]byte, HeaderSize-1) })},
	{"long header", RuleEncoding, decodes("header", DecodeHeader, func(f *ruleFixture) []byte { return make([]byte, HeaderSize+1) })},
	{"header without signature", RuleEncoding, decodes("signed header", DecodeSignedHeader, func(f *ruleFixture) []byte { return make([]byte, HeaderSize) })},
	{"nothing", RuleEncoding, decodes("block", DecodeBlock, func(f *ruleFixture) []byte { return nil })},
	{"batch cut short", RuleEncoding, decodes("batch", DecodeBatch, func(f *ruleFixture) []byte { b := f.encodedBatch(); return b[:len(b)-1] })},
	{"batch and more", RuleEncoding, decodes("batch", DecodeBatch, func(f *ruleFixture) []byte { return append(f.encodedBatch(), 0) })},
	{"records miscounted", RuleEncoding, decodes("batch", DecodeBatch, func(f *ruleFixture) []byte { b := f.encodedBatch(); b[125]++; return b })},
	{"micro-roots beyond the limit", RuleEncoding, decodes("batch", DecodeBatch, func(f *ruleFixture) []byte { b := f.encodedBatch(); b[121] = 65; return b })},
	{"micro-roots announced only", RuleEncoding, decodes("batch", DecodeBatch, func(f *ruleFixture) []byte { b := f.encodedBatch(); b[121] = 64; return b })},
	{"encoded event of version 3", RuleVersion, decodes("event", DecodeEvent, func(f *ruleFixture) []byte { return f.encodedEvent(func(b []byte) { b[1] = 3 }) })},
	{"encoded event of type 2", RuleEventType, decodes("event", DecodeEvent, func(f *ruleFixture) []byte { return f.encodedEvent(func(b []byte) { b[2] = 2 }) })},
	{"oversize block", RuleBodySize, decodes("block", DecodeBlock, func(f *ruleFixture) []byte { return make([]byte, MaxBlockSize+1) })},
	{"not a network file", RuleEncoding, decodes("network", DecodeGenesis, func(f *ruleFixture) []byte { return []byte("From: a@b.example") })},
	{"network file cut short", RuleEncoding, decodes("network", DecodeGenesis, func(f *ruleFixture) []byte { b := f.genesis.Encode(); return b[:len(b)-1] })},
	{"network file and more", RuleEncoding, decodes("network", DecodeGenesis, func(f *ruleFixture) []byte { return append(f.genesis.Encode(), 0) })},
	{"network file of another version", RuleVersion, decodes("network", DecodeGenesis, func(f *ruleFixture) []byte {
		b := f.genesis.Encode()
		b[len(genesisMagic)+1] = 9
		return b
	})},
}
