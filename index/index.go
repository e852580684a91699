package index

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"

	"cairn/index/query"
	"cairn/mailstore"
	"cairn/mailstore/closing"
	"cairn/mailstore/diskroom"
	"cairn/mailstore/textroom"
)

// Journal is what the index reads: a *mailstore.Store.
type Journal interface {
	// View runs fn on a consistent, durable state of the store.
	View(fn func(r *mailstore.Reader) error) error
	// Subscribe returns a channel that receives after the journal has grown, and a function that
	// ends that.
	Subscribe() (wake <-chan struct{}, cancel func())
}

// Request asks for the messages that a query finds.
type Request struct {
	Account mailstore.AccountID // 0: all accounts
	Query   query.Q             // nil: everything
	Now     time.Time           // that newer_than and older_than count back from
	Limit   int                 // of hits returned; 0 or less: no limit
	After   *Place              // hits begin behind it; nil: with the newest
	Offset  int                 // hits to leave out at the front
}

// Result is the answer to a Request.
type Result struct {
	Hits   []mailstore.Ref  // newest first, see Place
	Next   *Place           // of the last hit, if there are more behind it
	Total  int              // without Limit, After and Offset
	Cursor mailstore.ModSeq // the state of the store that the answer is about
	Query  query.Q          // as it was understood, for one account; for all as it was asked
	Both   []string         // bare words that were looked for as a label too, sorted
}

// ErrClosed: the index is closed.
var ErrClosed = errors.New("index: closed")

// Index is an open index. Its methods may be called from any goroutine; Run by one at a time.
type Index struct {
	db      *badger.DB
	store   Journal
	storeID [16]byte
	log     *slog.Logger
	reserve int64 // bytes that must stay free on the volume

	gate closing.Gate

	damaged chan error       // capacity 1: of a search that found damage
	trimmed mailstore.ModSeq // see position; of whoever follows

	mu     sync.Mutex
	cursor mailstore.ModSeq
	moved  chan struct{} // closed and replaced when cursor moves
	texts  *textroom.Room
}

// Open opens the index in dir, or makes an empty one there. One of another format or of another
// store, or one that is ahead of the store's journal, is emptied and built anew, and so is one that
// is damaged.
func Open(dir string, store Journal, log *slog.Logger) (*Index, error) {
	return open(dir, store, log, false)
}

// AnewError: an index is not of the mail store as it is, and is to be built anew.
type AnewError struct {
	Why     string
	Foreign bool // it follows another mail store, or another state of this one
}

func (e *AnewError) Error() string { return "the index " + e.Why }

// OpenAsIs is Open, but changes nothing of what is there: of an index that Open would empty it
// returns an *AnewError, or one of which IsDamaged is true.
func OpenAsIs(dir string, store Journal, log *slog.Logger) (*Index, error) {
	return open(dir, store, log, true)
}

func open(dir string, store Journal, log *slog.Logger, asIs bool) (*Index, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	if err := diskroom.Check(dir, 0, diskroom.ForOpening); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	opens := openOrClear
	if asIs {
		opens = openDatabase
	}
	db, err := opens(dir, log)
	if err != nil {
		return nil, err
	}
	ix := &Index{
		db: db, store: store, log: log, reserve: diskroom.ForDerived,
		moved: make(chan struct{}), damaged: make(chan error, 1), texts: textroom.New(textBytes),
	}
	err = ix.load()
	if anew, ok := errors.AsType[*AnewError](err); ok && !asIs {
		if !ix.new() {
			log.Warn("the index is built anew from the mail; until then searches find less", "err", anew)
		}
		err = ix.startOver()
	}
	if err != nil {
		return nil, errors.Join(err, closeDatabase(db))
	}
	return ix, nil
}

// textBytes is how much text of mail the index takes apart at one time.
const textBytes = 64 << 20

// SetTexts gives the Index, before it runs, another room for the text of mail that it takes apart.
func (ix *Index) SetTexts(texts *textroom.Room) { ix.texts = texts }

// Close waits for the searches that are running and closes the index. End Run first.
func (ix *Index) Close() error {
	if !ix.gate.Close() {
		return nil
	}
	ix.gate.Wait()
	if err := closeDatabase(ix.db); err != nil {
		return fmt.Errorf("index: closing: %w", err)
	}
	return nil
}

// enter begins a use of the database that Close waits for; gate.Leave ends it.
func (ix *Index) enter() error {
	if !ix.gate.Enter() {
		return ErrClosed
	}
	return nil
}

// Cursor returns the last change that searches take into account.
func (ix *Index) Cursor() mailstore.ModSeq {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.cursor
}

// WaitFor returns when the cursor has reached m, or with ctx's error.
func (ix *Index) WaitFor(ctx context.Context, m mailstore.ModSeq) error {
	for {
		ix.mu.Lock()
		cursor, moved := ix.cursor, ix.moved
		ix.mu.Unlock()
		if cursor >= m {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("index: at change %d, waiting for %d: %w", cursor, m, ctx.Err())
		}
	}
}

// setCursor tells everybody that the index has taken in the changes up to m.
func (ix *Index) setCursor(m mailstore.ModSeq) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if m == ix.cursor {
		return
	}
	ix.cursor = m
	close(ix.moved)
	ix.moved = make(chan struct{})
}
