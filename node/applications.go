package node

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"cairn/consensus"
	"cairn/consensus/mempool"
	"cairn/mailstore/wake"
	"cairn/node/membership"
)

const (
	maxApplications = 64 // how many events without the word of enough members are kept
	maxOfOne        = 2  // of them of one applicant: a second one may correct the first
	// applicationStays is how long one is safe from further ones of the same applicant. Without,
	// they would cost all nodes as many checks and messages as it likes: one stamp is good for all
	// enrolments of a key.
	applicationStays = 10 * time.Minute
)

// applications are events that lack nothing but the word of members: no mempool takes them, and
// members have to see them before they can give it. They are kept in memory and passed on as they
// come, each with all attestations that have been seen.
type applications struct {
	mu     sync.Mutex
	list   []application  // in the order in which they came
	ready  chan struct{}  // one of them may have enough
	pruned consensus.Hash // the tip for which those that no block will hold were looked for

	isOld func(*consensus.State) bool // see Node.viewIsOld
}

type application struct {
	event *consensus.OrgEvent // never changed, only replaced
	came  time.Time
}

// applicant is whose event it is: of an enrolment, which has no organisation yet, the key that its
// stamp is for.
type applicant struct {
	org consensus.Hash
	key consensus.Key
}

func applicantOf(e *consensus.OrgEvent) applicant {
	if enrol := e.Enrol(); enrol != nil {
		return applicant{key: enrol.OrgKey}
	}
	return applicant{org: e.Org()}
}

func newApplications(isOld func(*consensus.State) bool) *applications {
	return &applications{ready: make(chan struct{}, 1), isOld: isOld}
}

// unattested reports whether that is all that err says of an event.
func unattested(err error) bool {
	rule, ok := errors.AsType[*consensus.RuleError](err)
	return ok && rule.Rule == consensus.RuleUnattested
}

// add takes in an event that was refused for nothing else. It, or the word of a member, was not
// known, or the error is mempool.ErrKnown; a *mempool.PolicyError says that there is no room for
// it.
func (a *applications) add(s *consensus.State, e *consensus.OrgEvent, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := e.ID()
	i := slices.IndexFunc(a.list, func(x application) bool { return x.event.ID() == id })
	if i >= 0 {
		merged, more := withWords(s, a.list[i].event, e.Attestations)
		if !more {
			return mempool.ErrKnown
		}
		a.list[i].event = merged
	} else {
		at, err := a.displaced(e, now)
		if err != nil {
			return err
		}
		if at >= 0 {
			a.list = slices.Delete(a.list, at, at+1)
		}
		a.list = append(a.list, application{counted(s, e), now})
	}
	wake.Up(a.ready)
	return nil
}

// withWords is e with those of further attestations that count, if more do then. What was kept
// before stays though it counts no more: on another branch it may again, as once the block with its
// key is there again.
func withWords(s *consensus.State, e *consensus.OrgEvent, further []consensus.Attestation) (merged *consensus.OrgEvent, more bool) {
	c := *e
	c.Attestations = slices.Concat(e.Attestations, further)
	c.Attestations = s.CountingAttestations(&c)
	if len(c.Attestations) <= len(s.CountingAttestations(e)) {
		return nil, false
	}
	for _, was := range e.Attestations {
		if len(c.Attestations) < consensus.MaxAttestations && !slices.ContainsFunc(c.Attestations, func(x consensus.Attestation) bool { return x.Recorder == was.Recorder }) {
			c.Attestations = append(c.Attestations, was)
		}
	}
	slices.SortFunc(c.Attestations, func(a, b consensus.Attestation) int { return bytes.Compare(a.Recorder[:], b.Recorder[:]) })
	return &c, true
}

// counted is e with those of its attestations that count in the next block.
func counted(s *consensus.State, e *consensus.OrgEvent) *consensus.OrgEvent {
	c := *e
	c.Attestations = s.CountingAttestations(e)
	return &c
}

// displaced is the place of the application that gives way to e; -1: there is room. Of its own
// applicant, if that has as many as it may, else of all, it is the oldest that has no word yet, or
// else the oldest.
func (a *applications) displaced(e *consensus.OrgEvent, now time.Time) (at int, err error) {
	own := func(x application) bool { return applicantOf(x.event) == applicantOf(e) }
	of, count := own, 0
	for _, x := range a.list {
		if own(x) {
			count++
		}
	}
	switch {
	case count >= maxOfOne:
	case len(a.list) < maxApplications:
		return -1, nil
	default:
		of = func(application) bool { return true }
	}
	at = slices.IndexFunc(a.list, func(x application) bool { return of(x) && len(x.event.Attestations) == 0 })
	if at < 0 {
		at = slices.IndexFunc(a.list, of)
	}
	if stayed := now.Sub(a.list[at].came); count >= maxOfOne && stayed >= 0 && stayed < applicationStays { // less: the clock was ahead
		return 0, &mempool.PolicyError{Policy: mempool.PolicyOrgEvents,
			Detail: fmt.Sprintf("%d of its events wait for the word of members, and a further one takes the place of one of them in %v at the earliest",
				count, (applicationStays - stayed).Round(time.Second))}
	}
	return at, nil
}

// all lists the applications with the attestations that count, and forgets those that no block will
// hold any more. That is looked at once for each tip, and not under the lock: there are signatures
// to check. A view that is old forgets none.
func (a *applications) all(s *consensus.State) (list []*consensus.OrgEvent) {
	for _, e := range a.left(s) {
		list = append(list, counted(s, e))
	}
	return list
}

func (a *applications) left(s *consensus.State) []*consensus.OrgEvent {
	a.mu.Lock()
	list, pruned := a.events(), a.pruned == s.Tip()
	a.mu.Unlock()
	if pruned || a.isOld(s) {
		return list
	}
	var dead []*consensus.OrgEvent
	for _, e := range list {
		if err := consensus.ValidateEvent(s, e); err != nil && !unattested(err) && membership.KnowsBefore(s, e) {
			dead = append(dead, e)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pruned = s.Tip()
	a.list = slices.DeleteFunc(a.list, func(x application) bool { return slices.Contains(dead, x.event) })
	return a.events()
}

// events are those of the list, which is locked.
func (a *applications) events() []*consensus.OrgEvent {
	list := make([]*consensus.OrgEvent, len(a.list))
	for i, x := range a.list {
		list[i] = x.event
	}
	return list
}

// enough lists those that have the word of enough members. They stay until remove.
func (a *applications) enough(s *consensus.State) []*consensus.OrgEvent {
	return slices.DeleteFunc(a.all(s), func(e *consensus.OrgEvent) bool {
		return len(e.Attestations) < s.AttestersNeeded(e.Org()) || consensus.ValidateEvent(s, e) != nil
	})
}

func (a *applications) remove(id consensus.Hash) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = slices.DeleteFunc(a.list, func(x application) bool { return x.event.ID() == id })
}

// waitingRoom is the mempool as other nodes see it: with the applications.
type waitingRoom struct {
	*mempool.Pool
	room *applications
}

// AddEvent takes e in as the mempool does, or as an application. To be new is to be passed on.
func (w waitingRoom) AddEvent(s *consensus.State, e *consensus.OrgEvent, now time.Time) error {
	err := w.Pool.AddEvent(s, e, now)
	if unattested(err) {
		return w.room.add(s, e, now)
	}
	return err
}

// Events lists what waits for a block, and what waits for the word of members.
func (w waitingRoom) Events() []*consensus.OrgEvent {
	w.room.mu.Lock()
	defer w.room.mu.Unlock()
	return slices.Concat(w.Pool.Events(), w.room.events())
}

// bringAttested gives to the miners what has the word of enough members. What the mempool refuses,
// as when it is full, keeps that word and is brought again.
func (n *Node) bringAttested(s *consensus.State) error {
	var errs []error
	for _, e := range n.applications.enough(s) {
		if err := n.pool.AddEvent(s, e, n.now()); err != nil && !errors.Is(err, mempool.ErrKnown) {
			errs = append(errs, fmt.Errorf("bring event %.8s, which enough members attest to, to the mempool: %w", e.ID(), err))
			continue
		}
		n.applications.remove(e.ID())
		n.host.PublishEvent(e)
	}
	return errors.Join(errs...)
}
