package mailstore

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"cairn/mailstore/wake"
)

const (
	// maxGroup and maxGroupBytes bound the work, and so the time, of one group.
	maxGroup      = 1024
	maxGroupBytes = 32 << 20
	// entryOverhead is what Badger counts for an entry beside its key and value, or beside its key
	// when the value goes to the value log, rounded up; and the checksum of a sealed value.
	entryOverhead = 32
)

// request is one caller of Update.
type request struct {
	fn    func(*Tx) error
	taken atomic.Bool // by the committer, or by the caller who gave up
	done  chan error  // capacity 1
}

// commitLoop is the committer: it takes whoever is waiting into a group and commits the group,
// until requests is closed and empty. While one is being synced, the next gathers by itself.
func (s *Store) commitLoop() {
	defer close(s.committed)
	last := 0 // members of the group before
	for first := range s.requests {
		g := s.newGroup()
		g.run(first)
		s.gather(g, last)
		last = len(g.members)
		g.commit()
	}
}

const (
	// company is how many have to have shared a sync for the next one to wait for as many, and
	// moment for how long it does. Those who were answered mostly come again: were a group not to
	// wait for them, those of one half would sync while the other half writes, twice as often. Two
	// groups under way at a time, one written while the next one runs, come to the same.
	company = 4
	moment  = time.Millisecond
)

// gather takes into a group whoever is waiting, and whoever comes in a moment as long as it has
// fewer members than are likely.
func (s *Store) gather(g *group, likely int) {
	var over <-chan time.Time
	for len(g.members) < maxGroup && g.writes.bytes < maxGroupBytes {
		select {
		case r, ok := <-s.requests:
			if !ok {
				return
			}
			g.run(r)
			continue
		default:
		}
		if likely < company || len(g.members) >= likely {
			return
		}
		if over == nil {
			timer := time.NewTimer(moment)
			defer timer.Stop()
			over = timer.C
		}
		select {
		case r, ok := <-s.requests:
			if !ok {
				return
			}
			g.run(r)
		case <-over:
			return
		}
	}
}

// group is a set of updates that become durable together.
type group struct {
	s       *Store
	base    *snapshot // nil if the store was broken at the beginning
	writes  *overlay  // of all members that succeeded
	modseq  ModSeq
	before  ModSeq // modseq at the beginning
	updates uint64 // that wrote something
	swept   bool
	members []member
}

// member is an update that ran; err is what its function returned.
type member struct {
	r   *request
	err error
}

func (s *Store) newGroup() *group {
	g := &group{s: s, writes: newOverlay(nil)}
	g.begin()
	return g
}

// begin starts on the committed state. The database is left alone after a failed commit: it may
// never answer again.
func (g *group) begin() {
	if g.s.broken != nil {
		return
	}
	g.base = g.s.snapshot()
	g.base.met = g.s.meet
	g.writes = newOverlay(g.base)
	g.modseq = g.s.modseq
	g.before = g.s.modseq
	g.swept = false
	g.updates = 0
	g.members = nil
}

// run runs one update above the group's writes and takes it in. Its writes join the group's only if
// it succeeded. An update that failed is answered with the group all the same: what it saw, and
// failed on, may be a write of the group.
func (g *group) run(r *request) {
	if !r.taken.CompareAndSwap(false, true) {
		return
	}
	if g.s.broken != nil {
		r.done <- g.s.broken
		return
	}
	tx, err := g.try(r)
	if err == nil && !g.fits(tx.own) {
		refused := g.commit()
		g.begin()
		if g.s.broken != nil {
			r.done <- g.s.broken
			return
		}
		// The update has seen exactly the state that committing the group makes, so it need not run
		// again; unless that state was refused, and with it what the update built on.
		if refused != nil {
			tx, err = g.try(r)
		}
		if err == nil && !g.fits(tx.own) {
			err = fmt.Errorf("%w: %d writes", ErrTooBig, len(tx.own.writes))
		}
	}
	if err == nil {
		g.writes.absorb(tx.own)
		g.modseq = tx.modseq
		g.swept = g.swept || tx.swept
		if len(tx.own.writes) > 0 {
			g.updates++
		}
	}
	g.members = append(g.members, member{r, err})
}

// try runs one update above the group's writes.
func (g *group) try(r *request) (*Tx, error) {
	tx := newTx(g.writes, g.modseq)
	err := call(r.fn, tx)
	tx.over = true
	return tx, err
}

// call contains a panic of fn to its caller.
func call(fn func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("mailstore: update panicked, nothing of it was kept: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(tx)
}

// fits tells whether own fits into the group's transaction.
func (g *group) fits(own *overlay) bool { return g.s.fit(g.writes, own) }

// fit tells whether two sets of writes fit into one transaction.
func (s *Store) fit(a, b *overlay) bool {
	count := int64(len(a.writes) + len(b.writes))
	return count < s.db.MaxBatchCount()*9/10 && a.weight()+b.weight() < s.db.MaxBatchSize()*9/10
}

// commit makes the group durable and answers its members. An error means that none of its writes
// was kept.
func (g *group) commit() error {
	if g.base == nil {
		return nil
	}
	g.base.close()
	g.base = nil
	next := g.next()
	err := g.s.write(g.writes)
	if err == nil {
		g.s.modseq, g.s.mark = g.modseq, next
		if len(g.writes.writes) > 0 {
			g.s.publish()
			g.s.noteHead()
		}
	}
	for _, m := range g.members {
		if err != nil {
			m.r.done <- err
		} else {
			m.r.done <- m.err
		}
	}
	if err == nil && g.modseq != g.before {
		g.s.listeners.Wake()
	}
	if err == nil && g.swept {
		wake.Up(g.s.sweepable)
	}
	return err
}

// next counts the group's updates, in its writes and as what it returns, unless it writes nothing.
func (g *group) next() mark {
	m := g.s.mark
	if len(g.writes.writes) == 0 {
		return m
	}
	m.modseq, m.at = g.modseq, time.Now()
	m.updates += g.updates
	g.writes.set(string(metaUpdates), write{value: m.value()})
	return m
}

// write commits the writes in one synced transaction. After a failure the state of the database is
// not known before it is opened again, so the store takes no further writes.
func (s *Store) write(o *overlay) error {
	if s.broken != nil {
		return s.broken
	}
	if len(o.writes) == 0 {
		return nil
	}
	trouble := s.nextTrouble()
	if trouble.Full {
		return ErrDiskFull
	}
	if err := s.checkRoom(o.bytes); err != nil {
		return err
	}
	err := s.troubled(o, trouble)
	if err == nil && s.dblog.unsynced.Load() {
		err = errors.New("value log could not be synced")
	}
	if err != nil {
		s.broken = fmt.Errorf("%w (check the disk and its free space, then restart): %w", ErrBroken, err)
		if s.failed != nil { // nil while a store is restored or brought up to this format, and nobody waits
			close(s.failed)
		}
		s.log.Error("mail store takes no more writes", "err", err)
	}
	return s.broken
}

func (s *Store) writeTxn(o *overlay) error {
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	for key, w := range o.writes {
		var err error
		if w.deleted {
			err = txn.Delete([]byte(key))
		} else {
			err = txn.SetEntry(badger.NewEntry([]byte(key), seal([]byte(key), w.value)))
		}
		if err != nil {
			return err
		}
	}
	return txn.Commit()
}
