package miner

import (
	"context"
	"math"
	"math/big"
	"time"

	"cairn/consensus"
)

// Calibrate measures how many header hashes a second one core of this machine
// tries, by trying for about d. It returns earlier when ctx is done; 0 if it
// could not try any.
func Calibrate(ctx context.Context, d time.Duration) float64 {
	hasher := consensus.NewPowHasher(&consensus.Header{})
	var unreachable consensus.Target
	var tried uint64
	begin := time.Now()
	for ctx.Err() == nil && time.Since(begin) < d {
		hasher.Search(unreachable, tried, burst)
		tried += burst
	}
	if tried == 0 {
		return 0
	}
	return float64(tried) / time.Since(begin).Seconds()
}

// BitsFor returns the compact target at which a block is expected to take so
// many hashes, as Params.GenesisBits wants it. Below 2 hashes it is the easiest
// target that a network may have.
func BitsFor(hashesPerBlock float64) uint32 {
	if !(hashesPerBlock > 2) {
		return consensus.MaxBits
	}
	hashesPerBlock = min(hashesPerBlock, math.Ldexp(1, 240))
	space := new(big.Float).SetMantExp(big.NewFloat(1), 256)
	n, _ := space.Quo(space, big.NewFloat(hashesPerBlock)).Int(nil)
	var t consensus.Target
	n.FillBytes(t[:])
	return min(t.Bits(), consensus.MaxBits)
}
