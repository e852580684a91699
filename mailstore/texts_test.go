package mailstore

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// putBack puts the texts of a dump that are lacking into a store.
func putBack(t *testing.T, s *Store, dump io.Reader, lacking map[[32]byte]bool) (put int, err error) {
	t.Helper()
	err = Texts(dump, func(blob [32]byte) bool { return lacking[blob] }, func(blob [32]byte, raw []byte) error {
		put++
		return s.Update(t.Context(), func(tx *Tx) error {
			if got, err := tx.PutBlob(raw); got != blob || err != nil {
				t.Errorf("%x is put back as %x, %v", blob[:8], got[:8], err)
			}
			return nil
		})
	})
	return put, err
}

// A damaged text is put back from a dump that has it, and from none that has another one in its
// place, or none.
func TestTextsOfADumpMendDamage(t *testing.T) {
	s := openTest(t, copyOf(t, format1))
	defer s.Close()
	whole, _ := dumpOf(t, s)
	blob := blobOf(t, s, 1, 2)
	var raw []byte
	s.View(func(r *Reader) (err error) { raw, err = r.Raw(blob); return err })
	other := bytes.Replace(whole, raw, flipped(bytes.Clone(raw)), 1)
	for name, change := range map[string]func([]byte) []byte{"flipped": flipped, "emptied": emptied, "removed": removed} {
		alter(t, s, blobKey(blob), change)
		without, _ := dumpOf(t, s)
		lacking := make(map[[32]byte]bool)
		_, err := s.Check(t.Context(), false, func(f Fault) { lacking[f.Blob] = true })
		if err != nil || len(lacking) != 1 || !lacking[blob] {
			t.Errorf("%s: lacking are %d, %v", name, len(lacking), err)
		}
		for what, dump := range map[string][]byte{"another text": other, "no text": without} {
			if n, err := putBack(t, s, bytes.NewReader(dump), lacking); n != 0 || err != nil {
				t.Errorf("%s: from a dump with %s %d are put back, %v", name, what, n, err)
			}
		}
		if n, err := putBack(t, s, bytes.NewReader(whole), lacking); n != 1 || err != nil {
			t.Errorf("%s: %d are put back, %v", name, n, err)
		}
		if list := faults(t, s, false); len(list) > 0 {
			t.Errorf("%s: after it was put back: %q", name, list)
		}
	}
}

// Of a dump that ends early the texts before its end are given, and an error of take ends it.
func TestTextsOfADamagedDump(t *testing.T) {
	s := openTest(t, copyOf(t, format1))
	defer s.Close()
	whole, entries := dumpOf(t, s)
	all := func([32]byte) bool { return true }
	count := func(dump []byte, enough int) (n int, err error) {
		err = Texts(bytes.NewReader(dump), all, func([32]byte, []byte) error {
			if n++; n == enough {
				return io.EOF
			}
			return nil
		})
		return n, err
	}
	texts := len(blobsOf(entries)) - 1
	if n, err := count(whole, 0); n != texts || err != nil {
		t.Errorf("%d of %d texts, %v", n, texts, err)
	}
	if n, err := count(whole[:len(whole)-20], 0); n != texts || !errors.Is(err, ErrDump) {
		t.Errorf("of one that is cut: %d of %d texts, %v", n, texts, err)
	}
	if n, err := count(whole, 2); n != 2 || err != io.EOF {
		t.Errorf("after the second: %d texts, %v", n, err)
	}
}
