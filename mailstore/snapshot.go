package mailstore

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
)

// snapshot is a source over one state of the database. Each value is held to its checksum as it is
// read.
type snapshot struct {
	txn    *badger.Txn
	shared *sharedTxn // of which txn is; nil: it is this snapshot's own
	dir    string     // for errors
	over   bool
	plain  bool // of format 1: values have no checksums
	gives  bool // way to writers, see pass
	reads  atomic.Uint32
	met    func(r *Reader, key []byte, e *DamagedError) // is told what is found damaged; may be nil
}

func (s *Store) snapshot() *snapshot { return &snapshot{txn: s.db.NewTransaction(false), dir: s.dir} }

func (s *snapshot) damaged(key []byte, why string) *DamagedError {
	e := damagedAt(s.dir, key, why)
	if s.met != nil {
		s.met(&Reader{src: s}, key, e)
	}
	return e
}

func (s *snapshot) get(key []byte) (value []byte, err error) {
	if s.over {
		return nil, ErrTxDone
	}
	s.pass()
	defer s.contain(key, &err)
	item, err := s.txn.Get(key)
	if err != nil {
		return nil, s.readError(key, err)
	}
	stored, err := item.ValueCopy(nil)
	if err != nil {
		return nil, s.readError(key, err)
	}
	value, why := stored, ""
	if s.plain {
		why = misshapen(key, stored, item.ValueSize())
	} else {
		value, why = unseal(key, stored)
	}
	if why != "" {
		return nil, s.damaged(key, why)
	}
	return value, nil
}

func (s *snapshot) has(key []byte) (found bool, err error) {
	if s.over {
		return false, ErrTxDone
	}
	s.pass()
	defer s.contain(key, &err)
	_, err = s.txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return false, nil
	}
	return err == nil, s.readError(key, err)
}

func (s *snapshot) holds(key, value []byte) (found, same bool, err error) {
	if found, err = s.has(key); !found || err != nil {
		return false, false, err
	}
	same, err = s.same(key, value)
	if errors.Is(err, ErrDamaged) {
		return true, false, nil
	}
	return true, same, err
}

// same compares what is stored with what would be stored for value.
func (s *snapshot) same(key, value []byte) (same bool, err error) {
	defer s.contain(key, &err)
	item, err := s.txn.Get(key)
	if err == nil {
		err = item.Value(func(stored []byte) error {
			same = bytes.Equal(stored, seal(key, value))
			return nil
		})
	}
	return same, s.readError(key, err)
}

func (s *snapshot) walk(prefix, from []byte, fn func(key, value []byte, bad *DamagedError) bool) (err error) {
	if s.over {
		return ErrTxDone
	}
	inside := false // in fn, whose panics are its caller's matter
	defer func() {
		if !inside {
			s.contained(recover(), prefix, &err)
		}
	}()
	it := s.txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	if bytes.Compare(from, prefix) < 0 {
		from = prefix
	}
	more := true
	for it.Seek(from); more && it.Valid(); it.Next() {
		s.pass()
		item := it.Item()
		err := item.Value(func(stored []byte) error {
			key := item.Key()
			value, why := unseal(key, stored)
			var bad *DamagedError
			if why != "" {
				bad = s.damaged(key, why)
			}
			inside = true
			more = fn(key, value, bad)
			inside = false
			return nil
		})
		if err != nil {
			return s.readError(item.Key(), err)
		}
	}
	return nil
}

func (s *snapshot) close() {
	s.over = true
	if s.shared != nil {
		s.shared.release()
		return
	}
	s.txn.Discard()
}

// contain makes an error of a panic of Badger, which takes what it reads for sound.
func (s *snapshot) contain(key []byte, err *error) { s.contained(recover(), key, err) }

func (s *snapshot) contained(p any, key []byte, err *error) {
	if p != nil {
		*err = s.damaged(key, "the database failed on it: "+oneLine(p, 80))
	}
}

// oneLine is a beginning of what a library says, for a sentence: it may have a trace behind it.
func oneLine(said any, most int) string {
	line, _, _ := strings.Cut(strings.TrimPrefix(fmt.Sprint(said), "==== Recovered====\n"), "\n")
	return strings.ToValidUTF8(line[:min(len(line), most)], "")
}

func (s *snapshot) readError(key []byte, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, badger.ErrKeyNotFound):
		return ErrNotFound
	case errors.Is(err, badger.ErrDBClosed):
		return ErrClosed
	case errors.Is(err, badger.ErrDiscardedTxn):
		return ErrTxDone
	}
	return s.damaged(key, "the database says "+oneLine(err, 120))
}

// pass lets writers pass after every few reads, which take some 50 microseconds together. Where
// processors are few, a reader that reads long would else keep them waiting for whole time slices
// of the scheduler, of 10 ms.
func (s *snapshot) pass() {
	const few = 16
	if s.gives && s.reads.Add(1)%few == 0 {
		runtime.Gosched()
	}
}
