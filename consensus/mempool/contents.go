package mempool

import "cairn/consensus"

// Batches returns all waiting batches, those of one series in ascending order,
// so that two nodes can compare what they have; behind them those that are
// evidence against one of these.
func (p *Pool) Batches() []*consensus.Batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]*consensus.Batch, 0, len(p.byID)+len(p.evidence))
	for _, k := range p.byKey {
		for _, q := range k.series {
			for _, e := range q {
				list = append(list, e.batch)
			}
		}
	}
	for _, pr := range p.evidence {
		if p.byID[pr.first.ID()] != nil {
			list = append(list, pr.second)
		}
	}
	return list
}

// Events returns all waiting org events in the order in which blocks would have
// them.
func (p *Pool) Events() []*consensus.OrgEvent {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]*consensus.OrgEvent, len(p.events))
	for i, w := range p.events {
		list[i] = w.event
	}
	return list
}

// EventsOf returns the waiting events of an organisation that can follow s, in the
// order in which blocks would have them.
func (p *Pool) EventsOf(s *consensus.State, org consensus.Hash) []*consensus.OrgEvent {
	var list []*consensus.OrgEvent
	fit := consensus.NewFit(s)
	for _, e := range p.Events() {
		if e.Org() == org && addLater(fit, e) == nil {
			list = append(list, e)
		}
	}
	return list
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
	note := func(id consensus.Hash, b *consensus.Batch) {
		s := short(id)
		if !wanted[s] {
			return
		}
		twice[s] = twice[s] || found[s] != nil
		found[s] = b
	}
	for id, e := range p.byID {
		note(id, e.batch)
	}
	for _, pr := range p.evidence {
		if p.byID[pr.id] == nil {
			note(pr.id, pr.second)
		}
	}
	for s, both := range twice {
		if both {
			delete(found, s)
		}
	}
	return found
}
