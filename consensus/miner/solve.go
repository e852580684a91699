package miner

import (
	"context"
	"math"
	"sync"
	"time"

	"cairn/consensus"
)

const (
	sliceTime = 1500 * time.Microsecond // work between two sleeps
	burst     = 1024                    // hashes between two looks at the clock, about 0.2 ms
)

// Solve searches for a nonce with which h meets its bits and stores it in h.
// It uses about share of one core: 0.1 is a tenth of a core, 1 a whole one, 2.5
// three cores at five sixths each. It returns false when ctx is done first, at
// once if share is not positive or the bits are no target.
//
// The share is kept by working for about 1.5 ms and then sleeping in
// proportion, so that a busy machine is not held up.
func Solve(ctx context.Context, h *consensus.Header, share float64) bool {
	if !(share > 0) || math.IsInf(share, 1) {
		return false
	}
	workers := int(math.Ceil(share))
	if workers == 1 {
		return solveOne(ctx, h, share, h.Nonce)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	found := make(chan uint64, workers)
	var wg sync.WaitGroup
	for i := range workers {
		own := *h
		wg.Go(func() {
			first := h.Nonce + uint64(i)*(math.MaxUint64/uint64(workers))
			if solveOne(ctx, &own, share/float64(workers), first) {
				found <- own.Nonce
				cancel()
			}
		})
	}
	wg.Wait()
	select {
	case h.Nonce = <-found:
		return true
	default:
		return false
	}
}

// solveOne is Solve on one core at most, from nonce first on.
func solveOne(ctx context.Context, h *consensus.Header, share float64, first uint64) bool {
	target, ok := consensus.TargetFromBits(h.Bits)
	if !ok {
		return false
	}
	hasher := consensus.NewPowHasher(h)
	nap := newNap(share)
	defer nap.stop()
	for ctx.Err() == nil {
		for begin := time.Now(); ; {
			if nonce, ok := hasher.Search(target, first, burst); ok {
				h.Nonce = nonce
				return true
			}
			first += burst
			if worked := time.Since(begin); worked >= sliceTime {
				nap.after(ctx, worked)
				break
			}
		}
	}
	return false
}

// nap sleeps between slices of work so that work is share of the time. What it
// slept too long is taken off the next sleep.
type nap struct {
	ratio     float64 // sleep per work
	timer     *time.Timer
	overslept time.Duration
}

func newNap(share float64) *nap {
	n := &nap{ratio: 1/share - 1, timer: time.NewTimer(time.Hour)}
	n.timer.Stop()
	return n
}

func (n *nap) stop() { n.timer.Stop() }

// after sleeps for what worked is worth, or until ctx is done.
func (n *nap) after(ctx context.Context, worked time.Duration) {
	due := time.Duration(float64(worked) * n.ratio)
	sleep := due - n.overslept
	if sleep <= 0 {
		n.overslept -= due
		return
	}
	begin := time.Now()
	n.timer.Reset(sleep)
	select {
	case <-n.timer.C:
	case <-ctx.Done():
	}
	// A machine that was suspended must not work at full power afterwards.
	n.overslept = min(time.Since(begin)-sleep, due)
}
