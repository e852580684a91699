package consensus

import (
	"crypto/ed25519"
	"encoding/binary"
)

// Sizes and limits of batches.
const (
	BatchFixedSize   = 134 // bytes that are hashed to the batch's ID
	batchFixedSizeV2 = BatchFixedSize + 8 + 32
	MicroSize        = 34 // bytes of one micro-root entry
	MaxMicros        = 64 // micro-roots in a batch
	MaxMicroRecords  = 1024
	MaxBatchSize     = batchFixedSizeV2 + MaxMicros*MicroSize + 64
	MaxBatchesPerKey = 8 // in one block
)

// MicroRoot stands for one micro-batch: the records that a node sealed together.
type MicroRoot struct {
	Root  Hash   // Merkle root over the records' leaves
	Count uint16 // records, 1 to MaxMicroRecords
}

// Batch is what a recorder key puts into a block: a numbered, signed list of
// micro-roots that is chained to the key's previous batch.
type Batch struct {
	Version   uint16
	Flags     uint16 // zero
	ChainID   ChainID
	Recorder  Key
	Epoch     uint64 `json:",omitzero"` // version 2: of the recorder key, random, not 0
	Seq       uint64 // from 1, without gaps
	Prev      Hash   // ID of batch Seq-1 of the same series; zero when Seq is 1
	Time      uint64 // milliseconds since 1970 at which it was closed; in version 2 a claim
	Tip       Hash   `json:",omitzero"` // version 2: ID of the block at the signer's tip, a claim: what it records is younger
	Root      Hash   // Merkle root over the encoded micro-roots, see MicrosRoot
	Micros    []MicroRoot
	Stamp     uint64    // makes the ID begin with Params.BatchStamp zero bits
	Signature Signature // by Recorder over "cairn/1 batch" || chain id || ID
}

// Series is what batches are numbered in: a recorder key and, in networks with parameters of
// version 2, an epoch of it. A node that cannot tell what it signed last opens another.
type Series struct {
	Recorder Key
	Epoch    uint64 // 0 under version 1
}

// Series returns the series that b belongs to.
func (b *Batch) Series() Series { return Series{b.Recorder, b.Epoch} }

// Append appends the MicroSize bytes of m to b.
func (m MicroRoot) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint16(append(b, m.Root[:]...), m.Count)
}

// MicrosRoot returns the Merkle root over the entries' encodings.
func MicrosRoot(micros []MicroRoot) Hash {
	leaves := make([]Hash, len(micros))
	var b [MicroSize]byte
	for i, m := range micros {
		leaves[i] = LeafHash(m.Append(b[:0]))
	}
	return MerkleRoot(leaves)
}

// Records returns the number of records in all micro-batches.
func (b *Batch) Records() int {
	n := 0
	for _, m := range b.Micros {
		n += int(m.Count)
	}
	return n
}

func (b *Batch) appendFixed(buf []byte) []byte {
	buf = binary.BigEndian.AppendUint16(buf, b.Version)
	buf = binary.BigEndian.AppendUint16(buf, b.Flags)
	buf = binary.BigEndian.AppendUint32(buf, uint32(b.ChainID))
	buf = append(buf, b.Recorder[:]...)
	if b.Version >= ParamsV2 {
		buf = binary.BigEndian.AppendUint64(buf, b.Epoch)
	}
	buf = binary.BigEndian.AppendUint64(buf, b.Seq)
	buf = append(buf, b.Prev[:]...)
	buf = binary.BigEndian.AppendUint64(buf, b.Time)
	if b.Version >= ParamsV2 {
		buf = append(buf, b.Tip[:]...)
	}
	buf = append(buf, b.Root[:]...)
	buf = binary.BigEndian.AppendUint16(buf, uint16(len(b.Micros)))
	buf = binary.BigEndian.AppendUint32(buf, uint32(b.Records()))
	return binary.BigEndian.AppendUint64(buf, b.Stamp)
}

// fixedSize is the number of bytes that come before the micro-roots.
func (b *Batch) fixedSize() int {
	if b.Version >= ParamsV2 {
		return batchFixedSizeV2
	}
	return BatchFixedSize
}

// ID returns SHA-256d of the bytes that come before the
// micro-roots. They hold the micro-roots' Merkle root, so the ID covers all
// but the signature.
func (b *Batch) ID() Hash {
	var fixed [batchFixedSizeV2]byte
	return doubleHash(b.appendFixed(fixed[:0]))
}

// SigningBytes returns what the recorder key signs.
func (b *Batch) SigningBytes() []byte {
	id := b.ID()
	return signingBytes(purposeBatch, b.ChainID, id[:])
}

// Size returns the number of bytes of the encoding.
func (b *Batch) Size() int { return b.fixedSize() + len(b.Micros)*MicroSize + len(b.Signature) }

// Append appends the encoding: fixed part, micro-roots, signature.
func (b *Batch) Append(buf []byte) []byte {
	buf = b.appendFixed(buf)
	for _, m := range b.Micros {
		buf = m.Append(buf)
	}
	return b.appendUncovered(buf)
}

// appendUncovered appends what the ID does not cover.
func (b *Batch) appendUncovered(buf []byte) []byte { return append(buf, b.Signature[:]...) }

// Encode returns the encoding of b, Size bytes.
func (b *Batch) Encode() []byte { return b.Append(make([]byte, 0, b.Size())) }

// Seal finishes a batch whose other fields are set: it fills in Version,
// Recorder and Root, finds a stamp of the given number of bits, and signs. It
// returns false, leaving b unfinished, when stop returns true; stop may be nil
// and is asked every few thousand hashes.
func (b *Batch) Seal(stop func() bool, p *Params, recorder ed25519.PrivateKey) bool {
	b.Version = p.Version
	b.Recorder = PublicKey(recorder)
	b.Root = MicrosRoot(b.Micros)
	var ok bool
	if b.Stamp, ok = SolveBatchStamp(stop, b, p.BatchStamp); !ok {
		return false
	}
	b.Signature = sign(recorder, b.SigningBytes())
	return true
}

func (r *reader) batch() (b Batch) {
	b.Version, b.Flags = r.uint16(), r.uint16()
	b.ChainID = ChainID(r.uint32())
	b.Recorder = r.key()
	if b.Version >= ParamsV2 {
		b.Epoch = r.uint64()
	}
	b.Seq = r.uint64()
	b.Prev = r.hash()
	b.Time = r.uint64()
	if b.Version >= ParamsV2 {
		b.Tip = r.hash()
	}
	b.Root = r.hash()
	n := r.count(MaxMicros)
	records := r.uint32()
	b.Stamp = r.uint64()
	if r.err == nil && n == 0 {
		r.fail("no micro-roots")
	}
	if entries := r.take(n * MicroSize); entries != nil {
		b.Micros = make([]MicroRoot, n)
		for i := range b.Micros {
			e := entries[i*MicroSize:]
			b.Micros[i] = MicroRoot{Root: Hash(e[:32]), Count: binary.BigEndian.Uint16(e[32:])}
		}
	}
	if sum := b.Records(); r.err == nil && uint64(sum) != uint64(records) {
		r.fail("%d records announced, the micro-roots have %d", records, sum)
	}
	b.Signature = r.sig()
	return b
}

// DecodeBatch decodes exactly one batch.
func DecodeBatch(buf []byte) (*Batch, error) {
	r := reader{what: "batch", buf: buf}
	b := r.batch()
	if err := r.end(); err != nil {
		return nil, err
	}
	return &b, nil
}
