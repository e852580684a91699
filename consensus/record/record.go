package record

import (
	"crypto/sha256"
	"encoding/binary"

	"cairn/consensus"
	"cairn/mailstore/message"
)

// RecordVersion is the version of the records that are made now. Those of version 1 are read for
// ever.
const RecordVersion = 2

// recordV1 is the version of records without kind, epoch and tags.
const recordV1 = 1

// Kind says what a record is of. It is in the leaf's hash, so that a record of one kind cannot be
// shown as one of another.
type Kind uint8

// The kinds of record. Nothing makes or accepts documents and receipts yet; their numbers are
// kept, so that version 2 can hold them.
const (
	KindMail     Kind = 1 // also of every record of version 1
	KindDocument Kind = 2
	KindReceipt  Kind = 3
)

// String says for people what the record is of.
func (k Kind) String() string {
	switch k {
	case KindMail:
		return "mail"
	case KindDocument:
		return "a document"
	case KindReceipt:
		return "a receipt"
	}
	return "something unknown"
}

// MaxCommitments is how many commitments a record has at most; MaxCommitmentsV1 one of version 1.
const (
	MaxCommitments   = message.MaxComponents
	MaxCommitmentsV1 = message.MaxComponentsV1
)

// Record is one organisation's commitment to a message for the recipients of one domain.
type Record struct {
	Version     uint8
	Kind        Kind   // KindMail in version 1, which does not encode it
	Time        uint64 // of sealing, unix milliseconds
	Epoch       uint64 // of the recorder key; 0 under parameters of version 1
	Commitments []Commitment
	Tags        []Tag // strictly ascending, at most MaxTags; none in version 1
}

// Root returns the head of the RFC 6962 tree over the entries type u8 || index u16 || commitment.
// The labels are part of the entries: otherwise a relay could call the commitment of a part that it
// removed one to another envelope recipient, and nothing would be missing.
func (r *Record) Root() consensus.Hash { return consensus.MerkleRoot(r.entries()) }

// ComponentPath returns the path from the entry of commitment number i to Root, which with the salt
// and the content proves that component alone. It panics if there is no such commitment.
func (r *Record) ComponentPath(i int) []consensus.Hash { return consensus.MerklePath(r.entries(), i) }

func (r *Record) entries() []consensus.Hash {
	hashes := make([]consensus.Hash, len(r.Commitments))
	for i, c := range r.Commitments {
		hashes[i] = c.Entry()
	}
	return hashes
}

// Entry returns the commitment's leaf in the tree of its record: SHA256(0x00 || type u8 || index
// u16 || C).
func (c Commitment) Entry() consensus.Hash {
	var in [1 + 2 + 32]byte
	in[0] = byte(c.Type)
	binary.BigEndian.PutUint16(in[1:], c.Index)
	copy(in[3:], c.C[:])
	return consensus.LeafHash(in[:])
}

// Leaf returns the record's leaf in its micro-batch, which is also its id:
//
//	version 1: SHA256(0x00 || version u8 || time u64 || n u8 || Root)
//	version 2: SHA256(0x00 || version u8 || kind u8 || time u64 || epoch u64 || n u8 || Root || TagsHash)
//
// Every field has a fixed place, the version the first one, and the two inputs differ in length
// from each other (43 and 84 bytes), from the entry of a commitment (36) and from a node of a tree
// (65, which begins with 0x01): no leaf can pass for another version's, another kind's or a node.
func (r *Record) Leaf() consensus.Hash {
	root := r.Root()
	if r.Version == recordV1 {
		var in [1 + 1 + 8 + 1 + 32]byte
		in[1] = r.Version
		binary.BigEndian.PutUint64(in[2:], r.Time)
		in[10] = uint8(len(r.Commitments))
		copy(in[11:], root[:])
		return sha256.Sum256(in[:])
	}
	var in [1 + 1 + 1 + 8 + 8 + 1 + 32 + 32]byte
	in[1], in[2] = r.Version, byte(r.Kind)
	binary.BigEndian.PutUint64(in[3:], r.Time)
	binary.BigEndian.PutUint64(in[11:], r.Epoch)
	in[19] = uint8(len(r.Commitments))
	copy(in[20:], root[:])
	tags := r.TagsHash()
	copy(in[52:], tags[:])
	return sha256.Sum256(in[:])
}

// TagsHash returns SHA256(t u8 || tags), t being their number.
func (r *Record) TagsHash() consensus.Hash {
	return sha256.Sum256(appendTags(make([]byte, 0, 1+len(r.Tags)*tagLen), r.Tags))
}

// Tree returns the root over the leaves of a micro-batch, and each leaf's path when asked for its
// number.
func Tree(leaves []consensus.Hash) (root consensus.Hash, path func(i int) []consensus.Hash) {
	t := consensus.NewMerkleTree(leaves)
	return t.Root(), t.Path
}
