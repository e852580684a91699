package chain

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"cairn/consensus"
	"cairn/mailstore/diskroom"
)

// Keys of the database; see the package comment.
var (
	keyNetwork = []byte("mnetwork")
	keyTip     = []byte("mtip")
	keyTarget  = []byte("mtarget")
)

const (
	prefixBlock  = 'b'
	prefixNode   = 'n'
	prefixUndo   = 'u'
	prefixHeight = 'i'
	prefixOrg    = 'o'
	prefixTip    = 't'
	prefixPast   = 'p'
)

func keyOf(prefix byte, id [32]byte) []byte { return append([]byte{prefix}, id[:]...) }

func keyOfHeight(height uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixHeight}, height)
}

func keyOfSeries(s consensus.Series) []byte {
	key := keyOf(prefixTip, s.Recorder)
	if s.Epoch != 0 {
		key = binary.BigEndian.AppendUint64(key, s.Epoch)
	}
	return key
}

func keyOfPast(number int) []byte {
	return binary.BigEndian.AppendUint32([]byte{prefixPast}, uint32(number))
}

// get passes the value under key to use, which must not keep it. ErrNotFound if
// there is none.
func get(txn *badger.Txn, key []byte, use func(value []byte) error) error {
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("read the chain database: %w", err)
	}
	return item.Value(use)
}

func getHash(txn *badger.Txn, key []byte) (h consensus.Hash, err error) {
	err = get(txn, key, func(v []byte) error {
		if len(v) != len(h) {
			return fmt.Errorf("%w: entry %q has %d bytes", errDamaged, key, len(v))
		}
		copy(h[:], v)
		return nil
	})
	return h, err
}

var errDamaged = errors.New("the chain database is damaged: stop the node and delete the chain directory; it is fetched again from peers")

// node is what is kept of each block beside the block: its place in the tree.
type node struct {
	parent consensus.Hash
	state  *consensus.HeaderState // after the block
}

func getNode(txn *badger.Txn, net *consensus.Network, id consensus.Hash) (n node, err error) {
	err = get(txn, keyOf(prefixNode, id), func(v []byte) (err error) {
		if len(v) < len(n.parent) {
			return fmt.Errorf("%w: header state of block %s is cut short", errDamaged, id)
		}
		copy(n.parent[:], v)
		n.state, err = consensus.DecodeHeaderState(net, v[len(n.parent):])
		if err != nil {
			return fmt.Errorf("%w: header state of block %s: %v", errDamaged, id, err)
		}
		return nil
	})
	return n, err
}

func getUndo(txn *badger.Txn, net *consensus.Network, id consensus.Hash) (u *consensus.Undo, err error) {
	err = get(txn, keyOf(prefixUndo, id), func(v []byte) (err error) {
		u, err = consensus.DecodeUndo(net, v)
		if err != nil {
			return fmt.Errorf("%w: undo of block %s: %v", errDamaged, id, err)
		}
		return nil
	})
	return u, err
}

// onBest reports whether the block is on the best branch as txn sees it.
func onBest(txn *badger.Txn, i Index) (bool, error) {
	id, err := getHash(txn, keyOfHeight(i.Height))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && id == i.ID, err
}

// writer gathers changes that belong together. Step marks points at which the
// store is consistent: a transaction that has grown large is committed there.
type writer struct {
	db  *badger.DB
	txn *badger.Txn
	// room returns an error if there is none for so many bytes on the disk.
	room func(bytes int64) error
	// bytes is what the open transaction writes.
	bytes int64
	// size is what the open transaction holds, in bytes with an allowance per
	// entry, so that it stays well within Badger's limit of bytes and entries.
	size  int
	limit int // size beyond which a step is committed at once
	err   error
}

const (
	entryCost = 128 // bytes counted for an entry beside its value
	stepLimit = 256 << 10
)

func (m *Manager) newWriter() *writer {
	return &writer{db: m.db, txn: m.db.NewTransaction(true), room: m.room, limit: m.stepLimit}
}

// roomFor returns a function that returns an error, which wraps
// diskroom.ErrFull, if writing so many bytes to db would leave too little free.
func roomFor(db *badger.DB) func(bytes int64) error {
	if db.Opts().InMemory {
		return func(int64) error { return nil }
	}
	return func(bytes int64) error { return diskroom.Check(db.Opts().Dir, bytes, diskroom.ForDerived) }
}

func (w *writer) put(key, value []byte) {
	if w.err == nil {
		w.err = w.txn.Set(key, value)
	}
	if len(value) < valueThreshold {
		w.size += len(value)
	}
	w.size += entryCost
	w.bytes += int64(len(value)) + entryCost
}

func (w *writer) delete(key []byte) {
	if w.err == nil {
		w.err = w.txn.Delete(key)
	}
	w.size += entryCost
	w.bytes += entryCost
}

func (w *writer) step() {
	if w.err == nil && w.size > w.limit {
		w.commit()
		w.txn, w.size, w.bytes = w.db.NewTransaction(true), 0, 0
	}
}

// commit commits the open transaction if there is room for it.
func (w *writer) commit() {
	defer w.txn.Discard()
	if w.err = w.room(w.bytes); w.err == nil {
		w.err = w.txn.Commit()
	}
}

// close commits what is left, unless something failed before.
func (w *writer) close() error {
	defer w.txn.Discard()
	if w.err == nil {
		w.commit()
	}
	if w.err != nil {
		return fmt.Errorf("write the chain database: %w", w.err)
	}
	return nil
}

// abandon drops what is left and returns err.
func (w *writer) abandon(err error) error {
	w.txn.Discard()
	return err
}
