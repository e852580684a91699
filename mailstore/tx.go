package mailstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Tx reads and writes inside [Store.Update]. Its reads see its own writes and those of updates that
// committed before it. It is valid only inside the function that it is given to, and there for one
// goroutine.
type Tx struct {
	Reader
	own    *overlay
	modseq ModSeq // last of the journal as this transaction sees it
	swept  bool   // left work for the sweeper
	over   bool
}

func newTx(group *overlay, modseq ModSeq) *Tx {
	tx := &Tx{own: newOverlay(group), modseq: modseq}
	tx.Reader = Reader{src: txSource{tx}}
	return tx
}

// txSource is the transaction's overlay as long as the transaction lasts.
type txSource struct{ tx *Tx }

func (s txSource) damaged(key []byte, why string) *DamagedError { return s.tx.own.damaged(key, why) }

func (s txSource) get(key []byte) ([]byte, error) {
	if s.tx.over {
		return nil, ErrTxDone
	}
	return s.tx.own.get(key)
}

func (s txSource) has(key []byte) (bool, error) {
	if s.tx.over {
		return false, ErrTxDone
	}
	return s.tx.own.has(key)
}

func (s txSource) holds(key, value []byte) (found, same bool, err error) {
	if s.tx.over {
		return false, false, ErrTxDone
	}
	return s.tx.own.holds(key, value)
}

func (s txSource) walk(prefix, from []byte, fn func(key, value []byte, bad *DamagedError) bool) error {
	if s.tx.over {
		return ErrTxDone
	}
	return s.tx.own.walk(prefix, from, fn)
}

// ownLimit is the size up to which a value is copied, so that callers of Put may use their buffers
// again. Bigger values are kept as they are, and so are messages: nobody may change these before
// Update returns.
const ownLimit = 16 << 10

// maxKey is the longest key, in bytes; Badger takes twice that.
const maxKey = 32 << 10

func (tx *Tx) put(key, value []byte) error {
	if tx.over {
		return ErrTxDone
	}
	if len(key) > maxKey { // the database would refuse the whole group, and the store stop
		return fmt.Errorf("mailstore: key of %d bytes is too long; %d are allowed", len(key), maxKey)
	}
	if len(value) <= ownLimit && !isBlob(key) {
		value = bytes.Clone(value)
	}
	tx.own.set(string(key), write{value: value})
	return nil
}

func (tx *Tx) delete(key []byte) error {
	if tx.over {
		return ErrTxDone
	}
	tx.own.set(string(key), write{deleted: true})
	return nil
}

// putNumber writes a counter; 0 removes it.
func (tx *Tx) putNumber(key []byte, n uint64) error {
	if n == 0 {
		return tx.delete(key)
	}
	return tx.put(key, binary.BigEndian.AppendUint64(nil, n))
}

// ModSeq returns the number of the last change, those of this transaction included.
func (tx *Tx) ModSeq() (ModSeq, error) {
	if tx.over {
		return 0, ErrTxDone
	}
	return tx.modseq, nil
}
