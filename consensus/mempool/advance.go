package mempool

import (
	"cmp"
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
	for _, k := range p.byKey {
		_, known := p.orgOf(s, k.recorder)
		for epoch := range k.series {
			p.tidy(s, k, epoch, known)
		}
	}
	for key := range p.evidence {
		if !s.Seals(key) {
			delete(p.evidence, key)
		}
	}
	p.evict(s)
}

// returnEvents takes back events that were in the chain, which have precedence over waiting ones,
// and drops those that do not fit in any more.
func (p *Pool) returnEvents(s *consensus.State, reverted []*consensus.Block) {
	var list []*waiting
	back := make(map[consensus.Hash]bool)
	for _, b := range slices.Backward(reverted) { // the last block was reverted first
		for i := range b.Events {
			w := newWaiting(&b.Events[i])
			back[w.id] = true
			list = append(list, w)
		}
	}
	if len(list) > 0 {
		p.stats.Revision++
	}
	keepPlaces(list)
	for _, w := range p.events {
		if !back[w.id] {
			list = append(list, w)
		}
	}
	slices.SortStableFunc(list, func(a, b *waiting) int {
		return cmp.Or(before(a.first, b.first), before(a.soon, b.soon))
	})
	p.events, p.fits = nil, nil
	fits := p.fitted(s)
	p.events = slices.DeleteFunc(list, func(w *waiting) bool { return fits.add(w) != nil })
}

// before orders what has a property before what has not.
func before(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// keepPlaces lets events that the chain had before something urgent of their organisation stay
// before it: behind it they would not fit in.
func keepPlaces(list []*waiting) {
	urgent, revoked := make(map[consensus.Hash]bool), make(map[consensus.Hash]bool)
	for _, w := range slices.Backward(list) {
		urgent[w.org], revoked[w.org] = urgent[w.org] || w.first, revoked[w.org] || w.soon
		w.first, w.soon = urgent[w.org], revoked[w.org]
	}
}

// returnBatch takes back a batch that was in the chain. It has precedence over
// a waiting one with the same number.
func (p *Pool) returnBatch(s *consensus.State, b *consensus.Batch) {
	id := b.ID()
	org, ok := p.orgOf(s, b.Recorder)
	if tip, _ := s.BatchTip(b.Series()); !ok || b.Seq <= tip.Seq || p.byID[id] != nil {
		return
	}
	if q := p.byKey[b.Recorder].queue(b.Epoch); q != nil {
		if at, found := q.find(b.Seq); found {
			p.remove(q[at])
		}
	}
	p.insert(b, id, org)
}

// tidy drops the batches of a series that the chain has, those that do not chain
// to what the chain has, and all of them if batches of the key count no more.
func (p *Pool) tidy(s *consensus.State, k *keyed, epoch uint64, known bool) {
	tip, _ := k.tip(s, epoch)
	prev, seq := tip.ID, tip.Seq
	broken := !known
	for _, e := range slices.Clone(k.series[epoch]) {
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
