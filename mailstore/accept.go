package mailstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"
)

// AcceptBehind takes the store in dir as it is, whatever its head says, and gives it a new one. It
// notes that as the restoration of a backup, and the store gets an identity of its own: so nothing
// is signed twice by who has signed what is missing, and followers start over. A head of a later
// version is left, with a *HeadError. Guards are asked as by [Open].
func AcceptBehind(dir string, now time.Time, log *slog.Logger, guards ...Guard) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("mailstore: %w", err)
	}
	_, _, err := readHead(dir)
	if e, ok := errors.AsType[*HeadError](err); err != nil && !errors.Is(err, fs.ErrNotExist) && (!ok || e.Later) {
		return fmt.Errorf("mailstore: %w", err)
	}
	dblog := newDatabaseLog(log)
	db, err := openDatabase(dir, dblog)
	if err != nil {
		return err
	}
	s := &Store{db: db, dblog: dblog, log: log, dir: dir, reserve: diskReserve}
	at, err := s.look(guards)
	if err == nil {
		err = s.bringUp(at)
	}
	if err == nil {
		err = s.accept(now)
	}
	return errors.Join(err, s.closeDatabase())
}

// accept makes the store one that was restored.
func (s *Store) accept(now time.Time) error {
	o := newOverlay(nil)
	o.set(string(metaRestored), write{value: encodeRestoration(Restoration{Made: s.mark.at, At: now})})
	s.mark.store = newStoreID()
	foundStore(o, s.mark.store, formatVersion)
	if err := s.write(o); err != nil {
		return err
	}
	if err := makeHead(s.dir, s.mark); err != nil {
		return fmt.Errorf("mailstore: %w", err)
	}
	s.log.LogAttrs(context.Background(), slog.LevelWarn, "the mail store was taken as it is", slog.String("folder", s.dir), slog.Uint64("updates", s.mark.updates))
	return nil
}
