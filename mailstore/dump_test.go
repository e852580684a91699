package mailstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

// dumpOf gives the dump of a store, and its entries.
func dumpOf(t testing.TB, s *Store) ([]byte, map[string]string) {
	t.Helper()
	var b bytes.Buffer
	if err := s.View(func(r *Reader) error { return r.Dump(&b) }); err != nil {
		t.Fatal(err)
	}
	entries := make(map[string]string)
	_, err := readDump(bytes.NewReader(b.Bytes()), func(key, value []byte) error {
		entries[string(key)] = string(value)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), entries
}

// entry and dump write what Dump would, or would not.
func entry(key, value string) []byte {
	var b bytes.Buffer
	writeSized(&b, []byte(key))
	writeSized(&b, []byte(value))
	return b.Bytes()
}

func end(count uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 4), count) }

func dump(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

var (
	identity = entry("Ms", strings.Repeat("i", 16))
	format   = entry("Mv", "\x00\x00\x00\x01")
)

func TestRestoreKeepsEveryEntry(t *testing.T) {
	s := openTest(t, t.TempDir())
	put(s, "small")
	put(s, "replaced")
	for i := range 4 { // more than one transaction holds, in number and in bytes
		err := s.Update(t.Context(), func(tx *Tx) error {
			for j := range 10_000 {
				key := binary.BigEndian.AppendUint32(nil, uint32(i*10_000+j))
				if err := tx.Space("many").Put(key, []byte(strings.Repeat("v", 60))); err != nil {
					return err
				}
			}
			blob, err := tx.PutBlob(bytes.Repeat([]byte{byte(i)}, 3<<20))
			return errors.Join(err, tx.HoldBlob(blob, fmt.Sprint(i)))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	raw, want := dumpOf(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	note := Restoration{Made: time.UnixMilli(1_800_000_000_000).UTC(), At: time.UnixMilli(1_800_000_060_000).UTC()}
	dir := filepath.Join(t.TempDir(), "mail")
	stats, err := Restore(dir, bytes.NewReader(raw), note, slog.New(slog.DiscardHandler))
	if err != nil || stats.Entries != uint64(len(want)) {
		t.Fatalf("%+v of %d entries, %v", stats, len(want), err)
	}
	restored := openTest(t, dir)
	defer restored.Close()
	_, got := dumpOf(t, restored)
	if got["Ms"] == want["Ms"] || len(got["Ms"]) != 16 {
		t.Error("the restored store has the identity of the other one: followers would not start over")
	}
	delete(got, "Mr")
	delete(got, "Ms")
	delete(want, "Ms")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%d entries of %d are there, or others", len(got), len(want))
	}
	restored.View(func(r *Reader) error {
		if is, ok, err := r.Restored(); is != note || !ok || err != nil {
			t.Errorf("the note says %+v, %v, %v", is, ok, err)
		}
		return nil
	})
}

func TestNewStoreIsNotRestored(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.Close()
	s.View(func(r *Reader) error {
		if _, restored, err := r.Restored(); restored || err != nil {
			t.Errorf("restored %v, %v", restored, err)
		}
		return nil
	})
}

func TestRestoreNeedsAnEmptyFolder(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	put(s, "kept")
	raw, _ := dumpOf(t, s)
	s.Close()
	if _, err := Restore(dir, bytes.NewReader(raw), Restoration{}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("restored over a store: %v", err)
	}
	s = openTest(t, dir)
	defer s.Close()
	if v := stored(t, s); v != "kept" {
		t.Errorf("the store says %q", v)
	}
}

func TestDamagedDumps(t *testing.T) {
	whole := dump(identity, format, entry("aaaaa", "x"), end(3))
	if stats, err := CheckDump(bytes.NewReader(whole)); err != nil || stats != (DumpStats{Entries: 3, Accounts: 1}) {
		t.Fatalf("%+v, %v", stats, err)
	}
	for name, tt := range map[string]struct {
		dump []byte
		says string
	}{
		"empty":          {nil, "unexpected EOF"},
		"no store":       {end(0), "no store format"},
		"other format":   {dump(identity, entry("Mv", "\x00\x00\x00\x04")), "store format 4, this program knows formats 1 to 3"},
		"no format":      {dump(identity, entry("aaaaa", "x"), end(2)), "no store format"},
		"no identity":    {dump(format, entry("aaaaa", "x"), end(2)), "no store format and identity"},
		"unsorted":       {dump(format, identity, end(2)), "stands behind"},
		"twice":          {dump(identity, identity, format, end(3)), "stands behind"},
		"wrong count":    {dump(identity, format, end(3)), "2 entries of 3"},
		"something more": {append(bytes.Clone(whole), 0), "follows its end"},
		"long key":       {dump(identity, format, []byte{0, 0, 0x80, 1}), "more than 32768"},
		"long value":     {dump(identity, format, []byte{0, 0, 0, 1, 'a', 0x10, 0, 0, 1}), "more than 268435456"},
	} {
		if _, err := CheckDump(bytes.NewReader(tt.dump)); !errors.Is(err, ErrDump) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
		dir := t.TempDir()
		if _, err := Restore(dir, bytes.NewReader(tt.dump), Restoration{}, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrDump) {
			t.Errorf("%s restored: %v", name, err)
		}
	}
	for n := range whole {
		if _, err := CheckDump(bytes.NewReader(whole[:n])); !errors.Is(err, ErrDump) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
}

// Whoever claims a great value takes no memory with that.
func TestDumpTakesMemoryAsItIsRead(t *testing.T) {
	claim := dump(identity, format, []byte{0, 0, 0, 1, 'a', 0x10, 0, 0, 0}, make([]byte, 1000))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := CheckDump(bytes.NewReader(claim)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 1<<20 {
		t.Errorf("%d bytes were taken for 1,000", taken)
	}
}

// Dump leaves nothing out because it could not be read or written.
func TestDumpTellsThatItFailed(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.Close()
	put(s, strings.Repeat("x", 1<<20))
	full := errors.New("disk full")
	if err := s.View(func(r *Reader) error { return r.Dump(failing{full}) }); !errors.Is(err, full) {
		t.Errorf("a writer that fails: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func FuzzDump(f *testing.F) {
	f.Add(dump(identity, format, entry("aaaaa", "x"), end(3)))
	f.Add(dump(identity, format, []byte{0, 0, 0, 1, 'a', 0x10, 0, 0, 0}))
	f.Fuzz(func(t *testing.T, b []byte) {
		again := []byte{}
		stats, err := readDump(bytes.NewReader(b), func(key, value []byte) error {
			again = append(again, entry(string(key), string(value))...)
			return nil
		})
		if err == nil && !bytes.Equal(append(again, end(stats.Entries)...), b) {
			t.Errorf("%x is read, but would be written as another", b)
		}
	})
}
