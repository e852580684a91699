package membership

import (
	"context"
	"math"
	"time"

	"cairn/consensus/miner"
)

// stampCalibration is how long hashing is measured to tell how long a stamp takes.
const stampCalibration = 20 * time.Millisecond

// StampStop is for the search of a stamp of so many bits: called with each try, it tells progress,
// unless that is nil, every 100 ms and reports whether ctx has ended. With progress it measures for
// a moment how fast this machine hashes.
func StampStop(ctx context.Context, bits uint8, progress Progress) func() bool {
	if progress == nil {
		return func() bool { return ctx.Err() != nil }
	}
	var expected time.Duration
	if speed := miner.Calibrate(ctx, stampCalibration); speed > 0 {
		expected = time.Duration(min(math.Ldexp(1, int(bits))/speed*float64(time.Second), math.MaxInt64/2))
	}
	start := time.Now()
	told := start
	return func() bool {
		if now := time.Now(); now.Sub(told) >= 100*time.Millisecond {
			told = now
			progress(now.Sub(start), expected)
		}
		return ctx.Err() != nil
	}
}
