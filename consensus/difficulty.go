package consensus

import (
	"encoding/binary"
	"math/bits"
)

const (
	halfLifeBlocks = 30 // the target halves or doubles for being this many T ahead or behind
	maxGapBlocks   = 20 // a longer time without blocks counts as this many T
)

// nextTarget computes the target of the block after one at the given height,
// elapsed milliseconds of chain time after genesis:
//
//	genesis target * 2^((elapsed - T*height) / (30*T))
//
// It is ASERT as in Bitcoin Cash's aserti3-2d: 16 fractional bits of the
// exponent, and 2^x for 0 <= x < 1 by a cubic in integers. The exponent is
// rounded down, the result too, and it stays within 1 and the target of
// MaxBits.
func nextTarget(genesis Target, intervalMs, elapsedMs, height uint64) Target {
	exponent := asertExponent(intervalMs, elapsedMs, height)
	shift := int(exponent >> 16)
	x := uint64(exponent & 0xffff)
	// 65536 * 2^(x/65536), from 65536 to 131071; the sum stays below 2^64.
	factor := 65536 + (195766423245049*x+971821376*x*x+5127*x*x*x+1<<47)>>48

	// genesis * factor has up to 256+17 bits: five limbs, least significant
	// first. factor carries 16 fractional bits, which leave with the shift.
	var product [5]uint64
	var carry uint64
	for i := range 4 {
		hi, lo := bits.Mul64(binary.BigEndian.Uint64(genesis[24-8*i:]), factor)
		var c uint64
		product[i], c = bits.Add64(lo, carry, 0)
		carry = hi + c
	}
	product[4] = carry
	return clampTarget(product, shift-16)
}

// asertExponent returns (elapsed - T*height) / (30*T) with 16 fractional bits,
// rounded down, and kept within 300 halvings or doublings, which is beyond
// what any target can make use of.
func asertExponent(intervalMs, elapsedMs, height uint64) int64 {
	halfLife := int64(halfLifeBlocks * intervalMs)
	limit := 300 * halfLife
	expected := saturatedMul(intervalMs, height)
	var lead int64 // how far chain time is ahead of the plan
	if elapsedMs >= expected {
		lead = int64(min(elapsedMs-expected, uint64(limit)))
	} else {
		lead = -int64(min(expected-elapsedMs, uint64(limit)))
	}
	scaled := lead << 16 // |limit| << 16 < 2^52 for T up to an hour
	exponent := scaled / halfLife
	if scaled%halfLife < 0 {
		exponent--
	}
	return exponent
}

// clampTarget returns product * 2^shift within 1 and the target of MaxBits.
func clampTarget(product [5]uint64, shift int) Target {
	easiest, _ := TargetFromBits(MaxBits)
	length := 0
	for i, limb := range product {
		if limb != 0 {
			length = 64*i + bits.Len64(limb)
		}
	}
	switch {
	case length+shift > 255:
		return easiest
	case length+shift <= 0:
		return Target{31: 1}
	}
	var t Target
	for i := range 4 {
		binary.BigEndian.PutUint64(t[24-8*i:], limbAt(product, 64*i-shift))
	}
	if easiest.less(t) {
		return easiest
	}
	return t
}

// limbAt returns the 64 bits of n from bit at upwards; bits outside of n are zero.
func limbAt(n [5]uint64, at int) uint64 {
	limb := func(i int) uint64 {
		if i < 0 || i >= len(n) {
			return 0
		}
		return n[i]
	}
	i, offset := at>>6, uint(at&63)
	if offset == 0 {
		return limb(i)
	}
	return limb(i)>>offset | limb(i+1)<<(64-offset)
}

func saturatedMul(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi != 0 {
		return ^uint64(0)
	}
	return lo
}
