package outbox

import "sync"

// underway is which entries are on their way, and which must not begin one: their
// token may be taken back. It is in memory alone; whoever holds entries back does so
// again after a restart, before anything is carried.
type underway struct {
	mu      sync.Mutex
	carried map[uint64]bool
	held    map[uint64]bool
}

func newUnderway() underway {
	return underway{carried: make(map[uint64]bool), held: make(map[uint64]bool)}
}

// Begin reports whether an entry may be carried now, which it then is until End.
func (q *Queue) Begin(id uint64) bool {
	u := &q.way
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.carried[id] || u.held[id] {
		return false
	}
	u.carried[id] = true
	return true
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
		if !q.way.carried[id] {
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
	signal(q.sender)
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
