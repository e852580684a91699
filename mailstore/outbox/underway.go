package outbox

import (
	"sync"
	"time"

	"cairn/mailstore/wake"
)

// underway is which entries are on their way, and which must not begin one: their
// token may be taken back. It is in memory alone; whoever holds entries back does so
// again after a restart, before anything is carried.
type underway struct {
	mu      sync.Mutex
	carried map[uint64]*trip
	held    map[uint64]bool
	byHand  map[uint64]bool          // what somebody holds; perhaps also what is gone since
	wasHeld map[uint64]time.Duration // for how long, of what was released
	blocks  map[uint64]*awaited      // what leaves only when its record is in a block
	unclear map[uint64]string        // who may have an entry, see NoteUnclear
	perhaps uint64                   // the last entry that an earlier run may have had under way, see PerhapsCarried
	heard   map[uint64]bool          // those up to there of which something was heard since
	rounds  map[string]uint64        // by domain: how often what waits for it was made due at once
	whole   uint64                   // how often all was
}

// trip is one attempt for an entry.
type trip struct {
	domain  string
	hurried bool // the entry was to be tried at once, after the attempt had begun
}

func newUnderway() underway {
	return underway{carried: make(map[uint64]*trip), held: make(map[uint64]bool), byHand: make(map[uint64]bool), wasHeld: make(map[uint64]time.Duration), blocks: make(map[uint64]*awaited), unclear: make(map[uint64]string), heard: make(map[uint64]bool), rounds: make(map[string]uint64)}
}

// Begin reports whether an entry of a domain may be carried now, which it then is until End.
func (q *Queue) Begin(domain string, id uint64) bool {
	u := &q.way
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.carried[id] != nil || u.keeps(id) {
		return false
	}
	u.carried[id] = &trip{domain: domain}
	return true
}

// keeps reports, with mu held, whether an entry must not begin its way though it is due.
func (u *underway) keeps(id uint64) bool { return u.held[id] || u.byHand[id] || u.awaits(id) }

// stays is keeps without mu.
func (u *underway) stays(id uint64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.keeps(id)
}

// Retries grows whenever what waits for a domain is to be tried at once. What an attempt has shown
// before says nothing about one after it.
func (q *Queue) Retries(domain string) uint64 {
	q.way.mu.Lock()
	defer q.way.mu.Unlock()
	return q.way.whole + q.way.rounds[domain]
}

// another begins another round of attempts for a domain.
func (u *underway) another(domain string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.rounds[domain]++
}

// anotherOfAll begins another round of attempts for all domains.
func (u *underway) anotherOfAll() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.whole++
}

// hurry has those of the attempts under way that are meant made again at once should they fail, and
// returns their domains.
func (u *underway) hurry(meant func(id uint64, domain string) bool) (domains map[string]bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	domains = make(map[string]bool)
	for id, t := range u.carried {
		if meant(id, t.domain) {
			t.hurried, domains[t.domain] = true, true
		}
	}
	return domains
}

func (u *underway) hurried(id uint64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	t := u.carried[id]
	return t != nil && t.hurried
}

// End says that an entry is carried no more.
func (q *Queue) End(id uint64) {
	u := &q.way
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.carried, id)
}

// EndAll says that nothing is carried any more.
func (q *Queue) EndAll() {
	u := &q.way
	u.mu.Lock()
	defer u.mu.Unlock()
	clear(u.carried)
}

// Hold keeps entries from being carried until Release, and returns those that no
// attempt is under way for.
func (q *Queue) Hold(ids []uint64) (free []uint64) {
	q.way.mu.Lock()
	defer q.way.mu.Unlock()
	for _, id := range ids {
		q.way.held[id] = true
		if q.way.carried[id] == nil {
			free = append(free, id)
		}
	}
	return free
}

// Release lets entries be carried again.
func (q *Queue) Release(ids []uint64) {
	q.way.mu.Lock()
	for _, id := range ids {
		delete(q.way.held, id)
	}
	q.way.mu.Unlock()
	q.plan.lookAgain()
	wake.Up(q.sender)
}

// Held reports whether an entry is kept from being carried.
func (q *Queue) Held(id uint64) bool {
	q.way.mu.Lock()
	defer q.way.mu.Unlock()
	return q.way.held[id]
}

// LenHeld returns how many entries are.
func (q *Queue) LenHeld() int {
	q.way.mu.Lock()
	defer q.way.mu.Unlock()
	return len(q.way.held)
}
