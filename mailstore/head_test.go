package mailstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// storeWith makes a store that was closed after so many updates.
func storeWith(t *testing.T, dir string, values ...string) {
	t.Helper()
	s := openTest(t, dir)
	for _, v := range values {
		if err := put(s, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A folder that is replaced by an older copy of itself, or emptied, is refused until that is
// accepted, with how much is missing.
func TestBehindHead(t *testing.T) {
	for name, c := range map[string]struct {
		replace func(t *testing.T, dir, older string)
		updates uint64
		value   string // that is there afterwards
	}{
		"an older copy": {func(t *testing.T, dir, older string) {
			if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(older))); err != nil {
				t.Fatal(err)
			}
		}, 2, "1"},
		"emptied": {func(t *testing.T, dir, _ string) {
			if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, 3, ""},
		"emptied but for what is not of it": {func(t *testing.T, dir, _ string) {
			if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Join(dir, "lost+found"), 0o700), os.WriteFile(filepath.Join(dir, ".probe-1"), nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}, 3, ""},
		"gone": {func(t *testing.T, dir, _ string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}, 3, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tmp := t.TempDir()
			dir, older := filepath.Join(tmp, "mail"), filepath.Join(tmp, "older")
			storeWith(t, dir, "1")
			if err := os.CopyFS(older, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			storeWith(t, dir, "2", "3")
			c.replace(t, dir, older)
			for range 2 { // and again: what was refused once is not taken the next time
				err := checkHead(dir)
				behind, ok := errors.AsType[*BehindError](err)
				if !ok || behind.Updates != c.updates || behind.Has.IsZero() != (c.value == "") || behind.Had.IsZero() || !strings.Contains(err.Error(), dir) {
					t.Fatalf("%v", err)
				}
			}
			now := time.UnixMilli(1000).UTC()
			if err := AcceptBehind(dir, now, slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			s := openTest(t, dir)
			defer s.Close()
			var note Restoration
			var restored bool
			err := s.View(func(r *Reader) (err error) {
				note, restored, err = r.Restored()
				return err
			})
			if err != nil || !restored || !note.At.Equal(now) {
				t.Errorf("restored %v %v, %v", note, restored, err)
			}
			if c.value == "" {
				return
			}
			if got := stored(t, s); got != c.value {
				t.Errorf("has %q", got)
			}
		})
	}
}

// A memory log that ends between two transactions is sound, and shows a loss only because the head
// is ahead.
func TestLogCutBetweenTransactions(t *testing.T) {
	tmp := t.TempDir()
	dir, cut := filepath.Join(tmp, "mail"), filepath.Join(tmp, "cut")
	s := openTest(t, dir)
	defer s.Close()
	if err := put(s, "1"); err != nil {
		t.Fatal(err)
	}
	copied := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	before := copied("00001.mem")
	if err := put(s, "2"); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(cut, os.DirFS(dir)); err != nil { // as a process leaves it that is killed
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(cut, "00001.mem"), before, 0o600), os.WriteFile(HeadPath(cut), copied("../mail.head"), 0o600)); err != nil {
		t.Fatal(err)
	}
	err := checkHead(cut)
	if behind, ok := errors.AsType[*BehindError](err); !ok || behind.Updates != 1 {
		t.Fatal(err)
	}
}

// What a crash can leave of a head is read, what it cannot is refused, and a store without one is
// given one.
func TestHeads(t *testing.T) {
	one := mark{store: [16]byte{1}, updates: 7, modseq: 5, at: time.UnixMilli(9).UTC()}
	two := one
	two.updates = 8
	file := func(a, b []byte) []byte {
		return append(append(append(bytes.Clone(a), make([]byte, headPage-len(a))...), b...), make([]byte, headPage-len(b))...)
	}
	torn, later := two.encode(), two.encode()
	torn[30]++
	later[11]++
	binary.BigEndian.PutUint32(later[headSlot-4:], crc32.Checksum(later[:headSlot-4], castagnoli))
	flipped := one.encode() // the version, and nothing of a later one
	flipped[10] ^= 1
	for name, c := range map[string]struct {
		b       []byte
		updates uint64
		slot    int
		err     string
	}{
		"first":          {file(one.encode(), nil), 7, 0, ""},
		"second is next": {file(one.encode(), two.encode()), 8, 1, ""},
		"first is next":  {file(two.encode(), one.encode()), 8, 0, ""},
		"torn":           {file(one.encode(), torn), 7, 0, ""},
		"cut":            {file(one.encode(), two.encode())[:headPage], 7, 0, ""},
		"both torn":      {file(torn, torn), 0, -1, "is damaged"},
		"empty":          {nil, 0, -1, "is damaged"},
		"later":          {file(one.encode(), later), 0, -1, "later version"},
		"flipped":        {file(flipped, two.encode()), 8, 1, ""},
		"flipped newer":  {file(two.encode(), flipped), 8, 0, ""},
		"both flipped":   {file(flipped, flipped), 0, -1, "is damaged"},
	} {
		m, slot, err := decodeHead(c.b)
		if m.updates != c.updates || slot != c.slot || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v in slot %d, %v", name, m, slot, err)
		}
	}
	dir := filepath.Join(t.TempDir(), "mail")
	storeWith(t, dir, "1")
	for _, b := range [][]byte{nil, file(later, nil)} {
		if err := os.WriteFile(HeadPath(dir), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok := errors.AsType[*HeadError](checkHead(dir)); !ok {
			t.Errorf("head %.20q was taken", b)
		}
	}
	if err := AcceptBehind(dir, time.Now(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a head of a later version was replaced")
	}
	if err := os.Remove(HeadPath(dir)); err != nil {
		t.Fatal(err)
	}
	storeWith(t, dir, "2")
	if m, _, err := readHead(dir); err != nil || m.updates != 2 {
		t.Errorf("%v, %v", m, err)
	}
}

// FuzzHead: a slot that is read is written back octet for octet.
func FuzzHead(f *testing.F) {
	m := mark{store: [16]byte{1}, updates: 7, modseq: 5, at: time.UnixMilli(9).UTC()}
	f.Add(m.encode())
	f.Add(append(make([]byte, headPage), m.encode()...))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, slot, err := decodeHead(b)
		if err == nil && !bytes.Equal(m.encode(), b[slot*headPage:][:headSlot]) {
			t.Errorf("%x", b)
		}
	})
}

// checkHead opens the store in dir and closes it again.
func checkHead(dir string) error {
	s, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return s.Close()
}
