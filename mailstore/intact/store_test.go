package intact

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"cairn/mailstore/scratch"
)

const (
	testMemTable  = 256 << 10
	testThreshold = 512
)

func testOptions(dir string) badger.Options {
	o := badger.DefaultOptions(dir)
	o.MemTableSize = testMemTable
	o.BaseTableSize = 128 << 10
	o.NumMemtables = 2
	o.NumCompactors = 2
	o.ValueThreshold = testThreshold
	o.ValueLogFileSize = 1 << 20
	o.BlockCacheSize = 1 << 20
	o.DetectConflicts = false
	o.VerifyValueChecksum = true
	o.MetricsEnabled = false
	o.Logger = nil
	return o
}

func openTest(dir string, o badger.Options) (*badger.DB, error) {
	return Open(dir, AllValues, testMemTable, func() (*badger.DB, error) { return badger.Open(o) })
}

// model is what was acknowledged: the value of each key, empty if it was deleted. last is what the
// last transaction changed.
type model struct {
	now, last map[string][]byte
	before    map[string][]byte // of the keys of last
}

// fill writes n entries in small transactions, values from some octets to 3 KB, with keys that are
// written again and deleted.
func fill(t testing.TB, db *badger.DB, m *model, r *rand.Rand, n int) {
	t.Helper()
	for n > 0 {
		txn := db.NewTransaction(true)
		m.last, m.before = map[string][]byte{}, map[string][]byte{}
		for range 1 + r.IntN(40) {
			key := fmt.Sprintf("key-%05d", r.IntN(5000))
			value := bytes.Repeat(binary.BigEndian.AppendUint64(nil, r.Uint64()), 1+r.IntN(12))
			if r.IntN(12) == 0 {
				value = bytes.Repeat(value, 10)
			}
			var err error
			if r.IntN(25) == 0 {
				value, err = nil, txn.Delete([]byte(key))
			} else {
				err = txn.Set([]byte(key), value)
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := m.last[key]; !ok {
				m.before[key] = m.now[key]
			}
			m.last[key], m.now[key] = value, value
			n--
		}
		if err := txn.Commit(); err != nil {
			t.Fatal(err)
		}
	}
}

// wrong says what a store gives otherwise than it was acknowledged, "" if nothing. With lastMayMiss
// the last transaction may be gone as a whole.
func (m *model) wrong(db *badger.DB, lastMayMiss bool) (wrong string) {
	want := func(missing bool) string {
		found := ""
		err := db.View(func(txn *badger.Txn) error {
			for key, value := range m.now {
				if b, ok := m.before[key]; ok && missing {
					value = b
				}
				got, err := valueOf(txn, key)
				if err != nil {
					return fmt.Errorf("%s: %w", key, err)
				}
				if !bytes.Equal(got, value) {
					found = fmt.Sprintf("%s has %d octets %.8x, want %d octets %.8x", key, len(got), got, len(value), value)
				}
			}
			return nil
		})
		if err != nil {
			return err.Error()
		}
		return found
	}
	if wrong = want(false); wrong != "" && lastMayMiss {
		wrong = want(true)
	}
	return wrong
}

func valueOf(txn *badger.Txn, key string) ([]byte, error) {
	item, err := txn.Get([]byte(key))
	if err == badger.ErrKeyNotFound {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return item.ValueCopy(nil)
}

// stores makes one store that was closed well, and one that is a copy of it while it was open.
func stores(t testing.TB, compression options.CompressionType) (clean, unclean string, m *model) {
	t.Helper()
	clean, unclean = t.TempDir(), t.TempDir()
	o := testOptions(clean)
	o.Compression = compression
	m = &model{now: map[string][]byte{}}
	r := rand.New(rand.NewPCG(1, uint64(compression)))
	for round := range 2 { // the second one has what was there before
		db, err := openTest(clean, o)
		if err != nil {
			t.Fatal(err)
		}
		fill(t, db, m, r, 3000)
		if round == 1 {
			awaitOneLog(t, clean)
			copyQuiet(t, unclean, clean)
		}
		if err := Close(clean, db, nil); err != nil {
			t.Fatal(err)
		}
	}
	return clean, unclean, m
}

// awaitOneLog waits for flushes: of several memory logs one that is missing is not noticed.
func awaitOneLog(t testing.TB, dir string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); runtime.Gosched() {
		if logs, err := filepath.Glob(filepath.Join(dir, "*.mem")); err == nil && len(logs) <= 1 {
			return
		}
	}
	t.Fatal("the memory logs are not flushed")
}

// copyQuiet copies a folder in which flushes and compactions go on, when they have come to rest.
func copyQuiet(t testing.TB, to, from string) {
	t.Helper()
	for range 100 {
		was, err := records(os.DirFS(from))
		if err != nil {
			continue
		}
		copyFolder(t, to, from)
		if now, err := records(os.DirFS(from)); err == nil && (note{Files: was}).differs(now) == "" {
			return
		}
		os.RemoveAll(to)
	}
	t.Fatal("the store does not come to rest")
}

func copyFolder(t testing.TB, to, from string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := scratch.CopySparse(filepath.Join(to, e.Name()), filepath.Join(from, e.Name())); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}
