package consensus

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// run is a chain of headers that exist only as numbers: difficulty and time
// rules see nothing else of them.
type run struct {
	hs   *HeaderState
	tick uint64 // T in ms
}

func newRun(bits uint32) *run {
	n := &Network{params: testParams()}
	n.params.GenesisBits = bits
	n.target, _ = TargetFromBits(bits)
	start := uint64(n.params.GenesisTime.UnixMilli())
	return &run{genesisHeaderState(n, &Header{Time: start}), uint64(n.params.BlockInterval / time.Millisecond)}
}

// block adds a block so many ms after (before, if negative) the last.
func (r *run) block(gap int64) {
	r.hs = r.hs.Next(&Header{Height: r.hs.Height() + 1, Time: uint64(int64(r.hs.Time()) + gap), Bits: r.hs.NextBits()})
}

// hashes returns the expected number of hashes for the next block.
func (r *run) hashes() float64 {
	target, _ := TargetFromBits(r.hs.NextBits())
	f, _ := new(big.Float).SetInt(target.Work().Big()).Float64()
	return f
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got/want-1) > tolerance {
		t.Errorf("%s: got %g, want %g within %g %%", what, got, want, 100*tolerance)
	}
}

func TestDifficultySteady(t *testing.T) {
	const bits = 0x1c0ffff0
	r := newRun(bits)
	for range 1000 {
		r.block(int64(r.tick))
		if r.hs.NextBits() != bits {
			t.Fatalf("blocks every T change the bits to %08x at height %d", r.hs.NextBits(), r.hs.Height())
		}
	}
}

// TestDifficultyFollowsPower draws the time of each block from the exponential
// distribution that a given hash rate leads to, and doubles the rate halfway.
func TestDifficultyFollowsPower(t *testing.T) {
	r := newRun(0x1c0ffff0)
	rng := rand.New(rand.NewPCG(1, 2))
	perTick := r.hashes()
	mine := func(blocks int, rate float64) (meanGap, meanHashes float64) {
		for range blocks {
			gap := rng.ExpFloat64() * r.hashes() / (rate * perTick) * float64(r.tick)
			r.block(int64(gap) + 1)
			meanGap += gap / float64(blocks)
			meanHashes += r.hashes() / float64(blocks)
		}
		return meanGap, meanHashes
	}
	gap, hashes := mine(3000, 1)
	near(t, "gap at the first rate", gap, float64(r.tick), 0.05)
	near(t, "hashes at the first rate", hashes, perTick, 0.05)
	mine(150, 2) // five half-lives to settle
	gap, hashes = mine(3000, 2)
	near(t, "gap at twice the rate", gap, float64(r.tick), 0.05)
	near(t, "hashes at twice the rate", hashes, 2*perTick, 0.05)
}

func TestDifficultyHalfLife(t *testing.T) {
	for _, c := range []struct {
		name  string
		gaps  []int64 // in T
		ratio float64 // of hashes afterwards to before
	}{
		{"30 blocks at once", make([]int64, 30), 2},
		{"a pause of 16 T", []int64{16}, math.Exp2(-15. / 30)},
		{"a pause of 20 T", []int64{20}, math.Exp2(-19. / 30)},
		{"a pause of 21 T counts as 20 T", []int64{21}, math.Exp2(-19. / 30)},
		{"a pause of 1,000,000 T counts as 20 T", []int64{1_000_000}, math.Exp2(-19. / 30)},
		{"two pauses count twice", []int64{500, 500}, math.Exp2(-38. / 30)},
		{"stepping back and forth moves nothing", []int64{500, -499, 499, -499, 499}, math.Exp2(-15. / 30)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRun(0x1c0ffff0)
			for range 20 {
				r.block(int64(r.tick))
			}
			before := r.hashes()
			for _, gap := range c.gaps {
				r.block(gap * int64(r.tick))
			}
			near(t, "hashes", r.hashes()/before, c.ratio, 1e-4)
		})
	}
}

// TestNextTargetAgainstFloats compares integer ASERT with its formula.
func TestNextTargetAgainstFloats(t *testing.T) {
	easiest, _ := TargetFromBits(MaxBits)
	rapid.Check(t, func(t *rapid.T) {
		var genesis Target
		copy(genesis[rapid.IntRange(1, 24).Draw(t, "zeros"):], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "target"))
		genesis[28] |= 1
		interval := rapid.Uint64Range(100, 3_600_000).Draw(t, "interval")
		height := rapid.Uint64Range(0, 1<<40).Draw(t, "height")
		lead := rapid.Int64Range(-60*30, 60*30).Draw(t, "lead") // in T
		elapsed := uint64(max(0, int64(interval*height)+lead*int64(interval)))
		got := nextTarget(genesis, interval, elapsed, height)

		var exponent float64
		if elapsed > interval*height { // without loss of digits where both are large
			exponent = float64(elapsed-interval*height) / float64(30*interval)
		} else {
			exponent = -float64(interval*height-elapsed) / float64(30*interval)
		}
		want := new(big.Float).SetInt(new(big.Int).SetBytes(genesis[:]))
		want.Mul(want, big.NewFloat(math.Exp2(exponent-math.Floor(exponent))))
		want.SetMantExp(want, int(math.Floor(exponent)))
		limit := new(big.Float).SetInt(new(big.Int).SetBytes(easiest[:]))
		if want.Cmp(limit) > 0 {
			want = limit
		}
		if want.Cmp(big.NewFloat(1e9)) < 0 { // few digits left: rounding down shows
			return
		}
		ratio, _ := new(big.Float).Quo(new(big.Float).SetInt(new(big.Int).SetBytes(got[:])), want).Float64()
		if math.Abs(ratio-1) > 2e-4 {
			t.Fatalf("target %v for exponent %v is %g times what it should be", got, exponent, ratio)
		}
	})
}

func TestNextTargetAtTheEnds(t *testing.T) {
	easiest, _ := TargetFromBits(MaxBits)
	genesis, _ := TargetFromBits(0x1c0ffff0)
	for _, c := range []struct {
		name                      string
		interval, elapsed, height uint64
		want                      Target
	}{
		{"far behind", 1000, 1 << 62, 1, easiest},
		{"as far behind as numbers go", 3_600_000, ^uint64(0), 0, easiest},
		{"far ahead", 1000, 0, 1 << 40, Target{31: 1}},
		{"as far ahead as numbers go", 3_600_000, 0, ^uint64(0), Target{31: 1}},
	} {
		if got := nextTarget(genesis, c.interval, c.elapsed, c.height); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if bits := (Target{31: 1}).Bits(); bits != 0x01010000 {
		t.Errorf("the hardest target is %08x", bits)
	}
	if _, ok := TargetFromBits(0x01010000); !ok {
		t.Error("the hardest target has no compact form")
	}
}

// TestNextTargetNeverStepsBack guards the seam between two powers of two: a
// larger exponent never leads to a smaller target.
func TestNextTargetNeverStepsBack(t *testing.T) {
	genesis, _ := TargetFromBits(0x1c0ffff0)
	last := Target{}
	for elapsed := uint64(0); elapsed < 95_000; elapsed++ { // ms; T is 1 s, height 30
		next := nextTarget(genesis, 1000, elapsed, 30)
		if next.less(last) {
			t.Fatalf("target falls from %v to %v at %d ms", last, next, elapsed)
		}
		last = next
	}
}

func TestMedianTime(t *testing.T) {
	r := newRun(MaxBits)
	start := r.hs.Time()
	offsets := []uint64{0}
	for _, gap := range []int64{5, 7, -3, 10, 1, 1, 1, 30, -20, 4, 4, 4, 100, -50, 1} {
		r.block(gap)
		offsets = append(offsets, r.hs.Time()-start)
		last := append([]uint64(nil), offsets[max(0, len(offsets)-11):]...)
		if got, want := r.hs.MedianTime()-start, selectMedian(last); got != want {
			t.Errorf("median of %v is %d, want %d", last, got, want)
		}
	}
}

// selectMedian finds the element that as many others are below as above.
func selectMedian(times []uint64) uint64 {
	for _, candidate := range times {
		below, same := 0, 0
		for _, x := range times {
			if x < candidate {
				below++
			} else if x == candidate {
				same++
			}
		}
		if below <= len(times)/2 && len(times)/2 < below+same {
			return candidate
		}
	}
	panic("no median")
}
