package intact

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4/options"
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
		in := &file{ReaderAt: bytes.NewReader(b), faults: "000001.sst", size: int64(len(b))}
		tab, err := openTable(in, compressionUnknown)
		if err == nil {
			err = tab.each(func(entry) error { return nil })
		}
		if err != nil && !IsFault(err) {
			t.Error(err)
		}
		found, err := unindexed(in)
		if err != nil {
			t.Error(err)
		}
		end := int64(0)
		for _, at := range found {
			if _, ok := in.block(at); !ok || at.offset < end {
				t.Errorf("no block of %d octets at %d", at.size, at.offset)
			}
			end = at.offset + at.size
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
		for _, k := range []logKind{{}, {each: EachValue}, {newest: true}, {newest: true, memory: true, full: 4000}} {
			end, written, err := lookAtLog(&file{ReaderAt: bytes.NewReader(b), faults: "00001.mem", size: int64(len(b))}, k)
			if err == nil && (end < logHeader || written < end || written > int64(len(b))) {
				t.Errorf("ends at %d, written to %d of %d", end, written, len(b))
			}
			if err != nil && !IsFault(err) {
				t.Error(err)
			}
		}
	})
}

func FuzzSnappy(f *testing.F) {
	f.Add([]byte("\x0a\x0cabcd\x0a\x04\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := unsnap(b, 1<<20)
		if size, _ := binary.Uvarint(b); err == nil && uint64(len(got)) != size {
			t.Errorf("%x became %d octets", b, len(got))
		}
	})
}

// TestSnappy holds the decoder to forms that are known.
func TestSnappy(t *testing.T) {
	for packed, want := range map[string]string{
		"\x04\x0cabcd":                   "abcd",
		"\x0a\x0cabcd\x16\x04\x00":       "abcdabcdab", // two octets of distance
		"\x08\x0cabcd\x01\x04":           "abcdabcd",   // one
		"\x0a\x04ab\x1f\x02\x00\x00\x00": "ababababab", // four, overlapping
		"\x03\xf0\x02abc":                "abc",        // a length of its own
		"\x00":                           "",
	} {
		if got, err := unsnap([]byte(packed), 100); err != nil || string(got) != want {
			t.Errorf("%x became %q, %v", packed, got, err)
		}
	}
	for _, packed := range []string{"", "\x04\x0cabc", "\x05\x0cabcd", "\x08\x0cabcd\x01\x05", "\x08\x0cabcd\x01\x00", "\xff\xff\x7f\x00a"} {
		if got, err := unsnap([]byte(packed), 100); err == nil {
			t.Errorf("%x became %q", packed, got)
		}
	}
}
