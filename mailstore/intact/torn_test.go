package intact

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// appendEntry adds an entry as it is in a log.
func appendEntry(b []byte, e entry) []byte {
	begin := len(b)
	b = append(b, e.meta, 0)
	b = binary.AppendUvarint(b, uint64(len(e.key)+8))
	b = binary.AppendUvarint(b, uint64(len(e.value)))
	b = binary.AppendUvarint(b, 0)
	b = append(b, e.key...)
	b = binary.BigEndian.AppendUint64(b, math.MaxUint64-e.version)
	b = append(b, e.value...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[begin:], castagnoli))
}

// transaction is n entries of one version, and their end.
func transaction(version uint64, n int) (b []byte) {
	for i := range n {
		b = appendEntry(b, entry{meta: metaTxn, key: []byte("torn-" + strconv.Itoa(i)), version: version, value: bytes.Repeat([]byte{byte(i), 7}, 40)})
	}
	return appendEntry(b, entry{meta: metaFin, key: []byte("!badger!txn"), version: version, value: []byte(strconv.FormatUint(version, 10))})
}

// TestTornPages loses any page of what was written last and not synced: that is no damage, and
// nothing of it comes back. What was synced before is.
func TestTornPages(t *testing.T) {
	_, unclean, m := stores(t, options.None)
	entries, err := os.ReadDir(unclean)
	if err != nil {
		t.Fatal(err)
	}
	newest := map[string]string{}
	for _, e := range entries {
		newest[filepath.Ext(e.Name())] = e.Name()
	}
	for _, c := range []struct {
		ext   string
		what  string
		write []byte
		sound bool
	}{
		{".vlog", "one transaction", transaction(1_000_000, 200), true},
		{".mem", "one transaction", transaction(1_000_000, 200), true},
		{".mem", "two transactions", append(transaction(1_000_000, 100), transaction(1_000_001, 100)...), false},
	} {
		b, err := os.ReadFile(filepath.Join(unclean, newest[c.ext]))
		if err != nil {
			t.Fatal(err)
		}
		var end int64
		if f, err := open(os.DirFS(unclean), newest[c.ext]); err != nil {
			t.Fatal(err)
		} else if w, err := walk(f, f.size, nil); err != nil || w.txn != 0 {
			t.Fatal(w, err)
		} else {
			end = w.end
			f.close()
		}
		refused, pages := 0, 0
		for lost := end / page; lost <= (end+int64(len(c.write))-1)/page; lost++ {
			torn := append(bytes.Clone(b[:end]), c.write...)
			clear(torn[max(end, lost*page):min(int64(len(torn)), (lost+1)*page)])
			dir := t.TempDir()
			copyFolder(t, dir, unclean)
			if err := os.WriteFile(filepath.Join(dir, newest[c.ext]), append(torn, make([]byte, max(0, len(b)-len(torn)))...), 0o600); err != nil {
				t.Fatal(err)
			}
			pages++
			if err := Look(os.DirFS(dir), Shape{MemLog: 2 * testMemTable}); err != nil {
				refused++
				if c.sound {
					t.Errorf("%s, %s, page %d: %v", c.ext, c.what, lost-end/page, err)
				}
				continue
			}
			db, err := openTest(dir, testOptions(dir))
			if err != nil {
				t.Fatal(err)
			}
			if wrong := m.wrong(db, false); wrong != "" && c.sound {
				t.Errorf("%s, %s, page %d: %s", c.ext, c.what, lost-end/page, wrong)
			}
			if err := Close(dir, db, nil); err != nil {
				t.Error(err)
			}
		}
		if pages < 4 || !c.sound && refused < pages/2-1 {
			t.Errorf("%s, %s: %d of %d pages were refused", c.ext, c.what, refused, pages)
		}
	}
}

// TestFlipAfterClosing flips an octet of the newest value log of a store that was closed: one value
// cannot be read, what was stored later is there.
func TestFlipAfterClosing(t *testing.T) {
	clean, _, m := stores(t, options.None)
	logs, err := filepath.Glob(filepath.Join(clean, "*.vlog"))
	if err != nil {
		t.Fatal(err)
	}
	name := ""
	for _, log := range logs { // the newest that holds something
		if info, err := os.Stat(log); err == nil && info.Size() > 8*logHeader {
			name = log
		}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[logHeader+200] ^= 4
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		db, err := openTest(clean, testOptions(clean))
		if err != nil {
			t.Fatal(err)
		}
		if wrong := m.countWrong(db); wrong > 1 {
			t.Errorf("of one octet %d values are wrong", wrong)
		}
		if err := Close(clean, db, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFlipInAnyLog flips an octet of any value log, however the store was left: where each value is
// held to a checksum one of them cannot be read, and all else is there, also after a kill. A log
// that lost its end is refused.
func TestFlipInAnyLog(t *testing.T) {
	clean, unclean, m := stores(t, options.None)
	r := rand.New(rand.NewPCG(3, 4))
	for _, from := range []string{clean, unclean} {
		logs, err := filepath.Glob(filepath.Join(from, "*.vlog"))
		if err != nil {
			t.Fatal(err)
		}
		damaged := 0
		for _, log := range logs {
			b, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			written := int64(len(bytes.TrimRight(b, "\x00")))
			for i := range 6 * min(1, written/(8*logHeader)) {
				at := logHeader + r.Int64N(written-logHeader)
				dir := t.TempDir()
				copyFolder(t, dir, from)
				flipped := bytes.Clone(b)
				if flipped[at] ^= 4; i == 0 { // the checksum of the last value may end in zeros
					at = written - 1
					flipped = append(bytes.Clone(b[:at]), 0)
				}
				if err := errors.Join(os.WriteFile(filepath.Join(dir, filepath.Base(log)), flipped, 0o600), os.RemoveAll(filepath.Join(dir, NoteName))); err != nil {
					t.Fatal(err)
				}
				about := fmt.Sprintf("octet %d of %s", at, filepath.Base(log))
				for round := range 2 {
					db, err := openEach(dir)
					if err != nil {
						t.Fatal(about, err)
					}
					wrong := m.countWrong(db)
					if damaged += wrong; wrong > 1 {
						t.Errorf("%s, opened %d times: %d values are wrong", about, round+1, wrong)
					}
					killed := t.TempDir()
					copyQuiet(t, killed, dir)
					if err := Close(dir, db, nil); err != nil {
						t.Fatal(err)
					}
					dir = killed
				}
			}
		}
		if damaged == 0 {
			t.Errorf("no value of %s was hit", from)
		}
		cut := logs[0] // there are values in its end, and later logs
		info, err := os.Stat(cut)
		if err := errors.Join(err, os.Truncate(cut, info.Size()/2), os.RemoveAll(filepath.Join(from, NoteName))); err != nil {
			t.Fatal(err)
		}
		if db, err := openEach(from); !IsFault(err) {
			t.Errorf("opened with half of a log: %v, %v", db, err)
		}
	}
}

// openEach opens a database whose values are held to checksums.
func openEach(dir string) (*badger.DB, error) {
	return Open(dir, EachValue, testMemTable, func() (*badger.DB, error) { return badger.Open(testOptions(dir)) })
}

// countWrong counts the keys that do not have what was acknowledged.
func (m *model) countWrong(db *badger.DB) (wrong int) {
	for key, value := range m.now {
		_ = db.View(func(txn *badger.Txn) error {
			if got, err := valueOf(txn, key); err != nil || !bytes.Equal(got, value) {
				wrong++
			}
			return nil
		})
	}
	return wrong
}

// TestNoRoomToClose leaves a database as a crash does where closing it would find no room.
func TestNoRoomToClose(t *testing.T) {
	dir, m := t.TempDir(), &model{now: map[string][]byte{}}
	db, err := openTest(dir, testOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	fill(t, db, m, rand.New(rand.NewPCG(1, 2)), 500)
	if err := Close(dir, db, io.ErrShortWrite); err != io.ErrShortWrite {
		t.Fatalf("closed: %v", err)
	}
	after := t.TempDir()
	copyQuiet(t, after, dir)
	if err := Close(dir, db, nil); err != nil {
		t.Fatal(err)
	}
	if n := readNote(os.DirFS(after)); n.State != stateOpen {
		t.Errorf("noted as %s", n.State)
	}
	if db, err = openTest(after, testOptions(after)); err != nil {
		t.Fatal(err)
	}
	defer Close(after, db, nil)
	if wrong := m.wrong(db, false); wrong != "" {
		t.Error(wrong)
	}
}
