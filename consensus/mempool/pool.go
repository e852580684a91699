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
	byKey    map[consensus.Series]queue
	orgBytes map[consensus.Hash]int
	bytes    int
	events   []*waiting // in order of arrival
	rejects  rejects
	arrivals uint64
	stats    Stats // the counters only
}

// Stats describes a Pool at one moment.
type Stats struct {
	Batches  int    `json:"batches"`
	Keys     int    `json:"keys"` // recorder keys with batches
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
		byKey:    make(map[consensus.Series]queue),
		orgBytes: make(map[consensus.Hash]int),
		rejects:  rejects{max: limits.Rejects},
	}
}

// Stats returns counts for status pages and metrics.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Batches, s.Keys, s.Events, s.Bytes = len(p.byID), len(p.byKey), len(p.events), p.bytes
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
	org, err := p.admit(s, b, id)
	if err != nil {
		return err
	}
	e := p.insert(b, id, org)
	p.evict()
	if p.byID[id] != e {
		return &PolicyError{PolicyFull, fmt.Sprintf("the pool holds %d bytes, most of them of organisation %s", p.bytes, org)}
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

// admit checks b against the state and the pool, signatures apart, and returns
// the organisation that it counts for.
func (p *Pool) admit(s *consensus.State, b *consensus.Batch, id consensus.Hash) (org consensus.Hash, err error) {
	if p.byID[id] != nil {
		return org, ErrKnown
	}
	org, ok := p.orgOf(s, b.Recorder)
	if !ok {
		return org, &consensus.RuleError{Rule: consensus.RuleUnknownRecorder, Detail: fmt.Sprintf("no organisation has enrolled recorder key %s", b.Recorder)}
	}
	tip, _ := s.BatchTip(b.Series())
	switch {
	case b.Seq == tip.Seq && id == tip.ID:
		return org, ErrKnown
	case b.Seq <= tip.Seq:
		return org, &PolicyError{PolicyOldSeq, fmt.Sprintf("batch %d of key %s: the chain has its batches up to %d", b.Seq, b.Recorder, tip.Seq)}
	case b.Seq-tip.Seq > uint64(p.policy.PerKey):
		return org, ErrTooFar
	case b.Seq == tip.Seq+1 && b.Prev != tip.ID:
		return org, &consensus.RuleError{Rule: consensus.RuleBatchPrev, Detail: fmt.Sprintf("batch %d of key %s follows %s, the chain has %s before it", b.Seq, b.Recorder, b.Prev, tip.ID)}
	case p.byKey[b.Series()].conflict(b, id):
		return org, &PolicyError{PolicyConflict, fmt.Sprintf("batch %d of key %s contradicts one that came before it", b.Seq, b.Recorder)}
	}
	return org, nil
}

// orgOf returns the organisation of a recorder key, be it a member or waiting
// for its enrolment.
func (p *Pool) orgOf(s *consensus.State, recorder consensus.Key) (consensus.Hash, bool) {
	if o, ok := s.OrgByRecorder(recorder); ok {
		return o.ID, true
	}
	for _, w := range p.events {
		if slices.Contains(w.event.Recorders(), recorder) {
			return w.id, true
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

// insert expects that the key has no batch with that number. All batches of a
// key count for the organisation that its first one counted for, even if the
// chain has since enrolled the key by another event.
func (p *Pool) insert(b *consensus.Batch, id, org consensus.Hash) *entry {
	p.arrivals++
	p.stats.Revision++
	q := p.byKey[b.Series()]
	if len(q) > 0 {
		org = q[0].org
	}
	e := &entry{batch: b, id: id, org: org, order: p.arrivals}
	at, _ := q.find(b.Seq)
	p.byKey[b.Series()] = slices.Insert(q, at, e)
	p.byID[id] = e
	p.orgBytes[org] += e.size()
	p.bytes += e.size()
	return e
}

func (p *Pool) remove(e *entry) {
	key := e.batch.Series()
	q := p.byKey[key]
	at, _ := q.find(e.batch.Seq)
	if q = slices.Delete(q, at, at+1); len(q) == 0 {
		delete(p.byKey, key)
	} else {
		p.byKey[key] = q
	}
	delete(p.byID, e.id)
	p.bytes -= e.size()
	if p.orgBytes[e.org] -= e.size(); p.orgBytes[e.org] == 0 {
		delete(p.orgBytes, e.org)
	}
}

// evict makes room: as long as there is too much, the organisation with most
// bytes loses the last batch of its longest queue.
func (p *Pool) evict() {
	for p.bytes > p.policy.MaxBytes {
		var heaviest consensus.Hash
		most := 0
		for org, n := range p.orgBytes {
			if n > most {
				heaviest, most = org, n
			}
		}
		var longest queue
		for _, q := range p.byKey {
			if q[0].org == heaviest && len(q) > len(longest) {
				longest = q
			}
		}
		p.remove(longest[len(longest)-1])
		p.stats.Evicted++
	}
}
