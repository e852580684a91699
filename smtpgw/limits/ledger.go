package limits

// none is the index of no slot.
const none = -1

// maxSpared is how many of those who are kept out are passed over for each that is forgotten.
const maxSpared = 8

// slot is what is remembered of one prefix or account. Times are nanoseconds since the Table began.
type slot[K comparable] struct {
	key        K
	prev, next int32 // by when they were seen last
	filled     [meters]int64
	named      named
	until      int64 // the end of the last ban or hold
	times      uint8 // bans and holds that followed each other
	why        Answer
	over       Event // of an account: what it is held for
}

// ledger is a bounded table of slots; the one that was seen the longest time ago makes room.
type ledger[K comparable] struct {
	most        int
	at          map[K]int32
	slots       []slot[K]
	first, last int32 // seen last, and the longest time ago
	free        int32 // the first slot that was given back; next leads on
}

func newLedger[K comparable](most int) ledger[K] {
	return ledger[K]{most: most, at: make(map[K]int32), first: none, last: none, free: none}
}

// see returns where the slot of a key is, made if need be, as the one that was seen last. Who is
// kept out at this time is passed over a few times before it is forgotten.
func (l *ledger[K]) see(k K, now int64) int32 {
	if i, ok := l.at[k]; ok {
		l.front(i)
		return i
	}
	if len(l.at) >= l.most {
		l.makeRoom(now)
	}
	i := l.free
	if i == none {
		i = int32(len(l.slots))
		l.slots = append(l.slots, slot[K]{})
	} else {
		l.free = l.slots[i].next
	}
	l.slots[i] = slot[K]{key: k, prev: none, next: none}
	l.at[k] = i
	l.push(i)
	return i
}

// makeRoom forgets the slot that was seen the longest time ago of those that keep nobody out.
func (l *ledger[K]) makeRoom(now int64) {
	for range maxSpared {
		if l.slots[l.last].until <= now {
			break
		}
		l.front(l.last)
	}
	l.forget(l.last)
}

// forget gives a slot back.
func (l *ledger[K]) forget(i int32) {
	l.unlink(i)
	delete(l.at, l.slots[i].key)
	l.slots[i] = slot[K]{next: l.free}
	l.free = i
}

func (l *ledger[K]) front(i int32) {
	if l.first != i {
		l.unlink(i)
		l.push(i)
	}
}

func (l *ledger[K]) push(i int32) {
	s := &l.slots[i]
	s.prev, s.next = none, l.first
	if l.first != none {
		l.slots[l.first].prev = i
	}
	if l.first = i; l.last == none {
		l.last = i
	}
}

func (l *ledger[K]) unlink(i int32) {
	s := &l.slots[i]
	if s.prev == none {
		l.first = s.next
	} else {
		l.slots[s.prev].next = s.next
	}
	if s.next == none {
		l.last = s.prev
	} else {
		l.slots[s.next].prev = s.prev
	}
}
