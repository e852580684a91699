package index

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/y"

	"cairn/index/postings"
	"cairn/mailstore/intact"
)

// errDamaged is wrapped by what cannot be read as it was written.
var errDamaged = errors.New("the index is damaged; it is built anew from the mail, which takes a while")

// isDamage tells damage of what the index holds from a disk that is full or fails, and from what
// the mail store lacks.
func isDamage(err error) bool {
	return errors.Is(err, errDamaged) || errors.Is(err, postings.ErrDamaged) || errors.Is(err, y.ErrChecksumMismatch)
}

// openOrClear opens the database in dir. One that is damaged is emptied first: all of it comes from
// the mail store.
func openOrClear(dir string, log *slog.Logger) (*badger.DB, error) {
	db, err := openDatabase(dir, log)
	if !intact.IsFault(err) {
		return db, err
	}
	log.Warn("the index is damaged and is built anew from the mail; until then searches find less", "folder", dir, "err", err)
	if err := intact.Clear(dir); err != nil {
		return nil, fmt.Errorf("index: emptying %s, which is damaged: %w", dir, err)
	}
	return openDatabase(dir, log)
}

// told passes an error of a search on, and has the follower build the index anew if it is damaged.
func (ix *Index) told(err error) error {
	if !isDamage(err) {
		return err
	}
	select {
	case ix.damaged <- err:
	default:
	}
	if errors.Is(err, errDamaged) {
		return err
	}
	return fmt.Errorf("%w: %w", errDamaged, err)
}

// rebuild empties the index when nobody uses it; whoever comes meanwhile waits.
func (ix *Index) rebuild(cause error) (err error) {
	open := ix.gate.Alone(func() {
		ix.log.Warn("the index is built anew from the mail; until then searches find less", "err", cause)
		err = ix.startOver()
	})
	if !open {
		return ErrClosed
	}
	return err
}
