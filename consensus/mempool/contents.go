package mempool

import "cairn/consensus"

// Batches returns all waiting batches, those of one recorder key in ascending
// order, so that two nodes can compare what they have.
func (p *Pool) Batches() []*consensus.Batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]*consensus.Batch, 0, len(p.byID))
	for _, q := range p.byKey {
		for _, e := range q {
			list = append(list, e.batch)
		}
	}
	return list
}

// Events returns all waiting org events in the order of their arrival.
func (p *Pool) Events() []*consensus.OrgEvent {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]*consensus.OrgEvent, len(p.events))
	for i, w := range p.events {
		list[i] = w.event
	}
	return list
}
