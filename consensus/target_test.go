package consensus

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestCompactTargets(t *testing.T) {
	for _, c := range []struct {
		bits uint32
		hex  string // empty: refused
	}{
		{0x207fffff, "7fffff0000000000000000000000000000000000000000000000000000000000"},
		{0x1d00ffff, "00000000ffff0000000000000000000000000000000000000000000000000000"},
		{0x1b0404cb, "00000000000404cb000000000000000000000000000000000000000000000000"},
		{0x03123456, "0000000000000000000000000000000000000000000000000000000000123456"},
		{0x02123400, "0000000000000000000000000000000000000000000000000000000000001234"},
		{0x01120000, "0000000000000000000000000000000000000000000000000000000000000012"},
		{0x01010000, "0000000000000000000000000000000000000000000000000000000000000001"},
		{0, ""},          // zero
		{0x1d000000, ""}, // zero
		{0x1d80ffff, ""}, // sign
		{0x1d0000ff, ""}, // has a shorter form
		{0x1d007fff, ""}, // has a shorter form
		{0x02123456, ""}, // digits below the point
		{0x01123400, ""}, // digits below the point
		{0x00123456, ""}, // all digits below the point
		{0x2100ffff, ""}, // above MaxBits
		{0x21010000, ""}, // 2^256
		{0xff7fffff, ""}, // out of all bounds
	} {
		target, ok := TargetFromBits(c.bits)
		switch {
		case ok != (c.hex != ""):
			t.Errorf("%08x: ok is %v", c.bits, ok)
		case ok && target.String() != c.hex:
			t.Errorf("%08x is %v, want %s", c.bits, target, c.hex)
		case ok && target.Bits() != c.bits:
			t.Errorf("%08x comes back as %08x", c.bits, target.Bits())
		}
	}
}

func TestTargetProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var target Target
		zeros := rapid.IntRange(0, 31).Draw(t, "zero bytes")
		copy(target[zeros:], rapid.SliceOfN(rapid.Byte(), 32-zeros, 32-zeros).Draw(t, "digits"))
		target[0] &= 0x7f
		target[31] |= 1

		compact, ok := TargetFromBits(target.Bits())
		if !ok || target.less(compact) {
			t.Fatalf("bits %08x of %v stand for %v, %v: rounding down expected", target.Bits(), target, compact, ok)
		}
		next := new(big.Int).SetBytes(compact[:])
		next.Add(next, new(big.Int).Rsh(next, 15)) // the mantissa has at least 15 bits
		if exact := new(big.Int).SetBytes(target[:]); next.Cmp(exact) < 0 {
			t.Fatalf("bits %08x of %v stand for %v: too low", target.Bits(), target, compact)
		}

		// work * (target+1) <= 2^256 < (work+1) * (target+1)
		d := new(big.Int).SetBytes(target[:])
		d.Add(d, big.NewInt(1))
		w := target.Work().Big()
		limit := new(big.Int).Lsh(big.NewInt(1), 256)
		low := new(big.Int).Mul(w, d)
		if low.Cmp(limit) > 0 || low.Add(low, d).Cmp(limit) <= 0 {
			t.Fatalf("work of %v is %v", target, w)
		}

		var same Hash
		copy(same[:], target[:])
		if !target.Met(same) {
			t.Fatal("a hash equal to the target does not meet it")
		}
		if same[31] != 0xff {
			same[31]++
			if target.Met(same) {
				t.Fatal("a hash above the target meets it")
			}
		}
	})
}

func TestWorkArithmetic(t *testing.T) {
	word := func(t *rapid.T, name string) Work {
		var b [32]byte
		copy(b[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, name))
		return WorkFromBytes(b)
	}
	most := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	rapid.Check(t, func(t *rapid.T) {
		a, b := word(t, "a"), word(t, "b")
		sum := new(big.Int).Add(a.Big(), b.Big())
		if sum.Cmp(most) > 0 {
			sum = most
		}
		if a.Add(b).Big().Cmp(sum) != 0 {
			t.Fatalf("%v + %v = %v", a, b, a.Add(b))
		}
		if a.Cmp(b) != a.Big().Cmp(b.Big()) {
			t.Fatalf("%v compared with %v: %d", a, b, a.Cmp(b))
		}
		var back Work
		if err := back.UnmarshalText([]byte(a.String())); err != nil || back != a || WorkFromBytes(a.Bytes()) != a {
			t.Fatalf("%v comes back as %v: %v", a, back, err)
		}
	})
	var w Work
	for _, text := range []string{"", "-1", "0x10", "1e5", new(big.Int).Add(most, big.NewInt(1)).String()} {
		if w.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is taken for work", text)
		}
	}
}
