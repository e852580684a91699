package p2p

import (
	"math"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// A block of no time that a clock will ever show is not held: it would never
// leave, and be looked at without end.
func TestFutureHoldsOnlyWhatComes(t *testing.T) {
	p := chaintest.Params()
	now := chaintest.GenesisTime
	ms := uint64(now.UnixMilli())
	for _, c := range []struct {
		time uint64
		held bool
	}{
		{ms + 5_000, true},
		{ms + uint64((earlyBound*p.BlockInterval + time.Minute).Milliseconds()), true},
		{ms + uint64((earlyBound*p.BlockInterval + time.Minute).Milliseconds()) + 1, false},
		{math.MaxInt64, false},
		{math.MaxInt64 + 1, false},
		{math.MaxUint64, false},
	} {
		f := newFuture()
		f.hold(&early{header: &consensus.Header{Time: c.time}}, now, p.BlockInterval)
		if _, _, more := f.due(&p, now); more != c.held {
			t.Errorf("time %d, now %d: held %v, want %v", c.time, ms, more, c.held)
		}
	}
}
