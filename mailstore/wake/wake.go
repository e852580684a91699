// Package wake tells those who follow something that it has changed. A wake-up means "look again"
// and carries nothing: one that was not taken yet stands for all later ones.
package wake

import "sync"

// Up wakes the reader of c, which has room for one, unless it is about to wake up anyway.
func Up(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Listeners are those who want to be woken. The zero value is ready for use, also by several
// goroutines.
type Listeners struct {
	mu    sync.Mutex
	woken map[chan struct{}]struct{}
}

// Subscribe returns a channel that receives after Wake. It is never closed. cancel ends the
// subscription and may be called twice.
func (l *Listeners) Subscribe() (woken <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.woken == nil {
		l.woken = make(map[chan struct{}]struct{})
	}
	l.woken[c] = struct{}{}
	return c, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.woken, c)
	}
}

// Wake wakes all.
func (l *Listeners) Wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.woken {
		Up(c)
	}
}
