package chain

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"cairn/mailstore/diskroom"
	"cairn/mailstore/intact"
)

// OnDisk returns the Store that a database from OpenDB is.
func OnDisk(db *badger.DB) Store { return diskStore{db} }

type diskStore struct{ db *badger.DB }

func (s diskStore) View(read func(Reader) error) error {
	return s.db.View(func(txn *badger.Txn) error { return read(diskReader{txn}) })
}

func (s diskStore) Write(changes []Change) error {
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	for _, c := range changes {
		var err error
		if c.Delete {
			err = txn.Delete(c.Key)
		} else {
			err = txn.Set(c.Key, c.Value)
		}
		if err != nil {
			return err
		}
	}
	return txn.Commit()
}

// Collect rewrites value logs half of which is not needed any more. Badger knows of that only what
// it has seen when it compacted tables, as it does when it is closed. The log that is being written
// stays.
func (s diskStore) Collect() (freed bool, err error) {
	if s.db.Opts().InMemory {
		return false, nil
	}
	const share = 0.5 // of a log that is not needed
	sound := intact.Collectable(s.db.Opts().Dir, share)
	for {
		if err := sound(); err != nil {
			if intact.IsFault(err) { // the next start finds it, and makes the chain anew
				err = errors.Join(err, intact.Suspect(s.db.Opts().Dir))
			}
			return freed, fmt.Errorf("collect the value logs of the chain database: %w", err)
		}
		err := s.db.RunValueLogGC(share)
		switch {
		case errors.Is(err, badger.ErrNoRewrite), errors.Is(err, badger.ErrRejected):
			return freed, nil
		case err != nil:
			return freed, fmt.Errorf("collect the value logs of the chain database: %w", err)
		}
		freed = true
	}
}

func (s diskStore) Room(bytes int64) error {
	if s.db.Opts().InMemory {
		return nil
	}
	return diskroom.Check(s.db.Opts().Dir, bytes, diskroom.ForDerived)
}

type diskReader struct{ txn *badger.Txn }

func (r diskReader) Get(key []byte, use func(value []byte) error) error {
	item, err := r.txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("read the chain database: %w", err)
	}
	return item.Value(use)
}

func (r diskReader) Scan(prefix []byte, use func(key, value []byte) error) error {
	opt := badger.DefaultIteratorOptions
	opt.Prefix = prefix
	it := r.txn.NewIterator(opt)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		item := it.Item()
		if err := item.Value(func(v []byte) error { return use(item.Key(), v) }); err != nil {
			return err
		}
	}
	return nil
}
