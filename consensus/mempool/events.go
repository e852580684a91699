package mempool

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"cairn/consensus"
)

// waiting is one event in the pool.
type waiting struct {
	event *consensus.OrgEvent
	id    consensus.Hash
}

// AddEvent takes e in, after checking it. s is the state after the chain's tip.
//
// Errors: ErrKnown; *PolicyError; *consensus.RuleError, which with the rule
// RuleDuplicateKey depends on the state.
func (p *Pool) AddEvent(s *consensus.State, e *consensus.OrgEvent, now time.Time) error {
	id, whole := e.ID(), digest(e.Encode())
	p.mu.Lock()
	err := p.rejects.get(whole)
	if err == nil {
		err = p.admitEvent(s, e, id)
	}
	p.mu.Unlock()
	if err != nil {
		return err
	}
	if err := consensus.ValidateEvent(s, e); err != nil {
		var broken *consensus.RuleError
		if errors.As(err, &broken) && broken.Rule != consensus.RuleDuplicateKey {
			p.reject(whole, err)
		}
		return err
	}
	if err := p.pinned(e); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.admitEvent(s, e, id); err != nil {
		return err
	}
	p.events = append(p.events, &waiting{e, id})
	p.stats.Revision++
	return nil
}

// admitEvent checks e against the pool.
func (p *Pool) admitEvent(s *consensus.State, e *consensus.OrgEvent, id consensus.Hash) error {
	if _, in := s.Org(id); in || p.findEvent(id) >= 0 {
		return ErrKnown
	}
	for _, w := range p.events {
		if sharesKey(w.event, e) {
			return &PolicyError{PolicyClaimed, fmt.Sprintf("event %s, which waits already, enrols a key of event %s", w.id, id)}
		}
	}
	if len(p.events) >= p.policy.MaxEvents {
		return &PolicyError{PolicyEvents, fmt.Sprintf("%d events are waiting", len(p.events))}
	}
	return nil
}

func (p *Pool) findEvent(id consensus.Hash) int {
	return slices.IndexFunc(p.events, func(w *waiting) bool { return w.id == id })
}

// pinned returns a *PolicyError if a domain of e is pinned to another key.
func (p *Pool) pinned(e *consensus.OrgEvent) error {
	if p.pins == nil {
		return nil
	}
	for _, d := range e.Enrol.Domains {
		if err := p.pins(d, e.Enrol.OrgKey); err != nil {
			return &PolicyError{PolicyPinned, fmt.Sprintf("%q enrols %s: %v", e.Enrol.Name, d, err)}
		}
	}
	return nil
}

// sharesKey reports whether two events cannot both be in the chain.
func sharesKey(a, b *consensus.OrgEvent) bool {
	if a.Enrol.OrgKey == b.Enrol.OrgKey {
		return true
	}
	for _, x := range a.Enrol.Nodes {
		for _, y := range b.Enrol.Nodes {
			if x.Node == y.Node || x.Recorder == y.Recorder {
				return true
			}
		}
	}
	return false
}

// taken reports whether a key of e belongs to a member of s: e is enrolled, or
// cannot be any more.
func taken(s *consensus.State, e *consensus.OrgEvent) bool {
	if _, ok := s.OrgByKey(e.Enrol.OrgKey); ok {
		return true
	}
	for _, n := range e.Enrol.Nodes {
		if _, ok := s.OrgByNode(n.Node); ok {
			return true
		}
		if _, ok := s.OrgByRecorder(n.Recorder); ok {
			return true
		}
	}
	return false
}
