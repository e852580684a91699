package consensus

import (
	"crypto/sha256"
	"encoding/binary"
)

// Limits of blocks.
const (
	MaxBody      = 512 << 10 // bytes of an encoded body
	MaxBlockSize = SignedHeaderSize + MaxBody
	bodyCounts   = 2 + 2 // bytes of the two counts that a body begins with
)

// Block is a header with the events and batches that it commits to.
type Block struct {
	Header  SignedHeader
	Events  []OrgEvent
	Batches []Batch // see RuleBatchOrder for their order
}

// ID returns the ID of the block's header.
func (b *Block) ID() Hash { return b.Header.ID() }

// BodyRoot returns SHA-256(0x01 || root of the events || root of the batches), where both roots are
// Merkle roots. A leaf's data is the ID, and under version 2 SHA-256 of what the ID does not cover
// behind it: signature and attestations. So a block's ID covers all but the signature of its
// header.
func BodyRoot(version uint16, events []OrgEvent, batches []Batch) Hash {
	return NodeHash(bodyRoots(version, events, batches))
}

// bodyRoots returns the two Merkle roots that a body root is made of.
func bodyRoots(version uint16, events []OrgEvent, batches []Batch) (ofEvents, ofBatches Hash) {
	leaves := make([]Hash, max(len(events), len(batches)))
	for i := range events {
		leaves[i] = bodyLeaf(version, events[i].ID(), events[i].appendUncovered)
	}
	ofEvents = MerkleRoot(leaves[:len(events)])
	for i := range batches {
		leaves[i] = bodyLeaf(version, batches[i].ID(), batches[i].appendUncovered)
	}
	return ofEvents, MerkleRoot(leaves[:len(batches)])
}

// bodyLeaf is the leaf hash of an event or batch with that ID; uncovered appends what the ID does
// not cover.
func bodyLeaf(version uint16, id Hash, uncovered func([]byte) []byte) Hash {
	if version < ParamsV2 {
		return LeafHash(id[:])
	}
	var room [64]byte
	seal := sha256.Sum256(uncovered(room[:0]))
	return LeafHash(append(id[:], seal[:]...))
}

// BodySize returns the number of bytes of the encoded body.
func (b *Block) BodySize() int {
	size := bodyCounts
	for i := range b.Events {
		size += b.Events[i].Size()
	}
	for i := range b.Batches {
		size += b.Batches[i].Size()
	}
	return size
}

// Size returns the number of bytes of the encoding.
func (b *Block) Size() int { return SignedHeaderSize + b.BodySize() }

// Append appends the encoding: signed header, number of events u16, number of
// batches u16, events, batches.
func (b *Block) Append(buf []byte) []byte {
	buf = b.Header.Append(buf)
	buf = binary.BigEndian.AppendUint16(buf, uint16(len(b.Events)))
	buf = binary.BigEndian.AppendUint16(buf, uint16(len(b.Batches)))
	for i := range b.Events {
		buf = b.Events[i].Append(buf)
	}
	for i := range b.Batches {
		buf = b.Batches[i].Append(buf)
	}
	return buf
}

// Encode returns the encoding of b.
func (b *Block) Encode() []byte {
	return b.Append(make([]byte, 0, b.Size()))
}

func (r *reader) block() (b Block) {
	b.Header = r.signedHeader()
	body := r.pos
	events, batches := int(r.uint16()), int(r.uint16())
	for i := 0; i < events && r.err == nil; i++ {
		b.Events = append(b.Events, r.event())
	}
	for i := 0; i < batches && r.err == nil; i++ {
		b.Batches = append(b.Batches, r.batch())
	}
	if r.err == nil && r.pos-body > MaxBody {
		r.err = broken(RuleBodySize, "body of %d bytes, at most %d allowed", r.pos-body, MaxBody)
	}
	return b
}

// DecodeBlock decodes exactly one block.
func DecodeBlock(buf []byte) (*Block, error) {
	if len(buf) > MaxBlockSize {
		return nil, broken(RuleBodySize, "block of %d bytes, at most %d allowed", len(buf), MaxBlockSize)
	}
	r := reader{what: "block", buf: buf}
	b := r.block()
	if err := r.end(); err != nil {
		return nil, err
	}
	return &b, nil
}
