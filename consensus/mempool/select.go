package mempool

import (
	"cmp"
	"slices"
	"time"

	"cairn/consensus"
)

// bodyOverhead is what an empty body takes.
var bodyOverhead = (&consensus.Block{}).BodySize()

// Select returns what a block made now on top of s can hold, within MaxBody:
// events, revocations and suspensions first, else in order of arrival; then
// batches in rounds, every key's first before any key's second, the keys by the
// arrival of their first. Events of which the block has enough wait for another.
func (p *Pool) Select(s *consensus.State, now time.Time) (events []consensus.OrgEvent, batches []consensus.Batch) {
	room := consensus.MaxBody - bodyOverhead
	fit := consensus.NewFit(s)
	for _, e := range p.Events() {
		if size := e.Size(); size <= room && p.pinned(s, e) == nil && fit.Add(e) == nil {
			events = append(events, *e)
			room -= size
		}
	}
	for _, b := range p.rounds(s, fit, now, room) {
		batches = append(batches, *b)
	}
	return events, batches
}

// rounds returns batches of keys that count in a block with the events of fit, in
// the order of the block.
func (p *Pool) rounds(s *consensus.State, fit *consensus.Fit, now time.Time, room int) []*consensus.Batch {
	latest := latestBatchTime(s, now)
	p.mu.Lock()
	defer p.mu.Unlock()
	var runs []queue
	for _, k := range p.byKey {
		if !fit.Seals(k.recorder) {
			continue
		}
		if run := k.run(s, latest, consensus.MaxBatchesPerKey); len(run) > 0 {
			runs = append(runs, run)
		}
	}
	slices.SortFunc(runs, func(a, b queue) int { return cmp.Compare(a[0].order, b[0].order) })
	var batches []*consensus.Batch
	for round := 0; len(runs) > 0; round++ {
		left := runs[:0]
		for _, run := range runs {
			if size := run[round].batch.Size(); size <= room {
				room -= size
				batches = append(batches, run[round].batch)
				if round+1 < len(run) {
					left = append(left, run)
				}
			}
		}
		runs = left
	}
	return batches
}
