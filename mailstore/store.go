package mailstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"cairn/mailstore/closing"
	"cairn/mailstore/intact"
	"cairn/mailstore/wake"
)

// Store is an open mail store. Its methods may be called from any goroutine.
type Store struct {
	db    *badger.DB
	dblog *databaseLog
	log   *slog.Logger
	dir   string

	// Owned by the committer.
	modseq  ModSeq // last committed
	mark    mark   // as committed
	head    *head
	broken  error // set once, before failed is closed
	reserve int64 // bytes that must stay free on the volume

	gate      closing.Gate // views, and updates on their way into requests
	requests  chan *request
	committed chan struct{} // closed when the committer has ended

	failed  chan struct{} // closed when the store takes no more writes
	trouble atomic.Pointer[func() Trouble]

	sweepable chan struct{} // capacity 1: a removed account has mail left
	stop      context.CancelFunc
	upkeep    sync.WaitGroup

	listeners wake.Listeners
	current   current // what views see

	met *met // what was found damaged
}

// Open opens the store in dir, or makes an empty one there. It fails if another process has it
// open, if it was written by a program with a later store format, or if it is older than its head
// (*BehindError) or that is not known (*HeadError). A store of an earlier format is brought up to
// ours. Guards are asked before that, see [Guard].
func Open(dir string, log *slog.Logger, guards ...Guard) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("mailstore: %w", err)
	}
	if err := checkGone(dir); err != nil {
		return nil, err
	}
	dblog := newDatabaseLog(log)
	db, err := openDatabase(dir, dblog)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Store{
		db: db, dblog: dblog, log: log, dir: dir,
		reserve:   diskReserve,
		requests:  make(chan *request, maxGroup),
		committed: make(chan struct{}),
		failed:    make(chan struct{}),
		sweepable: make(chan struct{}, 1),
		stop:      stop,
		met:       newMet(time.Now()),
	}
	if err := s.load(guards); err != nil {
		stop()
		return nil, errors.Join(err, s.closeDatabase())
	}
	s.publish()
	go s.commitLoop()
	s.upkeep.Add(3)
	go s.headLoop(ctx)
	go s.sweepLoop(ctx)
	go s.collectLoop(ctx)
	wake.Up(s.sweepable)
	return s, nil
}

// Guard looks at a store that is being opened, before it is held to its head and before anything in
// it is changed. Its error is the one that the store is not opened with. One that is empty is not
// shown to it.
type Guard func(r *Reader) error

// load holds the store to its head, and writes to neither before that.
func (s *Store) load(guards []Guard) error {
	at, err := s.look(guards)
	if err != nil {
		return err
	}
	had, slot, err := s.hold(at)
	if err != nil {
		return err
	}
	if err := s.bringUp(at); err != nil {
		return err
	}
	return s.openHead(had, slot)
}

// standing is what a database says of itself when it is opened.
type standing struct {
	format uint32 // 0: it is empty
	lost   lost
}

// look checks the format, asks the guards and reads what the committer keeps in memory. In place of
// an identity that is damaged or missing there is a new one.
func (s *Store) look(guards []Guard) (at standing, err error) {
	base := s.snapshot()
	defer base.close()
	at.format, err = base.format()
	switch {
	case errors.Is(err, ErrNotFound) && base.isEmpty():
		s.mark.store = newStoreID()
		return at, nil
	case errors.Is(err, ErrNotFound):
		return at, damagedAt(s.dir, metaVersion, "there is none, but other values")
	case err != nil:
		return at, err
	}
	if err := checkFormat(at.format); err != nil {
		return at, fmt.Errorf("mailstore: %s: %w", s.dir, err)
	}
	base.plain = at.format == 1
	for _, guard := range guards {
		if err := guard(&Reader{src: base}); err != nil {
			return at, err
		}
	}
	if s.mark, at.lost, err = readMark(base); err != nil {
		return at, err
	}
	if at.lost.store {
		s.mark.store = newStoreID()
	}
	s.modseq = s.mark.modseq
	return at, nil
}

// bringUp makes a store of an empty database and brings one of an earlier format up to ours. What
// is damaged of its mark is written anew.
func (s *Store) bringUp(at standing) error {
	o := newOverlay(nil)
	if at.format == 0 {
		foundStore(o, s.mark.store, formatVersion)
	} else if err := s.migrate(at.format); err != nil {
		return err
	}
	if at.lost.store {
		o.set(string(metaStoreID), write{value: s.mark.store[:]})
	}
	if at.lost.updates {
		o.set(string(metaUpdates), write{value: s.mark.value()})
	}
	err := s.write(o)
	if err == nil && at.lost != (lost{}) {
		s.log.Warn("mail store: what it says of how far it is was damaged, and was written anew", "folder", s.dir, "identity", at.lost.store, "updates", at.lost.updates)
	}
	return err
}

// Close waits for the updates and views that were called before, and closes the store.
func (s *Store) Close() error {
	if !s.gate.Close() {
		return nil
	}
	s.stop()
	s.gate.Wait()
	close(s.requests)
	<-s.committed
	s.upkeep.Wait()
	s.current.end()
	noted := s.head.close()
	if err := errors.Join(s.closeDatabase(), noted); err != nil {
		return fmt.Errorf("mailstore: closing: %w", err)
	}
	return nil
}

// closeDatabase closes it. After a commit or sync that failed the note stays at open: all of it is
// to be looked at when it is opened again.
func (s *Store) closeDatabase() error {
	room := roomToClose(s.dir)
	if room == nil && (s.broken != nil || s.dblog.unsynced.Load()) {
		return s.db.Close()
	}
	return intact.Close(s.dir, s.db, room)
}

// enter begins a use of the store that Close waits for; gate.Leave ends it.
func (s *Store) enter() error {
	if !s.gate.Enter() {
		return ErrClosed
	}
	return nil
}

// Update runs fn in a transaction and returns nil only when its writes are durable: they survive a
// crash of the process and of the machine. Concurrent updates share one sync.
//
// If fn returns an error or panics, none of its writes is kept and Update returns that error. Any
// other error (ErrBroken, ErrDiskFull, ErrTooBig) means that nothing is acknowledged; after
// ErrBroken the writes may be found to have happened when the store is opened again. If ctx ends
// before fn began, fn is not run and Update returns ctx.Err(); once fn began, Update waits for the
// outcome.
//
// All updates of the store run one after another on one goroutine: fn must be quick, must not wait
// for anything, and must not call Update or runtime.Goexit (as testing's Fatal does). It may be
// called with a state that fails to commit afterwards, so it must have no effects of its own but
// through tx.
func (s *Store) Update(ctx context.Context, fn func(tx *Tx) error) error {
	if err := ctx.Err(); err != nil { // what has ended before changes nothing
		return err
	}
	r := &request{fn: fn, done: make(chan error, 1)}
	if err := s.send(ctx, r); err != nil {
		return err
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if r.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-r.done
	}
}

func (s *Store) send(ctx context.Context, r *request) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	select {
	case s.requests <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// View runs fn on a snapshot of what is durable. It does not wait for writers, and they do not wait
// for it; but Close waits for it.
func (s *Store) View(fn func(r *Reader) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	runtime.Gosched() // readers in a row give way as one does, see snapshot.pass
	base := s.seen()
	base.gives, base.met = true, s.meet
	defer base.close()
	return fn(&Reader{src: base})
}

// Subscribe returns a channel that receives after the journal has grown: "look again". It holds one
// wake-up, so none is lost while the receiver is busy, and many may become one. cancel ends it.
func (s *Store) Subscribe() (woken <-chan struct{}, cancel func()) { return s.listeners.Subscribe() }

// sweepLoop removes the mail of removed accounts, a transaction's worth at a time.
func (s *Store) sweepLoop(ctx context.Context) {
	defer s.upkeep.Done()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.sweepable:
		}
		err := s.Update(ctx, func(tx *Tx) error {
			id, err := tx.doomed()
			if err != nil || id == 0 {
				return err
			}
			tx.swept = true // look for the next one
			return tx.sweep(id)
		})
		if err != nil && ctx.Err() == nil {
			s.log.Error("removing the mail of a removed account stopped; it goes on at the next start", "err", err)
		}
	}
}

// collectInterval is how often the value log is looked through for space to give back.
const collectInterval = 10 * time.Minute

// collectLoop gives the space of removed messages back to the disk.
func (s *Store) collectLoop(ctx context.Context) {
	defer s.upkeep.Done()
	tick := time.NewTicker(collectInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.collect(ctx)
	}
}

// collectShare is how much of a value log is to be unused for it to be rewritten.
const collectShare = 0.5

// collect rewrites value logs as long as one has enough that is unused. Of a damaged one nothing
// would be left behind the damage, so it stays as it is.
func (s *Store) collect(ctx context.Context) {
	sound := intact.Collectable(s.dir, collectShare)
	for ctx.Err() == nil {
		if err := sound(); intact.IsFault(err) {
			s.log.Warn("the room of removed mail is not given back while a file is damaged", "folder", s.dir, "err", err, "next", NextCheck)
			return
		} else if err != nil {
			s.log.Warn("the room of removed mail is not given back now", "folder", s.dir, "err", err)
			return
		}
		if s.db.RunValueLogGC(collectShare) != nil { // none has
			return
		}
	}
}
