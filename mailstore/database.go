package mailstore

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"cairn/mailstore/badgerlog"
	"cairn/mailstore/diskroom"
	"cairn/mailstore/intact"
)

// Sizes of files in bytes. They are variables for tests, which come to the end of a small file more
// often.
var (
	// memTableSize bounds what one transaction may hold (15 % of it, see [badger.DB.MaxBatchSize])
	// and what an idle store keeps in memory.
	memTableSize int64 = 16 << 20
	// valueLogFileSize: the file that is written to is twice as long while it is open, for the most
	// part a hole. A mail has to fit.
	valueLogFileSize int64 = 64 << 20
)

const (
	// valueThreshold is the size in bytes from which a value goes to the value log, where it is
	// written once and never moved by compaction. Only a pointer to it counts against the size of a
	// transaction, so a 25 MB message fits in one. Compaction builds its tables in buffers that
	// Badger keeps: with most messages in the tree (16 KB here), 15,000 of them in a row took a
	// node to 1.1 GB of memory, with them in the value log to 0.2 GB, at the same rate.
	valueThreshold = 1 << 10
	// blockSize holds a few entries of the greatest size, so that a table's blocks are not built by
	// growing small ones.
	blockSize = 32 << 10
	// baseTableSize bounds the memory of a compaction, whose builders allot twice a table's size,
	// as long as they do not compress.
	baseTableSize = 1 << 20
)

// openDatabase opens Badger so that a commit that returned nil is on the disk.
//
// What SyncWrites does in Badger v4.9.6, read in its source: every request (one transaction) goes
// through DB.writeRequests. valueLog.write puts large values into the mapped value log file and,
// deferred, calls msync(MS_SYNC) on it; when it changes to a new file it syncs the old one first
// (logFile.doneWriting). Only then does DB.writeToLSM append the entries, with pointers to those
// values, to the mapped write-ahead log of the memtable and msync that, and the commit returns. So
// pointers never reach the disk before what they point to. On replay, a transaction without its end
// mark in the write-ahead log is dropped as a whole.
//
// There is one hole: valueLog.write only logs the error of its deferred msync ("Error while curlf
// sync") and the commit succeeds. databaseLog watches for that line, and the committer asks it
// before it acknowledges anything.
//
// Syncing is per request, not per group of requests; that is why the committer makes one
// transaction of many updates.
func openDatabase(dir string, watch *databaseLog) (*badger.DB, error) {
	if err := diskroom.Check(dir, 0, diskroom.ForOpening); err != nil {
		return nil, fmt.Errorf("mailstore: %w", err)
	}
	o := badger.DefaultOptions(dir)
	o.SyncWrites = true
	o.DetectConflicts = false // the committer is the only writer
	o.MemTableSize = memTableSize
	o.NumMemtables = 3
	o.ValueThreshold = valueThreshold
	o.BlockSize = blockSize
	o.ValueLogFileSize = valueLogFileSize
	// Badger compresses the blocks of a table beside those it is given, all in one buffer that it
	// doubles and keeps: for 1 MB of compressed table up to 32 MB, for each of a dozen tables at a
	// time. And what is compressed is read into memory, what is not from the mapped file.
	o.Compression = options.None
	o.BlockCacheSize = 8 << 20 // for tables of earlier versions, which are compressed
	o.BaseTableSize = baseTableSize
	o.NumCompactors = 2
	o.VerifyValueChecksum = true
	o.MetricsEnabled = false
	o.Logger = watch
	db, err := intact.Open(dir, intact.EachValue, memTableSize, func() (*badger.DB, error) { return badger.Open(o) })
	if err != nil && strings.Contains(err.Error(), "Another process is using this Badger database") {
		return nil, fmt.Errorf("%w: %s", ErrInUse, dir)
	}
	if intact.IsFault(err) {
		return nil, fmt.Errorf("mailstore: %s is damaged: %w", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("mailstore: opening %s (is the disk well?): %w", dir, err)
	}
	return db, nil
}

// roomToClose is an error if the disk has no room for what lies in a database's memory.
func roomToClose(dir string) error { return diskroom.ToClose(dir, 2*memTableSize) }

// databaseLog passes Badger's log on and remembers that syncing failed.
type databaseLog struct {
	*badgerlog.Logger
	unsynced atomic.Bool
}

func newDatabaseLog(log *slog.Logger) *databaseLog {
	return &databaseLog{Logger: badgerlog.New(log, "mail")}
}

func (l *databaseLog) Errorf(format string, args ...any) {
	if strings.Contains(format, "sync") {
		l.unsynced.Store(true)
	}
	l.Logger.Errorf(format, args...)
}
