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
	p.returnEvents(s, reverted)
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

// returnEvents takes back events that were in the chain, which have precedence over waiting ones, and
// drops those that do not fit in any more.
func (p *Pool) returnEvents(s *consensus.State, reverted []*consensus.Block) {
	var back []*waiting
	for _, b := range slices.Backward(reverted) { // the last block was reverted first
		for i := range b.Events {
			back = append(back, &waiting{&b.Events[i], b.Events[i].ID()})
		}
	}
	if len(back) > 0 {
		p.stats.Revision++
	}
	list := back
	for _, w := range p.events {
		if !slices.ContainsFunc(back, func(b *waiting) bool { return b.id == w.id }) {
			list = append(list, w)
		}
	}
	fit := make(map[*consensus.OrgEvent]bool)
	for _, e := range fitting(s, list) {
		fit[e] = true
	}
	p.events = slices.DeleteFunc(list, func(w *waiting) bool { return !fit[w.event] })
}

// returnBatch takes back a batch that was in the chain. It has precedence over
// a waiting one with the same number.
func (p *Pool) returnBatch(s *consensus.State, b *consensus.Batch) {
	id := b.ID()
	org, ok := p.orgOf(s, b.Recorder)
	if tip, _ := s.BatchTip(b.Series()); !ok || b.Seq <= tip.Seq || p.byID[id] != nil {
		return
	}
	if at, found := p.byKey[b.Series()].find(b.Seq); found {
		p.remove(p.byKey[b.Series()][at])
	}
	p.insert(b, id, org)
}

// tidy drops the batches of a key that the chain has, those that do not chain
// to what the chain has, and all of them if nobody enrols the key any more.
func (p *Pool) tidy(s *consensus.State, key consensus.Series) {
	_, known := p.orgOf(s, key.Recorder)
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
