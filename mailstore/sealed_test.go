package mailstore

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
)

func FuzzUnseal(f *testing.F) {
	f.Add([]byte("m12"), seal([]byte("m12"), []byte("value")))
	f.Add([]byte("m12"), []byte{})
	f.Add([]byte("u"), seal([]byte("u"), nil))
	sum := sha256.Sum256([]byte("text"))
	f.Add(blobKey(sum), []byte("text"))
	f.Fuzz(func(t *testing.T, key, stored []byte) {
		if len(key) == 0 {
			return
		}
		value, why := unseal(key, bytes.Clone(stored))
		if why == "" && !bytes.Equal(seal(key, value), stored) {
			t.Errorf("%q at %q is taken for %q", stored, key, value)
		}
		if isBlob(key) {
			return
		}
		if again, why := unseal(key, seal(key, stored)); why != "" || !bytes.Equal(again, stored) {
			t.Errorf("%q at %q comes back as %q: %s", stored, key, again, why)
		}
	})
}

// What holding values costs: Raw with the SHA-256 of what is read, and the CRC32C of a small value.
func BenchmarkRaw(b *testing.B) {
	s := openTest(b, b.TempDir())
	defer s.Close()
	for _, size := range []int{2 << 10, 16 << 10, 256 << 10, 4 << 20} {
		var blob [32]byte
		err := s.Update(b.Context(), func(tx *Tx) (err error) {
			blob, err = tx.PutBlob(bytes.Repeat([]byte("0123456789abcdef"), size/16))
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := s.View(func(r *Reader) error { _, err := r.Raw(blob); return err }); err != nil {
					b.Fatal(err)
				}
			}
		})
		raw := make([]byte, size)
		b.Run(fmt.Sprintf("%dKB/sha256-alone", size>>10), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				sha256.Sum256(raw)
			}
		})
	}
}

func BenchmarkUnseal(b *testing.B) {
	key := messageKey(tableMessage, 1, 2)
	stored := seal(key, make([]byte, 150))
	for b.Loop() {
		unseal(key, stored)
	}
}
