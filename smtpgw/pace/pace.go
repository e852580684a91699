// Package pace decides how many sessions there are with the mail servers of others at one time, and
// when those that could not be reached are tried again. Domains that have the same servers share
// what it decides: one provider may serve thousands. It does no I/O and is told the time.
package pace

import (
	"time"
)

// Config bounds what is done. All of it is above zero.
type Config struct {
	Sessions int           // at one time with one set of hosts
	Grow     time.Duration // after which one session more is allowed where they were cut
	First    time.Duration // that a set which cannot be reached is left alone; twice as long each time
	Longest  time.Duration // the same at most
}

// Table knows the sets of hosts that there are sessions with, or that have trouble. One goroutine
// at a time uses it.
type Table struct {
	cfg  Config
	sets map[string]*set
}

// maxSets is how many sets are kept before those are forgotten that nothing is under way with.
const maxSets = 4096

// set is what is known of one set of hosts.
type set struct {
	open    int           // sessions, and attempts to have one
	held    int           // the sessions among them
	most    int           // of them
	since   time.Time     // the last change of most, as far as it counts for growing
	asked   time.Time     // when less was asked for
	paused  time.Duration // how long the pause is, or was; 0: it could be reached
	until   time.Time
	probing bool // one attempt finds out whether the pause was long enough
	cause   error
	rounds  map[string]uint64 // of domains that were told of the pause, or had an attempt before it
	byHand  map[string]uint64 // of those among them that an attempt finds it out for
}

// New returns a table that knows no trouble.
func New(cfg Config) *Table { return &Table{cfg: cfg, sets: make(map[string]*set)} }

// Answer is what Ask allows.
type Answer uint8

const (
	Go     Answer = iota + 1 // one attempt; Opened or Failed has to follow, and Closed after Opened
	Wait                     // there are as many sessions as there may be
	Paused                   // the hosts could not be reached a short time ago
)

// Ask asks for a session with a set of hosts, for mail of a domain. The error is why Paused. A
// domain that has come into another round since it was told of a pause, or had an attempt that led
// to it, is tried all the same: somebody wants it so. What else there is for it waits for what
// that finds out.
func (t *Table) Ask(hosts, domain string, round uint64, now time.Time) (Answer, error) {
	s := t.sets[hosts]
	if s == nil {
		t.makeRoom(now)
		s = &set{most: t.cfg.Sessions, since: now, rounds: make(map[string]uint64), byHand: make(map[string]uint64)}
		t.sets[hosts] = s
	}
	t.grow(s, now)
	if s.paused > 0 && (s.probing || within(now, s.until, s.paused)) {
		known, told := s.rounds[domain]
		hand, asked := s.byHand[domain]
		switch {
		case told && known != round:
			s.byHand[domain] = round
		case !asked || hand != round:
			s.rounds[domain] = round
			return Paused, s.cause
		case s.probing:
			return Wait, nil
		}
	}
	if s.open >= s.most {
		return Wait, nil
	}
	s.open++
	s.rounds[domain] = round
	s.probing = s.probing || s.paused > 0
	return Go, nil
}

// within reports whether a time has not come that is so far ahead at most: one that is farther was
// noted by a clock that was ahead.
func within(now, until time.Time, most time.Duration) bool {
	left := until.Sub(now)
	return left > 0 && left <= most
}

// Opened notes that there is a session.
func (t *Table) Opened(hosts string) {
	s := t.sets[hosts]
	s.held++
	s.paused, s.probing, s.cause = 0, false, nil
	clear(s.rounds)
	clear(s.byHand)
}

// Failed notes that no session could be had. Where there are sessions the hosts are there and
// have enough; else they are left alone for a time.
func (t *Table) Failed(hosts string, cause error, now time.Time) {
	s := t.sets[hosts]
	s.open--
	if s.held > 0 && s.paused == 0 {
		s.cut(now)
		return
	}
	if s.paused > 0 && !s.probing && within(now, s.until, s.paused) {
		return // it began before the pause
	}
	s.paused = min(max(t.cfg.First, 2*s.paused), t.cfg.Longest)
	s.until, s.cause, s.probing = now.Add(s.paused), cause, false
	clear(s.byHand)
}

// GivenUp notes that an attempt ended for a reason that says nothing of the hosts.
func (t *Table) GivenUp(hosts string) {
	s := t.sets[hosts]
	s.open--
	s.probing = false
	if s.open == 0 && s.paused == 0 {
		clear(s.rounds)
	}
}

// Closed notes that a session has ended.
func (t *Table) Closed(hosts string) {
	s := t.sets[hosts]
	s.open--
	s.held--
}

// Slow notes that the hosts want less: a reply 421, or one with status 4.7.x (RFC 3463).
func (t *Table) Slow(hosts string, now time.Time) { t.sets[hosts].cut(now) }

// cut halves how many sessions there may be, once in a second: replies in sessions that were open
// at the same time are one word.
func (s *set) cut(now time.Time) {
	if s.most > 1 && (now.Sub(s.asked) >= time.Second || now.Before(s.asked)) {
		s.most /= 2
		s.asked = now
	}
	s.since = now
}

// grow allows what time has brought.
func (t *Table) grow(s *set, now time.Time) {
	if s.most >= t.cfg.Sessions || now.Before(s.since) {
		if s.since.After(now) {
			s.since = now
		}
		return
	}
	n := int(min(now.Sub(s.since)/t.cfg.Grow, time.Duration(t.cfg.Sessions-s.most)))
	s.most += n
	s.since = s.since.Add(time.Duration(n) * t.cfg.Grow)
}

// makeRoom forgets sets that nothing is under way with: first those that have no trouble any more.
func (t *Table) makeRoom(now time.Time) {
	if len(t.sets) < maxSets {
		return
	}
	for hosts, s := range t.sets {
		if s.open == 0 && !within(now, s.until, s.paused) {
			delete(t.sets, hosts)
		}
	}
	if len(t.sets) < maxSets {
		return
	}
	for hosts, s := range t.sets {
		if s.open == 0 && len(t.sets) > maxSets/2 {
			delete(t.sets, hosts)
		}
	}
}
