package consensus

import "testing"

func TestPowHasherAgreesWithID(t *testing.T) {
	f := newRuleFixture(t)
	h := draft(f.state, f.alpha, nil, nil).Header.Header
	hasher := NewPowHasher(&h)
	for _, nonce := range []uint64{0, 1, 7, 1 << 16, 1<<48 + 3, ^uint64(0), 0} {
		h.Nonce = nonce
		if got := hasher.Hash(nonce); got != h.ID() {
			t.Errorf("nonce %d: hash %v, ID %v", nonce, got, h.ID())
		}
	}
	if allocs := testing.AllocsPerRun(100, func() { hasher.Hash(42) }); allocs != 0 {
		t.Errorf("%v allocations per hash", allocs)
	}
}

func TestSearchStaysInItsRange(t *testing.T) {
	f := newRuleFixture(t)
	h := draft(f.state, f.alpha, nil, nil).Header.Header
	hasher := NewPowHasher(&h)
	target, _ := TargetFromBits(0x2007ffff) // one in 32
	nonce, ok := hasher.Search(target, 0, 10_000)
	if !ok || !target.Met(hasher.Hash(nonce)) {
		t.Fatalf("nonce %d, %v", nonce, ok)
	}
	if _, ok := hasher.Search(target, 0, nonce); ok {
		t.Error("the first nonce is not the first")
	}
	if again, ok := hasher.Search(target, nonce, 1); !ok || again != nonce {
		t.Error("a range of one nonce is not searched")
	}
	if _, ok := hasher.Search(target, 0, 0); ok {
		t.Error("an empty range has a nonce")
	}
}

func TestStampSearchStops(t *testing.T) {
	f := newRuleFixture(t)
	asked := 0
	stop := func() bool { asked++; return asked > 2 }
	if _, ok := SolveIdentityStamp(stop, 1, f.alpha.key(), 64); ok || asked != 3 {
		t.Errorf("identity stamp of 64 bits: ok %v, asked %d times", ok, asked)
	}
	b := f.alpha.batch(f.state, 1)
	signature := b.Signature
	if b.Seal(func() bool { return true }, &Params{Version: ParamsV1, BatchStamp: 64}, f.alpha.recorder) || b.Signature != signature {
		t.Error("a batch is sealed although the search was stopped")
	}
}

func TestStampsHaveTheBitsAskedFor(t *testing.T) {
	f := newRuleFixture(t)
	for _, bits := range []uint8{0, 1, 8, 12} {
		nonce, ok := SolveIdentityStamp(nil, 7, f.alpha.key(), bits)
		if got := IdentityStampBits(7, f.alpha.key(), nonce); !ok || got < int(bits) {
			t.Errorf("identity stamp of %d bits: %d, %v", bits, got, ok)
		}
		b := f.alpha.batch(f.state, 1)
		if !b.Seal(nil, &Params{Version: ParamsV1, BatchStamp: bits}, f.alpha.recorder) || leadingZeroBits(b.ID()) < int(bits) {
			t.Errorf("batch stamp of %d bits: ID %v", bits, b.ID())
		}
	}
	if n := leadingZeroBits(Hash{}); n != 256 {
		t.Errorf("zero has %d leading zero bits", n)
	}
	if n := leadingZeroBits(Hash{0, 0x1f}); n != 11 {
		t.Errorf("00 1f has %d leading zero bits", n)
	}
}
