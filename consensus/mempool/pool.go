package mempool

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"cairn/consensus"
)

// Pool holds waiting batches and org events. All methods may be called from any
// goroutine. Batches and events that are passed in or handed out are shared and
// must not be changed.
type Pool struct {
	policy Policy
	pins   PinCheck

	mu       sync.Mutex
	byID     map[consensus.Hash]*entry
	byKey    map[consensus.Key]*keyed
	orgBytes map[consensus.Hash]int
	bytes    int
	evidence map[consensus.Key]*proof
	accused  chan struct{} // there is more evidence
	events   []*waiting    // those that go first, then the others, each in order of arrival
	fits     *fits
	rejects  rejects
	arrivals uint64
	stats    Stats // the counters only
}

// Stats describes a Pool at one moment.
type Stats struct {
	Batches  int    `json:"batches"`
	Keys     int    `json:"keys"`     // recorder keys with batches
	Evidence int    `json:"evidence"` // recorder keys of which two batches with one number are kept
	Events   int    `json:"events"`
	Bytes    int    `json:"bytes"`    // as counted against Policy.MaxBytes
	Rejected uint64 `json:"rejected"` // refused since the start because they break a rule
	Evicted  uint64 `json:"evicted"`  // batches dropped since the start to make room
	Revision uint64 `json:"revision"` // grows whenever something comes in
}

// New returns an empty Pool. pins may be nil: then no domain is pinned.
func New(limits Policy, pins PinCheck) *Pool {
	return &Pool{
		policy:   limits,
		pins:     pins,
		byID:     make(map[consensus.Hash]*entry),
		byKey:    make(map[consensus.Key]*keyed),
		orgBytes: make(map[consensus.Hash]int),
		evidence: make(map[consensus.Key]*proof),
		accused:  make(chan struct{}, 1),
		rejects:  rejects{max: limits.Rejects},
	}
}

// Stats returns counts for status pages and metrics.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Batches, s.Keys, s.Events, s.Bytes = len(p.byID), len(p.byKey), len(p.events), p.bytes
	s.Evidence = len(p.evidence)
	return s
}

// Revision returns a number that grows whenever something comes in, so that a
// miner can tell whether a new template is worth making.
func (p *Pool) Revision() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats.Revision
}

// AddBatch takes b in, after checking it. s is the state after the chain's tip.
//
// Errors: ErrKnown; ErrTooFar; an error that wraps consensus.ErrFuture, to be
// offered again later; *PolicyError; *consensus.RuleError.
func (p *Pool) AddBatch(s *consensus.State, b *consensus.Batch, now time.Time) error {
	id, whole := b.ID(), digest(b.Encode())
	if err := p.glance(s, b, id, whole, now); err != nil {
		return err
	}
	// Outside of the lock: signatures take time.
	if err := consensus.CheckBatch(s.Params(), s.ChainID(), b); err != nil {
		p.reject(whole, err)
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	pl, err := p.admit(s, b, id)
	if err != nil {
		return err
	}
	if pl.against != nil {
		p.keep(pl, b, id)
		return nil
	}
	for _, e := range pl.instead {
		p.remove(e)
		p.stats.Evicted++
	}
	e := p.insert(b, id, pl.org)
	p.evict(s)
	if p.byID[id] != e {
		return &PolicyError{PolicyFull, fmt.Sprintf("the pool holds %d bytes, most of them of organisation %s", p.bytes, pl.org)}
	}
	return nil
}

// glance finds out cheaply whether b is worth the look at its signature.
func (p *Pool) glance(s *consensus.State, b *consensus.Batch, id, whole consensus.Hash, now time.Time) error {
	if latest := latestBatchTime(s, now); b.Time > latest {
		return fmt.Errorf("batch %d of key %s is closed %d ms from now: %w", b.Seq, b.Recorder, b.Time-uint64(now.UnixMilli()), consensus.ErrFuture)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.rejects.get(whole); err != nil {
		return err
	}
	_, err := p.admit(s, b, id)
	return err
}

// latestBatchTime returns how late a batch in a block made now may be.
func latestBatchTime(s *consensus.State, now time.Time) uint64 {
	return consensus.BatchTimeLimit(s.Params(), uint64(now.UnixMilli()))
}

// place is where a batch would go.
type place struct {
	org     consensus.Hash   // that it counts for
	instead queue            // batches of its key that make way
	against *consensus.Batch // it is kept as evidence only: this one has its number
}

// admit checks b against the state and the pool, signatures apart.
func (p *Pool) admit(s *consensus.State, b *consensus.Batch, id consensus.Hash) (pl place, err error) {
	if p.byID[id] != nil || p.evidence[b.Recorder].has(id) {
		return pl, ErrKnown
	}
	var ok bool
	if pl.org, ok = p.orgOf(s, b.Recorder); !ok {
		return pl, &consensus.RuleError{Rule: consensus.RuleUnknownRecorder, Detail: fmt.Sprintf("no organisation has enrolled recorder key %s, or it counts no more", b.Recorder)}
	}
	k := p.byKey[b.Recorder]
	tip, _ := s.BatchTip(b.Series())
	switch q := k.queue(b.Epoch); {
	case b.Seq == tip.Seq && id == tip.ID:
		return pl, ErrKnown
	case b.Seq <= tip.Seq:
		return pl, &PolicyError{PolicyOldSeq, fmt.Sprintf("batch %d of key %s: the chain has its batches up to %d", b.Seq, b.Recorder, tip.Seq)}
	case b.Seq-tip.Seq > uint64(p.policy.PerKey):
		return pl, ErrTooFar
	case b.Seq == tip.Seq+1 && b.Prev != tip.ID:
		return pl, &consensus.RuleError{Rule: consensus.RuleBatchPrev, Detail: fmt.Sprintf("batch %d of key %s follows %s, the chain has %s before it", b.Seq, b.Recorder, b.Prev, tip.ID)}
	case q.conflict(b, id):
		if pl.against = p.against(s, b, pl.org); pl.against != nil {
			return pl, nil
		}
		return pl, &PolicyError{PolicyConflict, fmt.Sprintf("batch %d of key %s contradicts one that came before it", b.Seq, b.Recorder)}
	}
	pl.instead, err = k.makeWay(s, b, b.Seq-tip.Seq, &p.policy)
	return pl, err
}

// orgOf returns the organisation of a recorder key whose batches count, or will
// once a waiting event has enrolled it.
func (p *Pool) orgOf(s *consensus.State, recorder consensus.Key) (consensus.Hash, bool) {
	if o, ok := s.OrgByRecorder(recorder); ok {
		return o.ID, s.Seals(recorder)
	}
	for _, w := range p.events {
		if slices.Contains(w.keys, recorder) {
			return w.org, true
		}
	}
	return consensus.Hash{}, false
}

func (p *Pool) reject(whole consensus.Hash, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Rejected++
	p.rejects.add(whole, err)
}

// insert expects that the series has no batch with that number. All batches of a
// key count for the organisation that its first one counted for, even if the
// chain has since enrolled the key by another event.
func (p *Pool) insert(b *consensus.Batch, id, org consensus.Hash) *entry {
	p.arrivals++
	p.stats.Revision++
	k := p.byKey[b.Recorder]
	if k == nil {
		k = &keyed{recorder: b.Recorder, org: org, series: make(map[uint64]queue)}
		p.byKey[b.Recorder] = k
	}
	e := &entry{batch: b, id: id, order: p.arrivals}
	q := k.series[b.Epoch]
	at, _ := q.find(b.Seq)
	k.series[b.Epoch] = slices.Insert(q, at, e)
	k.count++
	p.byID[id] = e
	p.orgBytes[k.org] += e.size()
	p.bytes += e.size()
	return e
}

func (p *Pool) remove(e *entry) {
	k, epoch := p.byKey[e.batch.Recorder], e.batch.Epoch
	q := k.series[epoch]
	at, _ := q.find(e.batch.Seq)
	if q = slices.Delete(q, at, at+1); len(q) == 0 {
		delete(k.series, epoch)
	} else {
		k.series[epoch] = q
	}
	if k.count--; k.count == 0 {
		delete(p.byKey, k.recorder)
	}
	delete(p.byID, e.id)
	p.bytes -= e.size()
	if p.orgBytes[k.org] -= e.size(); p.orgBytes[k.org] == 0 {
		delete(p.orgBytes, k.org)
	}
}

// evict makes room: as long as there is too much, the organisation with most
// bytes loses the last batch of the key of which it has most.
func (p *Pool) evict(s *consensus.State) {
	for p.bytes > p.policy.MaxBytes {
		var heaviest consensus.Hash
		most := 0
		for org, n := range p.orgBytes {
			if n > most {
				heaviest, most = org, n
			}
		}
		var fullest *keyed
		for _, k := range p.byKey {
			if k.org == heaviest && (fullest == nil || k.count > fullest.count) {
				fullest = k
			}
		}
		last, _ := fullest.last(s)
		p.remove(last)
		p.stats.Evicted++
	}
}
