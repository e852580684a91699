package consensus

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/big"
	"math/bits"
)

// Work is an amount of proof of work: the number of hashes that were expected
// to be needed. It is an unsigned 256-bit number and a plain value.
type Work struct {
	limbs [4]uint64 // least significant first
}

// Add returns w + x. The sum cannot overflow in practice: it would take 2^256
// hashes. Should it, it stays at the maximum.
func (w Work) Add(x Work) Work {
	var sum Work
	var carry uint64
	for i := range sum.limbs {
		sum.limbs[i], carry = bits.Add64(w.limbs[i], x.limbs[i], carry)
	}
	if carry != 0 {
		return Work{[4]uint64{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}}
	}
	return sum
}

// Cmp returns -1, 0 or 1 as w is less than, equal to or more than x.
func (w Work) Cmp(x Work) int {
	for i := len(w.limbs) - 1; i >= 0; i-- {
		if c := cmp.Compare(w.limbs[i], x.limbs[i]); c != 0 {
			return c
		}
	}
	return 0
}

// Big returns w as a new big integer.
func (w Work) Big() *big.Int {
	b := w.Bytes()
	return new(big.Int).SetBytes(b[:])
}

// String returns w in decimal.
func (w Work) String() string { return w.Big().String() }

// MarshalText encodes w in decimal.
func (w Work) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText decodes a decimal number below 2^256.
func (w *Work) UnmarshalText(text []byte) error {
	n, ok := new(big.Int).SetString(string(text), 10)
	if !ok || n.Sign() < 0 || n.BitLen() > 256 {
		return fmt.Errorf("work %q is not a decimal number from 0 to 2^256-1", text)
	}
	*w = workFromBig(n)
	return nil
}

// Bytes returns the 32 big-endian bytes of w.
func (w Work) Bytes() (b [32]byte) {
	for i, limb := range w.limbs {
		binary.BigEndian.PutUint64(b[24-8*i:], limb)
	}
	return b
}

// WorkFromBytes is the inverse of Bytes.
func WorkFromBytes(b [32]byte) (w Work) {
	for i := range w.limbs {
		w.limbs[i] = binary.BigEndian.Uint64(b[24-8*i:])
	}
	return w
}

// workFromBig expects 0 <= n < 2^256.
func workFromBig(n *big.Int) Work {
	var b [32]byte
	n.FillBytes(b[:])
	return WorkFromBytes(b)
}
