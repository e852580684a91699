package consensus

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"math/bits"
)

// Target is the largest header hash that is enough proof of work, as a 256-bit
// big-endian number.
type Target [32]byte

// MaxBits is the compact form of the easiest target any network may have:
// two hashes a block are expected. Difficulty adjustment stops there.
const MaxBits uint32 = 0x207fffff

// TargetFromBits expands a compact target: the top byte is an exponent e, the
// low 23 bits a mantissa m, and the target is m * 256^(e-3), as Bitcoin's
// nBits. It is not ok for zero, for bit 23 (a sign in Bitcoin), for a target
// above that of MaxBits, and for any but the one form that Target.Bits gives.
func TargetFromBits(compact uint32) (t Target, ok bool) {
	size, mantissa := int(compact>>24), compact&0x007fffff
	if mantissa == 0 || compact&0x00800000 != 0 || size < 1 || size > 32 {
		return Target{}, false
	}
	for i := range 3 {
		digit := byte(mantissa >> (8 * (2 - i)))
		at := 32 - size + i
		if at > 31 {
			if digit != 0 {
				return Target{}, false
			}
			continue
		}
		t[at] = digit
	}
	return t, t[0] <= 0x7f && t.Bits() == compact
}

// Bits returns the compact form of t, rounded down to 23 bits of mantissa at
// a byte boundary. Of zero it is zero, which is no valid target.
func (t Target) Bits() uint32 {
	size := 32
	for size > 0 && t[32-size] == 0 {
		size--
	}
	if size == 0 {
		return 0
	}
	var mantissa uint32
	for i := range 3 {
		mantissa <<= 8
		if at := 32 - size + i; at < 32 {
			mantissa |= uint32(t[at])
		}
	}
	if mantissa&0x00800000 != 0 { // keep the sign bit clear
		mantissa >>= 8
		size++
	}
	return uint32(size)<<24 | mantissa
}

// Met reports whether id, read as a big-endian number, is at most t.
func (t Target) Met(id Hash) bool { return bytes.Compare(id[:], t[:]) <= 0 }

func (t Target) less(u Target) bool { return bytes.Compare(t[:], u[:]) < 0 }

// Work returns the number of hashes expected to meet t: 2^256 / (t + 1).
func (t Target) Work() Work {
	d := new(big.Int).SetBytes(t[:])
	d.Add(d, big.NewInt(1))
	n := new(big.Int).Lsh(big.NewInt(1), 256)
	n.Div(n, d)
	if n.BitLen() > 256 { // the zero target; no valid header has it
		n.Sub(n, big.NewInt(1))
	}
	return workFromBig(n)
}

// String returns 64 hex digits.
func (t Target) String() string { return hex.EncodeToString(t[:]) }

// leadingZeroBits counts from the most significant bit of byte 0.
func leadingZeroBits(h Hash) int {
	n := 0
	for _, b := range h {
		if b != 0 {
			return n + bits.LeadingZeros8(b)
		}
		n += 8
	}
	return n
}
