package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"cairn/mailstore"
	"cairn/mailstore/badgerlog"
	"cairn/mailstore/diskroom"
	"cairn/mailstore/intact"
)

// formatVersion is the layout of keys and values below together with the way text is taken apart.
// An index of another version is emptied and built anew.
const formatVersion = 5

// Every key begins with a byte that names its table. Numbers are big endian, so that they sort.
const (
	tableMeta     = 'M' // see meta*
	tableText     = 't' // account, field byte, term, 0, first document -> block of postings
	tableDocument = 'd' // account, document -> what is known of it
	tableRemoved  = 'x' // account, document -> empty; removed, but its postings may still be there
	tableLabel    = 'l' // account, label, 0, document -> empty
	tableLabels   = 'f' // account, document -> labels, each with a 0 behind it
	tableOrder    = 'o' // account, place in answers (see Place.key) -> empty
)

var (
	metaVersion = []byte{tableMeta, 'v'} // uint32
	metaCursor  = []byte{tableMeta, 'c'} // position
)

const (
	// memTableSize bounds what one transaction may hold, and so how much mail is taken in together.
	memTableSize = 8 << 20
	// formerMemTable is what it was in versions before.
	formerMemTable = 16 << 20
)

// openDatabase opens Badger without syncing each commit. Losing the last commits in a power cut
// only moves the cursor back, since it is in the same transactions.
func openDatabase(dir string, log *slog.Logger) (*badger.DB, error) {
	size := intact.MemTable(dir, memTableSize, formerMemTable)
	o := badger.DefaultOptions(dir)
	o.DetectConflicts = false // the follower is the only writer
	o.MemTableSize = size
	o.NumMemtables = 3
	o.ValueLogFileSize = 16 << 20 // holds next to nothing: blocks are small
	o.Compression = options.None  // see mailstore/database.go
	o.BlockCacheSize = 4 << 20    // for tables of earlier versions, which are compressed
	o.BaseTableSize = 1 << 20     // bounds the memory of a compaction
	o.NumCompactors = 2
	o.MetricsEnabled = false
	o.Logger = badgerlog.New(log, "index")
	db, err := intact.Open(dir, intact.AllValues, size, func() (*badger.DB, error) { return badger.Open(o) })
	if intact.IsFault(err) {
		return nil, fmt.Errorf("index: %s is damaged: %w", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("index: opening %s (does another cairn use it? if it is damaged, delete the folder: it is built anew from the mail store): %w", dir, err)
	}
	return db, nil
}

func closeDatabase(db *badger.DB) error {
	dir := db.Opts().Dir
	return intact.Close(dir, db, diskroom.ToClose(dir, 2*db.Opts().MemTableSize))
}

// load reads the cursor. An *AnewError is of an index of another format, and of one that cannot go
// on from its cursor in the store's journal.
func (ix *Index) load() error {
	var version []byte
	var at position
	err := ix.db.View(func(txn *badger.Txn) (err error) {
		if version, err = get(txn, metaVersion); err != nil {
			return err
		}
		at, err = readPosition(txn)
		return err
	})
	if err != nil {
		return err
	}
	var last, trimmed mailstore.ModSeq
	err = ix.store.View(func(r *mailstore.Reader) (err error) {
		if ix.storeID, err = r.StoreID(); err != nil {
			return err
		}
		if last, err = r.ModSeq(); err == nil {
			trimmed, err = r.Trimmed()
		}
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("index: reading the journal: %w", err)
	case len(version) != 4 || binary.BigEndian.Uint32(version) != formatVersion:
		return &AnewError{Why: "has another format"}
	case at.cursor > 0 && at.store != ix.storeID:
		return &AnewError{Why: "belongs to another mail store", Foreign: true}
	case at.cursor > last:
		return &AnewError{Why: fmt.Sprintf("is ahead of the mail store, at change %d of %d", at.cursor, last), Foreign: true}
	case mailstore.Missed(at.cursor, at.trimmed, trimmed):
		return errMissed
	}
	ix.cursor, ix.trimmed = at.cursor, at.trimmed
	return nil
}

// errMissed is of an index from before the journal was trimmed behind it.
var errMissed = &AnewError{Why: "has not seen changes that the mail store no longer keeps"}

// startOver empties the index.
func (ix *Index) startOver() error {
	if !ix.new() {
		if err := ix.db.DropAll(); err != nil {
			return fmt.Errorf("index: emptying: %w", err)
		}
	}
	err := ix.db.Update(func(txn *badger.Txn) error {
		return txn.Set(metaVersion, binary.BigEndian.AppendUint32(nil, formatVersion))
	})
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	ix.setCursor(0)
	return nil
}

// new reports whether nothing was ever written to the index: there is nothing to drop, and no
// second memtable to make for that.
func (ix *Index) new() bool { return ix.db.MaxVersion() == 0 }

// position is how far the index has followed which store.
type position struct {
	store   [16]byte
	cursor  mailstore.ModSeq
	trimmed mailstore.ModSeq // of the journal, when the index began; not stored by earlier versions, which knew of none
}

func readPosition(txn *badger.Txn) (p position, err error) {
	b, err := get(txn, metaCursor)
	if err == nil && (len(b) == 24 || len(b) == 32) {
		copy(p.store[:], b)
		p.cursor = mailstore.ModSeq(binary.BigEndian.Uint64(b[16:]))
	}
	if err == nil && len(b) == 32 {
		p.trimmed = mailstore.ModSeq(binary.BigEndian.Uint64(b[24:]))
	}
	return p, err
}

func (p position) encode() []byte {
	b := binary.BigEndian.AppendUint64(append([]byte(nil), p.store[:]...), uint64(p.cursor))
	return binary.BigEndian.AppendUint64(b, uint64(p.trimmed))
}

// get returns a copy of a value, nil if there is none.
func get(txn *badger.Txn, key []byte) ([]byte, error) {
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("index: reading from the database: %w", err)
	}
	return item.ValueCopy(nil)
}

// scan calls fn in key order for each key with the prefix, until it returns false. Key and value
// are valid only during the call. Without values fn gets nil.
func scan(txn *badger.Txn, prefix []byte, values bool, fn func(key, value []byte) bool) error {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	more := true
	for it.Seek(prefix); more && it.Valid(); it.Next() {
		item := it.Item()
		if !values {
			more = fn(item.Key(), nil)
			continue
		}
		err := item.Value(func(value []byte) error {
			more = fn(item.Key(), value)
			return nil
		})
		if err != nil {
			return fmt.Errorf("index: reading from the database: %w", err)
		}
	}
	return nil
}

func accountKey(table byte, a mailstore.AccountID) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, 64), table), uint32(a))
}

func documentKey(table byte, a mailstore.AccountID, id mailstore.MessageID) []byte {
	return binary.BigEndian.AppendUint64(accountKey(table, a), uint64(id))
}

// labelPrefix begins the keys of all messages with a label. Label names hold no zero byte.
func labelPrefix(a mailstore.AccountID, label string) []byte {
	return append(append(accountKey(tableLabel, a), label...), 0)
}

func labelKey(a mailstore.AccountID, label string, id mailstore.MessageID) []byte {
	return binary.BigEndian.AppendUint64(labelPrefix(a, label), uint64(id))
}

// termPrefix begins the keys of all terms of a field that begin with stem; with a zero byte behind,
// those of one term. Terms hold no zero byte.
func termPrefix(a mailstore.AccountID, f field, stem string) []byte {
	return append(append(accountKey(tableText, a), byte(f)), stem...)
}

func termKey(a mailstore.AccountID, f field, term string, first mailstore.MessageID) []byte {
	return binary.BigEndian.AppendUint64(append(termPrefix(a, f, term), 0), uint64(first))
}

// lastNumber returns the number that a key ends with.
func lastNumber(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }
