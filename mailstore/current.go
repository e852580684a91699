package mailstore

import (
	"sync"

	"github.com/dgraph-io/badger/v4"
)

// current is the last committed state, which all views share that begin before the next one is.
// Badger's own way to it waits for the commits that are under way, and so for the disk, since it
// counts them as part of the state. Nothing of them is acknowledged yet, so nobody misses them.
type current struct {
	mu    sync.Mutex
	state *sharedTxn // nil: there is none, as while a store is made
}

// sharedTxn is a read transaction with the number of those who use it. Reading from one in several
// goroutines is safe: it has no writes of its own.
type sharedTxn struct {
	*badger.Txn
	of    *current
	users int // guarded by of.mu
}

// become makes txn the state of views that begin from now on.
func (c *current) become(txn *badger.Txn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.state
	if last != nil && txn.ReadTs() < last.ReadTs() {
		txn.Discard()
		return
	}
	c.state = &sharedTxn{Txn: txn, of: c, users: 1}
	last.leave()
}

// end lets go of the state.
func (c *current) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.leave()
	c.state = nil
}

// use returns the state for a view, which is to release it; nil: there is none.
func (c *current) use() *sharedTxn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != nil {
		c.state.users++
	}
	return c.state
}

func (t *sharedTxn) release() {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	t.leave()
}

// leave is release for who holds of.mu.
func (t *sharedTxn) leave() {
	if t == nil {
		return
	}
	if t.users--; t.users == 0 {
		t.Discard()
	}
}

// publish makes what is committed by now the state of views. Nothing may be under way: it would be
// waited for.
func (s *Store) publish() { s.current.become(s.db.NewTransaction(false)) }

// seen is a snapshot of what was published last.
func (s *Store) seen() *snapshot {
	if t := s.current.use(); t != nil {
		return &snapshot{txn: t.Txn, shared: t, dir: s.dir}
	}
	return s.snapshot()
}
