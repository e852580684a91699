package mempool

import (
	"slices"

	"cairn/consensus"
)

// Advance brings the pool in line with a chain that has moved: s is the state
// after its new tip. What is in s is dropped, what reverted blocks held comes
// back, and what contradicts s goes. Batches that come back are kept however
// many a key has: they were in the chain, and others build on them.
func (p *Pool) Advance(s *consensus.State, reverted, applied []*consensus.Block) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range reverted {
		for i := range b.Events {
			p.returnEvent(s, &b.Events[i])
		}
	}
	p.events = slices.DeleteFunc(p.events, func(w *waiting) bool { return s.Spent(w.event) })
	for _, b := range reverted {
		for i := range b.Batches {
			p.returnBatch(s, &b.Batches[i])
		}
	}
	for _, b := range applied {
		for i := range b.Batches {
			if e := p.byID[b.Batches[i].ID()]; e != nil {
				p.remove(e)
			}
		}
	}
	for key := range p.byKey {
		p.tidy(s, key)
	}
	p.evict()
}

// returnEvent takes back an event that was in the chain. It has precedence over
// waiting ones that it excludes.
func (p *Pool) returnEvent(s *consensus.State, e *consensus.OrgEvent) {
	id := e.ID()
	if s.Spent(e) || p.findEvent(id) >= 0 {
		return
	}
	p.events = slices.DeleteFunc(p.events, func(w *waiting) bool { return consensus.Exclusive(w.event, e) })
	p.events = append(p.events, &waiting{e, id})
	p.stats.Revision++
}

// returnBatch takes back a batch that was in the chain. It has precedence over
// a waiting one with the same number.
func (p *Pool) returnBatch(s *consensus.State, b *consensus.Batch) {
	id := b.ID()
	org, ok := p.orgOf(s, b.Recorder)
	if tip, _ := s.BatchTip(b.Recorder); !ok || b.Seq <= tip.Seq || p.byID[id] != nil {
		return
	}
	if at, found := p.byKey[b.Recorder].find(b.Seq); found {
		p.remove(p.byKey[b.Recorder][at])
	}
	p.insert(b, id, org)
}

// tidy drops the batches of a key that the chain has, those that do not chain
// to what the chain has, and all of them if nobody enrols the key any more.
func (p *Pool) tidy(s *consensus.State, key consensus.Key) {
	_, known := p.orgOf(s, key)
	tip, _ := s.BatchTip(key)
	prev, seq := tip.ID, tip.Seq
	broken := !known
	for _, e := range slices.Clone(p.byKey[key]) {
		b := e.batch
		if b.Seq == seq+1 && b.Prev != prev {
			broken = true // and whatever follows builds on it
		}
		if broken || b.Seq <= tip.Seq {
			p.remove(e)
			continue
		}
		prev, seq = e.id, b.Seq
	}
}
