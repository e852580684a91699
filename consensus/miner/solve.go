package miner

import (
	"context"
	"math"
	"sync"
	"time"

	"cairn/consensus"
)

const (
	sliceTime = 1500 * time.Microsecond // work between two rests
	burst     = 1024                    // hashes between two looks at the clock, about 0.2 ms
)

// solver keeps to its share of a core from one search to the next, by working
// for about 1.5 ms and then sleeping in proportion, so that nobody else on the
// machine is held up.
type solver struct {
	workers []rest
}

// newSolver returns a solver that uses about share of one core: 0.1 is a tenth
// of a core, 1 a whole one, 2.5 three cores at five sixths each. It has no
// workers if share is of no use.
func newSolver(share float64) *solver {
	if !(share > 0) || share > 1<<16 {
		return &solver{}
	}
	s := &solver{workers: make([]rest, int(math.Ceil(share)))}
	for i := range s.workers {
		s.workers[i].perWork = float64(len(s.workers))/share - 1
	}
	return s
}

// solve searches for a nonce, from h.Nonce on, with which h meets its bits, and
// stores it in h. It returns false when ctx is done first, and at once without
// workers or if the bits are no target.
func (s *solver) solve(ctx context.Context, h *consensus.Header) bool {
	target, ok := consensus.TargetFromBits(h.Bits)
	if !ok || len(s.workers) == 0 {
		return false
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	found := make(chan uint64, len(s.workers))
	var wg sync.WaitGroup
	for i := range s.workers {
		wg.Go(func() {
			first := h.Nonce + uint64(i)*(math.MaxUint64/uint64(len(s.workers)))
			if nonce, ok := search(ctx, consensus.NewPowHasher(h), target, first, &s.workers[i]); ok {
				found <- nonce
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

// search is the work of one core.
func search(ctx context.Context, p *consensus.PowHasher, target consensus.Target, first uint64, r *rest) (nonce uint64, ok bool) {
	r.sleep(ctx)
	for ctx.Err() == nil {
		begin := time.Now()
		for time.Since(begin) < sliceTime {
			if nonce, ok := p.Search(target, first, burst); ok {
				r.earn(time.Since(begin))
				return nonce, true
			}
			first += burst
		}
		r.earn(time.Since(begin))
		r.sleep(ctx)
	}
	return 0, false
}

// rest counts the sleep that a worker has earned by its work.
type rest struct {
	perWork float64 // sleep per work
	due     time.Duration
}

// earn counts at most two slices: what took longer was not work, but waiting for
// a processor that others had.
func (r *rest) earn(worked time.Duration) {
	r.due += time.Duration(float64(min(worked, 2*sliceTime)) * r.perWork)
}

// sleep sleeps for what is due, or until ctx is done; what is left stays due.
// What was slept too long counts for the next time, but not more than one slice
// is worth: a machine that was suspended must not work at full power afterwards.
func (r *rest) sleep(ctx context.Context) {
	if r.due <= 0 {
		return
	}
	begin := time.Now()
	timer := time.NewTimer(r.due)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	r.due = max(r.due-time.Since(begin), -time.Duration(float64(sliceTime)*r.perWork))
}
