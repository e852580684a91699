package record

import (
	"encoding/binary"

	"cairn/consensus"
)

// TokenVersion is the version of the tokens that are made now. Those of version 1 are read for
// ever.
const TokenVersion = 2

const (
	tokenV1 = 1 // carries records of version 1

	maxPath = 10 // hashes, of consensus.MaxMicroRecords leaves

	headV1   = 1 + 1 + 4 + 32 + 8 + 2 + 2 + 2 + 32 + 1 + 8 + 1
	headV2   = headV1 + 8 + 1 // epoch and kind
	entryV1  = 1 + 2 + 32
	entryV2  = 1 + 1 + 32
	maxLenV1 = headV1 + MaxCommitmentsV1*entryV1 + 1 + maxPath*32 + 64
	maxLenV2 = headV2 + MaxCommitments*entryV2 + 1 + MaxTags*tagLen + 1 + maxPath*32 + 64
)

// Token is what travels in the mail: where the record is, what it commits to, and the way from
// there to the signed root of its micro-batch.
type Token struct {
	Version   uint8
	ChainID   consensus.ChainID
	Recorder  consensus.Key
	Seq       uint64 // of the recorder's batch, from 1
	Micro     uint16 // number of the micro-batch in the batch, from 0
	Leaf      uint16 // number of the record in the micro-batch, from 0
	Count     uint16 // records in the micro-batch
	Secret    Secret
	Record    Record
	Path      []consensus.Hash    // from the record's leaf to the micro-root
	Signature consensus.Signature // of the recorder over consensus.MicroSigningBytes
}

// Encode returns the token's fixed layout, big endian.
//
// Version 2: version u8, flags u8 (0), chain id u32, recorder 32, epoch u64, seq u64, micro u16,
// leaf u16, count u16, secret 32, record version u8, kind u8, time u64, n u8, n x (type u8, index
// u8, commitment 32), t u8, t x tag 10, path length u8, path, signature 64. An index is at most
// 255.
//
// Version 1 has no epoch, kind and tags, and indices of 2 bytes.
func (t *Token) Encode() []byte {
	v2 := t.Version != tokenV1
	size := headV2 + len(t.Record.Commitments)*entryV1 + 1 + len(t.Record.Tags)*tagLen + 1 + len(t.Path)*32 + 64
	b := make([]byte, 0, size)
	b = append(b, t.Version, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(t.ChainID))
	b = append(b, t.Recorder[:]...)
	if v2 {
		b = binary.BigEndian.AppendUint64(b, t.Record.Epoch)
	}
	b = binary.BigEndian.AppendUint64(b, t.Seq)
	b = binary.BigEndian.AppendUint16(b, t.Micro)
	b = binary.BigEndian.AppendUint16(b, t.Leaf)
	b = binary.BigEndian.AppendUint16(b, t.Count)
	b = append(b, t.Secret[:]...)
	b = append(b, t.Record.Version)
	if v2 {
		b = append(b, byte(t.Record.Kind))
	}
	b = binary.BigEndian.AppendUint64(b, t.Record.Time)
	b = append(b, uint8(len(t.Record.Commitments)))
	for _, c := range t.Record.Commitments {
		b = append(b, byte(c.Type))
		if v2 {
			b = append(b, uint8(c.Index))
		} else {
			b = binary.BigEndian.AppendUint16(b, c.Index)
		}
		b = append(b, c.C[:]...)
	}
	if v2 {
		b = appendTags(b, t.Record.Tags)
	}
	b = append(b, uint8(len(t.Path)))
	for _, h := range t.Path {
		b = append(b, h[:]...)
	}
	return append(b, t.Signature[:]...)
}

// RecordID returns the record's leaf hash, which names it.
func (t *Token) RecordID() consensus.Hash { return t.Record.Leaf() }

// MicroRoot returns the root that leaf and path lead to, with the micro-batch's count; the zero
// Hash if the path does not fit leaf number and count.
func (t *Token) MicroRoot() consensus.MicroRoot { return t.MicroRootFrom(t.RecordID()) }

// MicroRootFrom is MicroRoot for who knows t's RecordID, which takes a hash for each commitment.
func (t *Token) MicroRootFrom(id consensus.Hash) consensus.MicroRoot {
	root, _ := consensus.VerifyMerklePath(id, int(t.Leaf), int(t.Count), t.Path)
	return consensus.MicroRoot{Root: root, Count: t.Count}
}

// VerifySignature reports whether the recorder key signed the micro-root that the path leads to
// (consensus.VerifySignature). Whether that key belongs to an organisation is the chain's to say.
func (t *Token) VerifySignature() bool {
	m := t.MicroRoot()
	return !m.Root.IsZero() && consensus.VerifySignature(t.Recorder, t.signed(m), t.Signature)
}

// signed is what Signature has to be of, where the path leads to m.
func (t *Token) signed(m consensus.MicroRoot) []byte {
	return consensus.MicroSigningBytes(t.ChainID, t.Record.Epoch, t.Seq, t.Micro, m)
}
