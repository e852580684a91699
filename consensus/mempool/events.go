package mempool

import (
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
// Errors: ErrKnown; *PolicyError; *consensus.RuleError.
func (p *Pool) AddEvent(s *consensus.State, e *consensus.OrgEvent, now time.Time) error {
	id, whole := e.ID(), digest(e.Encode())
	p.mu.Lock()
	err := p.rejects.get(whole)
	if err == nil {
		err = p.glanceAt(s, id)
	}
	p.mu.Unlock()
	if err != nil {
		return err
	}
	// Outside of the lock, and before the tables are looked at: what costs its sender nothing is found out
	// by this.
	if err := consensus.CheckEvent(s.Params(), s.ChainID(), e); err != nil {
		p.reject(whole, err)
		return err
	}
	if err := p.pinned(s, e); err != nil {
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

// glanceAt refuses what is known.
func (p *Pool) glanceAt(s *consensus.State, id consensus.Hash) error {
	if _, in := s.Org(id); in || p.findEvent(id) >= 0 {
		return ErrKnown
	}
	return nil
}

// admitEvent checks e, which is right by itself, against the pool and the state.
func (p *Pool) admitEvent(s *consensus.State, e *consensus.OrgEvent, id consensus.Hash) error {
	if err := p.glanceAt(s, id); err != nil {
		return err
	}
	events := append(fitting(s, p.events), e)
	if err := consensus.FitEvents(s, events)[len(events)-1]; err != nil {
		if consensus.FitEvents(s, []*consensus.OrgEvent{e})[0] == nil {
			return &PolicyError{PolicyClaimed, fmt.Sprintf("event %s contradicts one that waits already: %v", id, err)}
		}
		return err
	}
	if len(p.events) >= p.policy.MaxEvents {
		return &PolicyError{PolicyEvents, fmt.Sprintf("%d events are waiting", len(p.events))}
	}
	return nil
}

func (p *Pool) findEvent(id consensus.Hash) int {
	return slices.IndexFunc(p.events, func(w *waiting) bool { return w.id == id })
}

// pinned returns a *PolicyError if a domain of e is pinned to another organisation.
func (p *Pool) pinned(s *consensus.State, e *consensus.OrgEvent) error {
	if p.pins == nil {
		return nil
	}
	org, domains := e.Claims()
	for _, d := range domains {
		if err := p.pins(s, d, org); err != nil {
			return &PolicyError{PolicyPinned, fmt.Sprintf("organisation %s claims %s: %v", org, d, err)}
		}
	}
	return nil
}
