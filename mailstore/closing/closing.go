// Package closing lets something be used until it is closed.
package closing

import "sync"

// Gate counts who uses something. The zero value is open.
type Gate struct {
	mu     sync.Mutex // guards closed, and inside growing
	closed bool
	inside sync.WaitGroup
}

// Enter begins a use that ends with Leave, if the gate is open.
func (g *Gate) Enter() (open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside.Add(1)
	return true
}

// Fork begins another use on behalf of one that lasts, whether the gate was closed meanwhile or
// not.
func (g *Gate) Fork() { g.inside.Add(1) }

// Leave ends a use.
func (g *Gate) Leave() { g.inside.Done() }

// Close lets nobody in any more, and waits for nobody but who runs Alone. first is true of one call
// alone.
func (g *Gate) Close() (first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	first, g.closed = !g.closed, true
	return first
}

// Alone runs fn when nobody is inside, unless the gate is closed. Whoever comes meanwhile waits, so
// fn may not wait for one who comes; and who is inside may not call this, nor wait for who does.
func (g *Gate) Alone(fn func()) (open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside.Wait()
	fn()
	return true
}

// Wait waits, after Close, until all who came in before it have left.
func (g *Gate) Wait() { g.inside.Wait() }
