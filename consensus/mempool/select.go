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
// events in order of arrival, then batches in rounds, every key's first before
// any key's second, the keys by the arrival of their first.
func (p *Pool) Select(s *consensus.State, now time.Time) (events []consensus.OrgEvent, batches []consensus.Batch) {
	room := consensus.MaxBody - bodyOverhead
	enrolling := make(map[consensus.Key]bool)
	for _, e := range p.candidates(s) {
		if size := e.Size(); size <= room && p.pinned(s, e) == nil {
			events = append(events, *e)
			room -= size
			for _, recorder := range e.Recorders() {
				enrolling[recorder] = true
			}
		}
	}
	for _, b := range p.rounds(s, enrolling, now, room) {
		batches = append(batches, *b)
	}
	return events, batches
}

// candidates returns the waiting events that fit in after s, in their order.
func (p *Pool) candidates(s *consensus.State) []*consensus.OrgEvent {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fitting(s, p.events)
}

// fitting leaves out events that do not fit in after s and those before them.
func fitting(s *consensus.State, list []*waiting) []*consensus.OrgEvent {
	events := make([]*consensus.OrgEvent, len(list))
	for i, w := range list {
		events[i] = w.event
	}
	fit := events[:0]
	for i, err := range consensus.FitEvents(s, events) {
		if err == nil {
			fit = append(fit, events[i])
		}
	}
	return fit
}

// rounds returns batches of members, and of keys that events of the same block
// enrol, in the order of the block.
func (p *Pool) rounds(s *consensus.State, enrolling map[consensus.Key]bool, now time.Time, room int) []*consensus.Batch {
	latest := latestBatchTime(s, now)
	p.mu.Lock()
	defer p.mu.Unlock()
	var runs []queue
	for key, q := range p.byKey {
		if !s.Seals(key.Recorder) && !enrolling[key.Recorder] {
			continue
		}
		tip, _ := s.BatchTip(key)
		if run := q.run(tip, latest, consensus.MaxBatchesPerKey); len(run) > 0 {
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

// Match finds batches by short ids, to put a block together of which only these
// were sent. A short id that fits two batches is left out: the batch has to be
// asked for.
func (p *Pool) Match(short func(id consensus.Hash) uint64, want []uint64) map[uint64]*consensus.Batch {
	wanted := make(map[uint64]bool, len(want))
	for _, w := range want {
		wanted[w] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	found := make(map[uint64]*consensus.Batch, len(want))
	twice := make(map[uint64]bool)
	for id, e := range p.byID {
		s := short(id)
		if !wanted[s] {
			continue
		}
		if found[s] != nil {
			twice[s] = true
		}
		found[s] = e.batch
	}
	for s := range twice {
		delete(found, s)
	}
	return found
}
