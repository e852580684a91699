package chain

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"cairn/mailstore/badgerlog"
	"cairn/mailstore/diskroom"
	"cairn/mailstore/intact"
)

// Sizes of the database. They bound the memory of an idle node; a chain of
// small blocks does not get faster from more.
const (
	memTableSize   = 8 << 20
	valueThreshold = 16 << 10 // larger values go to the value log and are not rewritten by compaction
	valueLogSize   = 64 << 20
)

// OpenDB opens, or creates, the chain's database in dir with settings for small
// memory. One process may have it open at a time. The caller closes it after it
// has stopped using the Manager.
func OpenDB(dir string, log *slog.Logger) (*badger.DB, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the chain directory: %w", err)
	}
	if err := diskroom.Check(dir, 0, diskroom.ForOpening); err != nil {
		return nil, fmt.Errorf("open the chain database: %w", err)
	}
	opt := badger.DefaultOptions(dir)
	opt.Logger = badgerlog.New(log, "chain")
	opt.MetricsEnabled = false
	opt.SyncWrites = false      // blocks can be fetched again; see the package comment
	opt.DetectConflicts = false // the Manager is the only writer
	opt.NumGoroutines = 2
	opt.NumCompactors = 2
	opt.MemTableSize = memTableSize
	opt.NumMemtables = 2
	opt.NumLevelZeroTables = 3
	opt.NumLevelZeroTablesStall = 8
	opt.CompactL0OnClose = true // so that the next start knows what of the value logs is not needed any more
	opt.ValueThreshold = valueThreshold
	opt.ValueLogFileSize = valueLogSize
	opt.Compression = options.None // hashes and signatures do not compress; so no block cache is needed
	opt.BlockCacheSize = 0
	db, err := intact.Open(dir, intact.AllValues, memTableSize, func() (*badger.DB, error) { return badger.Open(opt) })
	if intact.IsFault(err) {
		return nil, fmt.Errorf("the chain database %s is damaged: %w", filepath.Clean(dir), err)
	}
	if err != nil {
		return nil, fmt.Errorf("open the chain database %s (is another cairn running on it?): %w", filepath.Clean(dir), err)
	}
	return db, nil
}

// CloseDB closes what OpenDB opened, and notes that it was closed well, so that
// the next OpenDB need not read all of it. Tables of the first level are put
// together then: without room for that it is left as it is.
func CloseDB(db *badger.DB) error {
	opt := db.Opts()
	size := int64(1+opt.NumLevelZeroTablesStall)*memTableSize + opt.BaseLevelSize
	return intact.Close(opt.Dir, db, diskroom.ToClose(opt.Dir, size))
}
