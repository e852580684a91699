package p2p

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"cairn/consensus"
)

// maxGossip is the largest gossip message. Pubsub counts its own few bytes of framing into the same
// limit, and drops what is larger without an error.
const (
	maxGossip      = 256 << 10
	maxGossipData  = maxGossip - 1024
	maxEventSize   = 10 << 10 // of one encoded org event: 16 domains, 8 nodes with their proofs and 32 attestations need less
	compactVersion = 1
)

// compactBlock is a block as it is gossiped: batches, which nearly every node has in its mempool
// already, are named by short ids; org events, which are rare, come whole. A block whose events do
// not fit into a gossip message goes as its header alone.
//
//	version u8 | form u8 (0 with body, 1 header alone) | signed header 228
//	with body: events u16 | each: length u16, event | batches u16 | batches x u64
type compactBlock struct {
	Header     consensus.SignedHeader
	HeaderOnly bool
	Events     []consensus.OrgEvent
	Short      []uint64 // of the batches, in the block's order
}

// shortID abbreviates a batch id within a block: the first 8 bytes of SHA-256(block id || batch
// id). The block id takes part, so that nobody can make two batches ahead of time that share their
// short id in a block to come.
func shortID(block, batch consensus.Hash) uint64 {
	var b [64]byte
	copy(b[:32], block[:])
	copy(b[32:], batch[:])
	sum := sha256.Sum256(b[:])
	return binary.BigEndian.Uint64(sum[:8])
}

// newCompactBlock abbreviates b.
func newCompactBlock(b *consensus.Block) *compactBlock {
	id := b.ID()
	c := &compactBlock{Header: b.Header, Events: b.Events, Short: make([]uint64, len(b.Batches))}
	size := 2 + consensus.SignedHeaderSize + 2 + 2 + 8*len(c.Short)
	for i := range b.Events {
		size += 2 + b.Events[i].Size()
	}
	if size > maxGossipData {
		return &compactBlock{Header: b.Header, HeaderOnly: true}
	}
	for i := range b.Batches {
		c.Short[i] = shortID(id, b.Batches[i].ID())
	}
	return c
}

func (c *compactBlock) encode() []byte {
	b := []byte{compactVersion, 0}
	if c.HeaderOnly {
		b[1] = 1
		return c.Header.Append(b)
	}
	b = c.Header.Append(b)
	b = binary.BigEndian.AppendUint16(b, uint16(len(c.Events)))
	for i := range c.Events {
		b = binary.BigEndian.AppendUint16(b, uint16(c.Events[i].Size()))
		b = c.Events[i].Append(b)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(c.Short)))
	for _, short := range c.Short {
		b = binary.BigEndian.AppendUint64(b, short)
	}
	return b
}

func decodeCompactBlock(b []byte) (*compactBlock, error) {
	p := parser{b: b}
	version, form := p.uint8(), p.uint8()
	if p.err == nil && (version != compactVersion || form > 1) {
		p.fail("a block of version %d, form %d", version, form)
	}
	head := p.take(consensus.SignedHeaderSize)
	if p.err != nil {
		return nil, p.err
	}
	header, err := consensus.DecodeSignedHeader(head)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	c := &compactBlock{Header: *header, HeaderOnly: form == 1}
	if c.HeaderOnly {
		return c, p.end()
	}
	for n := int(p.uint16()); n > 0 && p.err == nil; n-- {
		raw := p.take(int(p.uint16()))
		if p.err != nil {
			break
		}
		e, err := consensus.DecodeEvent(raw)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errMalformed, err)
		}
		c.Events = append(c.Events, *e)
	}
	n := int(p.uint16())
	if shorts := p.take(8 * n); shorts != nil {
		c.Short = make([]uint64, n)
		for i := range c.Short {
			c.Short[i] = binary.BigEndian.Uint64(shorts[8*i:])
		}
	}
	return c, p.end()
}

// assemble builds the block from pooled batches; false if some are missing, or if what was found is
// not what the header commits to.
func (c *compactBlock) assemble(pool Pool) (*consensus.Block, bool) {
	if c.HeaderOnly {
		return nil, false
	}
	id := c.Header.ID()
	found := pool.Match(func(batch consensus.Hash) uint64 { return shortID(id, batch) }, c.Short)
	b := &consensus.Block{Header: c.Header, Events: c.Events}
	if len(c.Short) > 0 {
		b.Batches = make([]consensus.Batch, len(c.Short))
	}
	for i, short := range c.Short {
		batch := found[short]
		if batch == nil {
			return nil, false
		}
		b.Batches[i] = *batch
	}
	return b, consensus.BodyRoot(b.Header.Version, b.Events, b.Batches) == b.Header.BodyRoot
}
