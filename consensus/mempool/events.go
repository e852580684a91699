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
	org   consensus.Hash  // that it is about
	keys  []consensus.Key // recorder keys that it enrols
	first bool            // it goes before those that are not
	soon  bool            // of these: a revocation, which goes before the others
}

func newWaiting(e *consensus.OrgEvent) *waiting {
	return &waiting{event: e, id: e.ID(), org: e.Org(), keys: e.Recorders(), first: urgent(e), soon: e.Type() == consensus.EventRevoke}
}

// urgent reports whether an event ends keys that others than their owner may have: what these
// sign must not come before it.
func urgent(e *consensus.OrgEvent) bool {
	return e.Type() == consensus.EventRevoke || e.Type() == consensus.EventSuspend
}

// AddEvent takes e in, after checking it. s is the state after the chain's tip.
//
// Errors: ErrKnown; *PolicyError; *consensus.RuleError.
func (p *Pool) AddEvent(s *consensus.State, e *consensus.OrgEvent, now time.Time) error {
	w, whole := newWaiting(e), digest(e.Encode())
	p.mu.Lock()
	err := p.rejects.get(whole)
	if err == nil {
		err = p.glanceAt(s, w.id)
	}
	p.mu.Unlock()
	if err != nil {
		return err
	}
	// Outside of the lock, and before the tables are looked at: what costs its sender nothing is
	// found out by this.
	if err := consensus.CheckEvent(s.Params(), s.ChainID(), e); err != nil {
		p.reject(whole, err)
		return err
	}
	if err := p.pinned(s, e); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.admitEvent(s, w)
}

// glanceAt refuses what is known.
func (p *Pool) glanceAt(s *consensus.State, id consensus.Hash) error {
	if _, in := s.Org(id); in || p.findEvent(id) >= 0 {
		return ErrKnown
	}
	return nil
}

// admitEvent takes in w, which is right by itself, if pool and state allow it.
func (p *Pool) admitEvent(s *consensus.State, w *waiting) error {
	if err := p.glanceAt(s, w.id); err != nil {
		return err
	}
	instead, err := p.eventRoom(w)
	if err != nil {
		return err
	}
	if err := p.fitted(s).add(w); err != nil {
		if consensus.NewFit(s).Add(w.event) == nil {
			return &PolicyError{PolicyClaimed, fmt.Sprintf("event %s contradicts one that waits already: %v", w.id, err)}
		}
		return err
	}
	if instead != nil {
		p.events = slices.DeleteFunc(p.events, func(x *waiting) bool { return x == instead })
	}
	at := slices.IndexFunc(p.events, func(x *waiting) bool { return w.first && !x.first || w.soon && !x.soon })
	if at < 0 {
		at = len(p.events)
	}
	p.events = slices.Insert(p.events, at, w)
	if w.first {
		p.fits = nil // those behind it have to fit in after it
	}
	p.stats.Revision++
	return nil
}

func (p *Pool) findEvent(id consensus.Hash) int {
	return slices.IndexFunc(p.events, func(w *waiting) bool { return w.id == id })
}

// eventRoom finds out whether there is room for w, and which event has to go for it, if any. What
// is urgent has room of its own. That is shared by organisations: where it is full, a revocation
// takes the place of a suspension, of whoever has most; a suspension that of one who has several.
func (p *Pool) eventRoom(w *waiting) (instead *waiting, err error) {
	all, counts := 0, make(map[consensus.Hash]int)
	for _, x := range p.events {
		if x.first != w.first {
			continue
		}
		all++
		counts[x.org]++
		if x.org == w.org && x.event.Type() == consensus.EventRevoke && w.event.Type() == consensus.EventRevoke {
			return nil, &PolicyError{PolicyOrgEvents, fmt.Sprintf("a revocation of organisation %s is waiting", w.org)}
		}
	}
	switch {
	case counts[w.org] >= p.policy.OrgEvents && w.event.Type() != consensus.EventRevoke:
		return nil, &PolicyError{PolicyOrgEvents, fmt.Sprintf("%d events of organisation %s are waiting", counts[w.org], w.org)}
	case !w.first && all >= p.policy.MaxEvents:
		return nil, &PolicyError{PolicyEvents, fmt.Sprintf("%d events are waiting", all)}
	case !w.first || all < p.policy.MaxUrgent:
		return nil, nil
	}
	most := counts[w.org] + 2                    // else the two would take turns
	if w.event.Type() == consensus.EventRevoke { // a suspension is made again from its evidence
		most = 1
	}
	for _, x := range p.events {
		if x.first && x.event.Type() != consensus.EventRevoke && counts[x.org] >= most {
			instead, most = x, counts[x.org]
		}
	}
	if instead == nil {
		return nil, &PolicyError{PolicyEvents, fmt.Sprintf("%d revocations and suspensions are waiting", all)}
	}
	return instead, nil
}

// fits is what the waiting events make of the member table of a state. An event is taken in for one
// of the next blocks, not for the next alone.
type fits struct {
	s          *consensus.State
	first, all *consensus.Fit // after those that go first, and after all
}

// fitted returns the fits for s, after leaving out what does not fit.
func (p *Pool) fitted(s *consensus.State) *fits {
	if p.fits == nil || p.fits.s != s {
		p.fits = &fits{s, consensus.NewFit(s), consensus.NewFit(s)}
		for _, w := range p.events {
			_ = p.fits.add(w) // Advance drops it, unless the state gets another
		}
	}
	return p.fits
}

// add takes w in, or returns why it does not fit.
func (f *fits) add(w *waiting) error {
	if !w.first {
		return addLater(f.all, w.event)
	}
	_ = addLater(f.all, w.event) // what contradicts it there is behind it, and made anew
	return addLater(f.first, w.event)
}

// addLater adds e, in another block if the one so far has enough.
func addLater(f *consensus.Fit, e *consensus.OrgEvent) error {
	err := f.Add(e)
	if broken, ok := errors.AsType[*consensus.RuleError](err); ok && broken.OfBlock() {
		f.NextBlock()
		err = f.Add(e)
	}
	return err
}

// pinned returns a *PolicyError if a domain of e is pinned to another organisation than its own.
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
