package mailstore

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// snapshot is a source over one state of the database.
type snapshot struct {
	txn  *badger.Txn
	over bool
}

func (s *snapshot) get(key []byte) ([]byte, error) {
	if s.over {
		return nil, ErrTxDone
	}
	item, err := s.txn.Get(key)
	if err == nil {
		var value []byte
		if value, err = item.ValueCopy(nil); err == nil {
			return value, nil
		}
	}
	return nil, readError(err)
}

func (s *snapshot) has(key []byte) (bool, error) {
	if s.over {
		return false, ErrTxDone
	}
	_, err := s.txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return false, nil
	}
	return err == nil, readError(err)
}

func (s *snapshot) scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	if s.over {
		return ErrTxDone
	}
	it := s.txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	if bytes.Compare(from, prefix) < 0 {
		from = prefix
	}
	more := true
	for it.Seek(from); more && it.Valid(); it.Next() {
		item := it.Item()
		err := item.Value(func(value []byte) error {
			more = fn(item.Key(), value)
			return nil
		})
		if err != nil {
			return readError(err)
		}
	}
	return nil
}

func (s *snapshot) close() {
	s.over = true
	s.txn.Discard()
}

func readError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, badger.ErrKeyNotFound):
		return ErrNotFound
	case errors.Is(err, badger.ErrDBClosed):
		return ErrClosed
	}
	return fmt.Errorf("mailstore: reading from the database (check the disk): %w", err)
}
