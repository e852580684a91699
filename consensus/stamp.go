package consensus

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash"
)

// PowHasher computes SHA-256d of bytes that end in a 64-bit nonce, for one
// nonce after another: the whole blocks of SHA-256 before the nonce are hashed
// once, and a nonce costs no allocation. It is not for concurrent use; every
// goroutine that searches has its own.
type PowHasher struct {
	midstate []byte    // state of SHA-256 after the fixed whole blocks
	tail     []byte    // what is left, the nonce last
	digest   hash.Hash // scratch
	restore  encoding.BinaryUnmarshaler
	sum      [sha256.Size]byte
}

// NewPowHasher returns a hasher of h's encoding; h.Nonce is not used.
func NewPowHasher(h *Header) *PowHasher { return newNonceHasher(h.Encode()) }

// newNonceHasher takes over b, whose last eight bytes stand for the nonce.
func newNonceHasher(b []byte) *PowHasher {
	fixed := (len(b) - 8) / sha256.BlockSize * sha256.BlockSize
	d := sha256.New()
	d.Write(b[:fixed])
	// crypto/sha256 documents that its hashes implement both interfaces;
	// marshalling one cannot fail.
	midstate, err := d.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic("consensus: the state of SHA-256 cannot be saved: " + err.Error())
	}
	return &PowHasher{midstate: midstate, tail: b[fixed:], digest: d, restore: d.(encoding.BinaryUnmarshaler)}
}

// Hash returns SHA-256d of the bytes with the given nonce: for a header, its ID.
func (p *PowHasher) Hash(nonce uint64) Hash {
	if err := p.restore.UnmarshalBinary(p.midstate); err != nil {
		panic("consensus: the state of SHA-256 cannot be restored: " + err.Error())
	}
	binary.BigEndian.PutUint64(p.tail[len(p.tail)-8:], nonce)
	p.digest.Write(p.tail)
	return sha256.Sum256(p.digest.Sum(p.sum[:0]))
}

// Search tries n nonces from start on and returns the first whose hash meets t.
func (p *PowHasher) Search(t Target, start, n uint64) (nonce uint64, ok bool) {
	for i := range n {
		if t.Met(p.Hash(start + i)) {
			return start + i, true
		}
	}
	return 0, false
}

// stampRound is how many hashes are made between two calls of stop.
const stampRound = 4096

// solveStamp looks for a nonce whose hash begins with that many zero bits.
func (p *PowHasher) solveStamp(stop func() bool, zeroBits uint8) (nonce uint64, ok bool) {
	for start := uint64(0); ; start += stampRound {
		if stop != nil && stop() {
			return 0, false
		}
		for nonce := start; nonce < start+stampRound; nonce++ {
			if leadingZeroBits(p.Hash(nonce)) >= int(zeroBits) {
				return nonce, true
			}
		}
	}
}

func identityStampBytes(chain ChainID, org Key, nonce uint64) []byte {
	return binary.BigEndian.AppendUint64(signingBytes(purposeIdentity, chain, org[:]), nonce)
}

// IdentityStampBits returns the leading zero bits of
// SHA-256d("cairn/1 identity" || chain id || org key || nonce).
func IdentityStampBits(chain ChainID, org Key, nonce uint64) int {
	return leadingZeroBits(doubleHash(identityStampBytes(chain, org, nonce)))
}

// SolveIdentityStamp finds a nonce for OrgEvent.Stamp that has at least that
// many zero bits. It gives up, not ok, when stop returns true; stop may be nil
// and is asked every few thousand hashes.
func SolveIdentityStamp(stop func() bool, chain ChainID, org Key, zeroBits uint8) (nonce uint64, ok bool) {
	return newNonceHasher(identityStampBytes(chain, org, 0)).solveStamp(stop, zeroBits)
}

// SolveEventStamp finds a value for e.Stamp that makes e's ID begin with at least that many zero
// bits, as events but enrolments have to; all other fields but the signature and attestations must
// be final. It gives up, not ok, when stop returns true, as SolveIdentityStamp does.
func SolveEventStamp(stop func() bool, e *OrgEvent, zeroBits uint8) (nonce uint64, ok bool) {
	return newNonceHasher(e.appendUnsigned(make([]byte, 0, 512))).solveStamp(stop, zeroBits)
}

// SolveBatchStamp finds a value for b.Stamp that makes b's ID begin with at
// least that many zero bits; all other fields but the signature must be final.
// It gives up, not ok, when stop returns true, as SolveIdentityStamp does.
func SolveBatchStamp(stop func() bool, b *Batch, zeroBits uint8) (nonce uint64, ok bool) {
	return newNonceHasher(b.appendFixed(make([]byte, 0, batchFixedSizeV2))).solveStamp(stop, zeroBits)
}
