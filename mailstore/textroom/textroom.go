// Package textroom bounds the text of mail that is held in memory at one time, in bytes. A Room may
// be a part of another one, as what one peer may have is a part of what all have: what is taken of
// it is taken of that one too.
package textroom

import (
	"context"
	"math"
	"slices"
	"sync"
)

// Room is so many bytes. Its methods may be called from many goroutines.
type Room struct {
	max  int64
	of   *Room // nil: none
	used int64 // guarded by lot.mu
	lot  *lot
}

// lot is what rooms that are parts of one share.
type lot struct {
	mu      sync.Mutex
	waiting []*waiter // in the order in which they came
	watch   func(used int64)
}

type waiter struct {
	room    *Room
	bytes   int64
	granted chan struct{}
}

// New returns a room of so many bytes.
func New(most int64) *Room { return &Room{max: most, lot: new(lot)} }

// Unbounded returns a room that is never full.
func Unbounded() *Room { return New(math.MaxInt64) }

// Part returns a room of so many bytes that are bytes of r.
func (r *Room) Part(most int64) *Room { return &Room{max: most, of: r, lot: r.lot} }

// Max is how large the room is, in bytes.
func (r *Room) Max() int64 { return r.max }

// Used is how much of it is taken, in bytes.
func (r *Room) Used() int64 {
	r.lot.mu.Lock()
	defer r.lot.mu.Unlock()
	return r.used
}

// Short reports whether somebody waits for what the outermost room lacks, and not a part of it
// alone.
func (r *Room) Short() bool {
	for r.of != nil {
		r = r.of
	}
	r.lot.mu.Lock()
	defer r.lot.mu.Unlock()
	return slices.ContainsFunc(r.lot.waiting, func(w *waiter) bool { return w.bytes > r.max-r.used })
}

// Lacking returns which of the room and those that it is a part of has not n bytes more, the
// innermost one; nil: all have.
func (r *Room) Lacking(n int64) *Room {
	r.lot.mu.Lock()
	defer r.lot.mu.Unlock()
	return r.lacking(n)
}

// Within reports whether the room is another one or a part of it.
func (r *Room) Within(other *Room) bool {
	for room := r; room != nil; room = room.of {
		if room == other {
			return true
		}
	}
	return false
}

// Try takes n bytes if they are there, also where others wait for some: who holds some already and
// needs more may not wait for those who wait for it.
func (r *Room) Try(n int64) bool {
	r.lot.mu.Lock()
	defer r.lot.mu.Unlock()
	return r.lacking(n) == nil && r.add(n)
}

// Take takes n bytes, or all that the room has if it never has so much, and returns how many. It
// waits for them until ctx is done, behind those who came before. The error is that of ctx.
func (r *Room) Take(ctx context.Context, n int64) (taken int64, err error) {
	for room := r; room != nil; room = room.of {
		n = min(n, room.max)
	}
	w := &waiter{room: r, bytes: n, granted: make(chan struct{})}
	r.lot.mu.Lock()
	r.lot.waiting = append(r.lot.waiting, w)
	r.lot.grant()
	r.lot.mu.Unlock()
	select {
	case <-w.granted:
		return n, nil
	case <-ctx.Done():
	}
	r.lot.mu.Lock()
	defer r.lot.mu.Unlock()
	at := slices.Index(r.lot.waiting, w)
	if at < 0 { // granted meanwhile
		return n, nil
	}
	r.lot.waiting = slices.Delete(r.lot.waiting, at, at+1)
	r.lot.grant() // to those behind it
	return 0, ctx.Err()
}

// Give gives n bytes back.
func (r *Room) Give(n int64) {
	r.lot.mu.Lock()
	defer r.lot.mu.Unlock()
	r.add(-n)
	r.lot.grant()
}

// Watch has f called with what is used of the outermost room, each time that changes. f must be
// quick and must not use the room.
func (r *Room) Watch(f func(used int64)) {
	r.lot.mu.Lock()
	defer r.lot.mu.Unlock()
	r.lot.watch = f
}

// lacking returns the innermost room that has not n bytes more; nil if all have.
func (r *Room) lacking(n int64) *Room {
	for room := r; room != nil; room = room.of {
		if n > room.max-room.used {
			return room
		}
	}
	return nil
}

func (r *Room) add(n int64) bool {
	room := r
	for ; room.of != nil; room = room.of {
		room.used += n
	}
	room.used += n
	if r.lot.watch != nil {
		r.lot.watch(room.used)
	}
	return true
}

// grant gives to those who wait, in their order. Who has to wait on keeps back those behind it that
// want of the same room, lest many who want little keep who wants much waiting for ever.
func (l *lot) grant() {
	var short []*Room
	l.waiting = slices.DeleteFunc(l.waiting, func(w *waiter) bool {
		for room := w.room; room != nil; room = room.of {
			if slices.Contains(short, room) {
				return false
			}
		}
		if lacking := w.room.lacking(w.bytes); lacking != nil {
			short = append(short, lacking)
			return false
		}
		w.room.add(w.bytes)
		close(w.granted)
		return true
	})
}
