package intact

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4/options"
	"github.com/klauspost/compress/s2"
)

// seeds adds the beginnings or ends of the files of a small store.
func seeds(f *testing.F, ext string) {
	_, dir, _ := stores(f, options.Snappy)
	entries, err := os.ReadDir(dir)
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ext) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[max(0, len(b)-3000):])
		f.Add(b[:min(len(b), 3000)])
	}
}

func FuzzManifest(f *testing.F) {
	seeds(f, manifestName)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readManifest(bytes.NewReader(b), int64(len(b)))
		if err == nil && (m.end < 8 || m.end > int64(len(b))) {
			t.Errorf("ends at %d of %d", m.end, len(b))
		}
		if err != nil && !IsFault(err) {
			t.Error(err)
		}
		m = &manifest{tables: map[uint64]listed{}, removed: map[uint64]struct{}{}}
		m.apply(b) // what a checksum would keep out
	})
}

func FuzzTable(f *testing.F) {
	seeds(f, ".sst")
	f.Fuzz(func(t *testing.T, b []byte) {
		tab, err := openTable(&file{ReaderAt: bytes.NewReader(b), faults: "000001.sst", size: int64(len(b))}, compressionUnknown)
		if err == nil {
			err = tab.each(func(entry) error { return nil })
		}
		if err != nil && !IsFault(err) {
			t.Error(err)
		}
		readIndex(b)
		if e, ok := blockEntries(b); ok {
			e.each(func(entry) error { return nil })
		}
		if len(b) > 4 { // offsets that a checksum would keep out
			block{b[4:], b[:4]}.each(func(entry) error { return nil })
		}
	})
}

func FuzzLog(f *testing.F) {
	seeds(f, ".mem")
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, k := range []logKind{{}, {newest: true}, {newest: true, memory: true, full: 4000}} {
			end, err := lookAtLog(&file{ReaderAt: bytes.NewReader(b), faults: "00001.mem", size: int64(len(b))}, k)
			if err == nil && (end < logHeader || end > int64(len(b))) {
				t.Errorf("ends at %d of %d", end, len(b))
			}
			if err != nil && !IsFault(err) {
				t.Error(err)
			}
		}
	})
}

func FuzzSnappy(f *testing.F) {
	f.Add([]byte(strings.Repeat("abcdefgh", 40)))
	f.Add(binary.BigEndian.AppendUint64(nil, 0x0123456789abcdef))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := unsnap(s2.EncodeSnappy(nil, b), maxBlock)
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%x became %x, %v", b, got, err)
		}
		if got, err = unsnap(b, 1<<20); err != nil {
			return
		}
		if want, err := s2.Decode(nil, b); err == nil && !bytes.Equal(got, want) {
			t.Errorf("%x became %x, not %x", b, got, want)
		}
	})
}
