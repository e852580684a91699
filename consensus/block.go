package consensus

import "encoding/binary"

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

// BodyRoot returns SHA-256(0x01 || root of event IDs || root of batch IDs),
// where both roots are Merkle roots over LeafHash(ID).
func BodyRoot(events []OrgEvent, batches []Batch) Hash {
	leaves := make([]Hash, max(len(events), len(batches)))
	for i := range events {
		id := events[i].ID()
		leaves[i] = LeafHash(id[:])
	}
	eventsRoot := MerkleRoot(leaves[:len(events)])
	for i := range batches {
		id := batches[i].ID()
		leaves[i] = LeafHash(id[:])
	}
	return NodeHash(eventsRoot, MerkleRoot(leaves[:len(batches)]))
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
	return b.Append(make([]byte, 0, SignedHeaderSize+b.BodySize()))
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
