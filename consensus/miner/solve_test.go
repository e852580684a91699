package miner

import (
	"context"
	"math"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cairn/consensus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// unsolvable is the target 1, which nobody meets.
const unsolvable = 0x01010000

func TestSolve(t *testing.T) {
	for _, share := range []float64{0.2, 1, 2.5} {
		h := consensus.Header{Bits: BitsFor(20000), Time: uint64(share * 10)}
		if !newSolver(share).solve(t.Context(), &h) {
			t.Fatalf("share %v: not solved", share)
		}
		target, _ := consensus.TargetFromBits(h.Bits)
		if !target.Met(h.ID()) {
			t.Fatalf("share %v: the nonce does not meet the target", share)
		}
	}
}

func TestSolveRefusesAtOnce(t *testing.T) {
	for _, c := range []struct {
		bits  uint32
		share float64
	}{{0, 1}, {0xffffffff, 1}, {consensus.MaxBits, 0}, {consensus.MaxBits, -1}, {consensus.MaxBits, math.NaN()}, {consensus.MaxBits, math.Inf(1)}} {
		if newSolver(c.share).solve(t.Context(), &consensus.Header{Bits: c.bits}) {
			t.Errorf("bits %08x with share %v: solved", c.bits, c.share)
		}
	}
}

func TestSolveStops(t *testing.T) {
	for _, share := range []float64{0.001, 1, 3} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if newSolver(share).solve(ctx, &consensus.Header{Bits: unsolvable}) {
			t.Fatal("solved what nobody can")
		}
		if ctx.Err() == nil {
			t.Errorf("share %v: stopped before the end", share)
		}
		cancel()
	}
}

// The rest that is due survives the end of a search, so that starting over often
// does not raise the share.
func TestShareOverManySearches(t *testing.T) {
	const share = 0.05
	s := newSolver(share)
	var worked time.Duration
	begin := time.Now()
	for time.Since(begin) < 600*time.Millisecond {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		due := s.workers[0].due
		searched := time.Now()
		s.solve(ctx, &consensus.Header{Bits: unsolvable})
		cancel()
		// due grows by work / share - work and falls by the time slept.
		earned := s.workers[0].due - due + time.Since(searched)
		worked += time.Duration(float64(earned) * share)
	}
	if got := float64(worked) / float64(time.Since(begin)); got > 2*share || got < share/4 {
		t.Errorf("share %.3f over many searches, want about %.3f", got, share)
	}
}

func TestRestOwesNothingForSuspension(t *testing.T) {
	r := rest{perWork: 9}
	r.earn(time.Millisecond)
	if r.due != 9*time.Millisecond {
		t.Fatalf("%v due after 1 ms at a tenth of a core, want 9 ms", r.due)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	r.sleep(ended)
	if r.due < 5*time.Millisecond {
		t.Fatalf("a rest that was cut short is forgotten: %v due", r.due)
	}
	r.due = 0
	r.earn(time.Hour) // was suspended meanwhile
	if r.due > 9*2*sliceTime {
		t.Fatalf("%v due after a slice that took an hour", r.due)
	}
	r.due = time.Nanosecond // sleeps far longer than that
	r.sleep(t.Context())
	if r.due > 0 || r.due < -time.Duration(9*sliceTime) {
		t.Fatalf("%v due after sleeping too long", r.due)
	}
}

func TestBitsFor(t *testing.T) {
	for _, c := range []struct {
		hashes float64
		bits   uint32
	}{{0, consensus.MaxBits}, {-5, consensus.MaxBits}, {math.NaN(), consensus.MaxBits}, {2, consensus.MaxBits}, {1 << 16, 0x1f010000}, {1 << 32, 0x1d010000}} {
		if got := BitsFor(c.hashes); got != c.bits {
			t.Errorf("%v hashes: bits %08x, want %08x", c.hashes, got, c.bits)
		}
	}
	for hashes := 2.0; hashes < 1e60; hashes *= 1.7 {
		target, ok := consensus.TargetFromBits(BitsFor(hashes))
		if !ok {
			t.Fatalf("%v hashes: bits %08x are not valid", hashes, BitsFor(hashes))
		}
		work, _ := target.Work().Big().Float64()
		if math.Abs(work/hashes-1) > 0.01 && hashes > 100 {
			t.Errorf("%v hashes: bits %08x take %v", hashes, BitsFor(hashes), work)
		}
	}
	if _, ok := consensus.TargetFromBits(BitsFor(math.Inf(1))); !ok {
		t.Error("infinitely many hashes: no valid target")
	}
}

func TestCalibrate(t *testing.T) {
	if rate := Calibrate(t.Context(), 20*time.Millisecond); rate < 1000 {
		t.Errorf("%v hashes/s, expected many more", rate)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if rate := Calibrate(ended, time.Hour); rate != 0 {
		t.Errorf("%v hashes/s in no time", rate)
	}
}

// BenchmarkSolve is the time per hash of one core.
func BenchmarkSolve(b *testing.B) {
	p := consensus.NewPowHasher(&consensus.Header{})
	b.ResetTimer()
	p.Search(consensus.Target{}, 0, uint64(b.N))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "hashes/s")
}
