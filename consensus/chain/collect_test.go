package chain

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"cairn/consensus/chain/chaintest"
)

// What large values took up that are deleted is given back when the database is opened.
func TestRoomIsGivenBack(t *testing.T) {
	dir := t.TempDir()
	const count, size = 24, 256 << 10
	key := func(i int) []byte { return fmt.Appendf(nil, "b%d", i) }
	using(t, dir, func(s Store) {
		for i := range count {
			if err := s.Write([]Change{{Key: key(i), Value: bytes.Repeat([]byte{byte(i)}, size)}}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range count - 2 {
			if err := s.Write([]Change{{Key: key(i), Delete: true}}); err != nil {
				t.Fatal(err)
			}
		}
	})
	before := logBytes(t, dir)
	using(t, dir, func(s Store) {
		if freed, err := s.Collect(); !freed || err != nil {
			t.Errorf("freed %v, %v", freed, err)
		}
		if got := contents(t, s, "b"); len(got) != 2 || len(got[0]) < size {
			t.Errorf("%d values are left, want 2", len(got))
		}
	})
	const head = 64 // of an entry in a value log, at the most, in bytes
	if after := logBytes(t, dir); before < count*size || after > 4*(size+head) {
		t.Errorf("value logs of %d bytes before, %d after", before, after)
	}
}

func using(t *testing.T, dir string, use func(s Store)) {
	t.Helper()
	db, err := OpenDB(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	use(OnDisk(db))
	if err := CloseDB(db); err != nil {
		t.Fatal(err)
	}
}

func logBytes(t *testing.T, dir string) (sum int64) {
	t.Helper()
	logs, _ := filepath.Glob(filepath.Join(dir, "*.vlog"))
	for _, name := range logs {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		sum += info.Size()
	}
	return sum
}

// How much there is to collect is known after a restart, and nothing is once it has been.
func TestGarbageIsCounted(t *testing.T) {
	net := chaintest.New(1)
	m := newManager(t, net)
	w := m.newWriter()
	m.drop(w, []*sideBlock{{size: valueThreshold - 1}, {size: valueThreshold}, {size: 7 * valueThreshold}})
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	again := func() int64 {
		t.Helper()
		m, err := OpenStore(m.store, net.Genesis, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return m.garbage
	}
	if got := again(); got != 8*valueThreshold {
		t.Errorf("%d bytes of garbage, want %d", got, 8*valueThreshold)
	}
	if err := m.store.Write([]Change{{Key: keyGarbage, Value: binary.BigEndian.AppendUint64(nil, collectAt)}}); err != nil {
		t.Fatal(err)
	}
	if again(); again() != 0 {
		t.Error("garbage is left")
	}
}
