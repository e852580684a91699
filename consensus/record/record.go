package record

import (
	"crypto/sha256"
	"encoding/binary"

	"cairn/consensus"
)

// RecordVersion is the version of a record's layout and canonical forms.
const RecordVersion = 1

// Record is one organisation's commitment to a message for the recipients of one domain.
type Record struct {
	Version     uint8
	Time        uint64 // of sealing, unix milliseconds
	Commitments []Commitment
}

// Root returns the head of the RFC 6962 tree over the entries type u8 || index u16 || commitment. The labels are part of the entries: otherwise a
// relay could call the commitment of a part that it removed one to another envelope recipient, and nothing would be missing.
func (r *Record) Root() consensus.Hash { return consensus.MerkleRoot(r.entries()) }

// ComponentPath returns the path from the entry of commitment number i to Root, which with the salt and the content proves that component alone. It
// panics if there is no such commitment.
func (r *Record) ComponentPath(i int) []consensus.Hash { return consensus.MerklePath(r.entries(), i) }

func (r *Record) entries() []consensus.Hash {
	hashes := make([]consensus.Hash, len(r.Commitments))
	for i, c := range r.Commitments {
		hashes[i] = c.Entry()
	}
	return hashes
}

// Entry returns the commitment's leaf in the tree of its record: SHA256(0x00 || type u8 || index u16 || C).
func (c Commitment) Entry() consensus.Hash { return consensus.LeafHash(c.append(nil)) }

// append appends type u8, index u16 and C.
func (c Commitment) append(b []byte) []byte {
	b = append(b, byte(c.Type))
	b = binary.BigEndian.AppendUint16(b, c.Index)
	return append(b, c.C[:]...)
}

// Leaf returns the record's leaf in its micro-batch, which is also its id: SHA256(0x00 || version u8 || time u64 || n u8 || Root).
func (r *Record) Leaf() consensus.Hash {
	return leafHash(r.Version, r.Time, uint8(len(r.Commitments)), r.Root())
}

func leafHash(version uint8, time uint64, n uint8, root consensus.Hash) consensus.Hash {
	var in [1 + 1 + 8 + 1 + 32]byte
	in[1] = version
	binary.BigEndian.PutUint64(in[2:], time)
	in[10] = n
	copy(in[11:], root[:])
	return sha256.Sum256(in[:])
}

// Tree returns the root over the leaves of a micro-batch, and each leaf's path when asked for its number.
func Tree(leaves []consensus.Hash) (root consensus.Hash, path func(i int) []consensus.Hash) {
	t := consensus.NewMerkleTree(leaves)
	return t.Root(), t.Path
}

// VerifyPath returns the root that the path leads to from leaf i of n; not ok if i or the length of the path is wrong.
func VerifyPath(leaf consensus.Hash, i, n int, path []consensus.Hash) (root consensus.Hash, ok bool) {
	return consensus.VerifyMerklePath(leaf, i, n, path)
}
