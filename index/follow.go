package index

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/diskroom"
	"cairn/mailstore/logration"
)

// changesAtOnce is how many changes are read from the journal at a time; as many are committed
// together if they fit.
const changesAtOnce = 256

// A fault of the index or of the store is tried again after firstRetry, then at twice the interval
// up to lastRetry.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = time.Minute
)

// Run follows the journal until ctx ends, and returns nil then. What cannot be read or written now
// is logged and tried again: mail goes on while searches show what was indexed so far. ErrClosed is
// returned when the index was closed.
func (ix *Index) Run(ctx context.Context) error {
	wake, cancel := ix.store.Subscribe()
	defer cancel()
	begin := ix.forgetAll
	retry := firstRetry
	var trouble logration.Trouble
	for {
		err := begin()
		if err == nil {
			begin = func() error { return nil }
			err = ix.followAll(ctx)
		}
		if isDamage(err) {
			begin = func() error { return ix.rebuild(err) }
		}
		if errors.Is(err, errMissed) {
			begin = func() error { return ix.rebuild(errMissed) }
			continue
		}
		again, look := (<-chan time.Time)(nil), wake
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, ErrClosed), errors.Is(err, mailstore.ErrClosed):
			return err
		case err != nil:
			ix.stopped(&trouble, err, retry)
			again, look = time.After(retry), nil
			retry = min(2*retry, lastRetry)
		default:
			trouble.News(nil, time.Now())
			retry = firstRetry
		}
		select {
		case <-look:
		case cause := <-ix.damaged:
			begin = func() error { return ix.rebuild(cause) }
		case <-again:
		case <-ctx.Done():
			return nil
		}
	}
}

// stopped tells why the index does not follow, of the same trouble once a minute.
func (ix *Index) stopped(trouble *logration.Trouble, err error, retry time.Duration) {
	if trouble.News(err, time.Now()) {
		ix.log.Error("index stopped following the mail, trying again", "err", err, "in", retry)
	}
}

// followAll follows the journal to its end.
func (ix *Index) followAll(ctx context.Context) error {
	for {
		if caughtUp, err := ix.follow(ctx); err != nil || caughtUp {
			return err
		}
	}
}

// follow takes in the next changes.
func (ix *Index) follow(ctx context.Context) (caughtUp bool, err error) {
	if err := ix.enter(); err != nil {
		return false, err
	}
	defer ix.gate.Leave()
	at := position{store: ix.storeID, cursor: ix.Cursor(), trimmed: ix.trimmed}
	var changes []mailstore.Change
	err = ix.store.View(func(r *mailstore.Reader) error {
		trimmed, err := r.Trimmed()
		switch {
		case err != nil:
			return err
		case at.cursor == 0:
			at.trimmed = trimmed
		case mailstore.Missed(at.cursor, at.trimmed, trimmed):
			return errMissed
		}
		changes, err = r.ChangesSince(at.cursor, changesAtOnce)
		return err
	})
	ix.trimmed = at.trimmed
	if err != nil {
		return false, fmt.Errorf("index: reading the journal: %w", err)
	}
	if len(changes) == 0 {
		return true, nil
	}
	return false, ix.takeIn(ctx, at, changes)
}

// takeIn commits changes, which follow on at, in one or more batches.
func (ix *Index) takeIn(ctx context.Context, at position, changes []mailstore.Change) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	documents, ahead := ix.analyse(ctx, changes)
	b := newBatch(ix.db)
	defer func() { b.txn.Discard() }()
	flush := func() error {
		if err := ix.checkRoom(b.bytes); err != nil {
			return err
		}
		if err := b.commit(ix.db, at); err != nil {
			return err
		}
		ix.setCursor(at.cursor)
		err := ix.forget(b.seen)
		b = newBatch(ix.db)
		return err
	}
	for i, c := range changes {
		var d analysed
		select {
		case d = <-documents[i]:
			<-ahead
		case <-ctx.Done():
			return ctx.Err()
		}
		if d.err != nil {
			return d.err
		}
		if b.entries() > 0 && !ix.fits(b, d.document) {
			if err := flush(); err != nil {
				return err
			}
		}
		if err := b.apply(c, d.document); err != nil {
			return err
		}
		at.cursor = c.ModSeq
	}
	return flush()
}

// checkRoom returns an error that wraps diskroom.ErrFull if writing so many bytes would leave too
// little free on the disk.
func (ix *Index) checkRoom(bytes int64) error {
	if err := diskroom.Check(ix.db.Opts().Dir, bytes, ix.reserve); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	return nil
}

// fits tells whether a batch with a document added surely goes in one transaction.
func (ix *Index) fits(b *batch, d *document) bool {
	entries, bytes := int64(b.entries()+64), b.bytes+4096
	if d != nil {
		entries += int64(len(d.terms))
		for t, positions := range d.terms {
			bytes += int64(len(t.term) + 2*len(positions) + perEntry)
		}
	}
	return entries < ix.db.MaxBatchCount()/2 && bytes < ix.db.MaxBatchSize()*3/4
}

// analysed is what became of one change.
type analysed struct {
	document *document // nil unless the change added a message that is still there
	err      error
}

// readAhead is how many messages are taken apart before the first of them is used. It bounds
// memory.
const readAhead = 16

// analyse takes the added messages apart, several at a time, and delivers each to its channel; a
// change that adds nothing gets an empty answer. Whoever has used an answer receives once from
// ahead. When ctx ends, answers may be missing.
func (ix *Index) analyse(ctx context.Context, changes []mailstore.Change) (out []chan analysed, ahead chan struct{}) {
	out = make([]chan analysed, len(changes))
	for i := range out {
		out[i] = make(chan analysed, 1)
	}
	ahead = make(chan struct{}, readAhead)
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), readAhead/2) {
		ix.gate.Fork()
		go func() {
			defer ix.gate.Leave()
			for {
				select {
				case ahead <- struct{}{}:
				case <-ctx.Done():
					return
				}
				i := int(next.Add(1)) - 1
				if i >= len(changes) {
					return
				}
				if changes[i].Kind != mailstore.ChangeAdded {
					out[i] <- analysed{}
					continue
				}
				d, err := ix.read(ctx, changes[i])
				out[i] <- analysed{d, err}
			}
		}()
	}
	return out, ahead
}

// read fetches and takes apart an added message; one that was removed meanwhile is nil. Of a
// damaged one is taken in what is known of it, so that it is listed and found by its labels.
func (ix *Index) read(ctx context.Context, c mailstore.Change) (*document, error) {
	var m mailstore.Message
	var raw []byte
	err := ix.store.View(func(r *mailstore.Reader) (err error) {
		m, err = r.Message(c.Account, c.Message)
		return err
	})
	if err == nil {
		taken, full := ix.texts.Take(ctx, m.Size)
		if full != nil {
			return nil, full
		}
		defer ix.texts.Give(taken)
		err = ix.store.View(func(r *mailstore.Reader) (err error) {
			raw, err = r.Raw(m.Blob)
			return err
		})
	}
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil, nil
	}
	if errors.Is(err, mailstore.ErrDamaged) {
		ix.log.Error("index: a message is damaged and cannot be found by its text", "account", c.Account, "message", c.Message, "err", err)
		return newDocument(m, nil), nil
	}
	if err != nil {
		return nil, fmt.Errorf("index: reading message %d of account %d: %w", c.Message, c.Account, err)
	}
	return newDocument(m, raw), nil
}
