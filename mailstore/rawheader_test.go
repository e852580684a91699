package mailstore

import (
	"crypto/sha256"
	"errors"
	"runtime"
	"strings"
	"testing"
)

func TestHeaderOf(t *testing.T) {
	long := strings.Repeat("x", maxRawHeader)
	for _, tt := range []struct{ raw, want string }{
		{"A: b\r\nC: d\r\n\r\nbody\r\n\r\nmore\n\n", "A: b\r\nC: d\r\n\r\n"},
		{"A: b\nC: d\n\nbody\n\nmore\r\n\r\n", "A: b\nC: d\n\n"},
		{"A: b\r\n\r\nbody\n\nmore", "A: b\r\n\r\n"},
		{"A: b\n\r\nbody\n\nmore", "A: b\n\r\n"},
		{"A: b\r\n", "A: b\r\n"},
		{"", ""},
		{"\r\nbody\r\n\r\n", "\r\n"},
		{"\nbody", "\n"},
		{long + "\r\n\r\n", long},
	} {
		if got := string(headerOf([]byte(tt.raw))); got != tt.want {
			t.Errorf("%.40q: %.40q, want %.40q", tt.raw, got, tt.want)
		}
	}
}

// TestRawHeader reads the headers of small and large messages, from the database and before they
// are there.
func TestRawHeader(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.Close()
	const head = "From: a@a.example\r\nSubject: s\r\n\r\n"
	for _, body := range []int{0, 10, smallBlob, 3 << 20} {
		raw := []byte(head + strings.Repeat("x", body))
		blob := sha256.Sum256(raw)
		look := func(r *Reader) error {
			header, err := r.RawHeader(blob)
			if err != nil || string(header) != head {
				t.Errorf("%d bytes: %q, %v", len(raw), header, err)
			}
			if size, err := r.RawSize(blob); err != nil || size < int64(len(raw))-8 || size > int64(len(raw))+8 {
				t.Errorf("%d bytes have %d, %v", len(raw), size, err)
			}
			return nil
		}
		if err := s.View(func(r *Reader) error {
			if _, err := r.RawHeader(blob); !errors.Is(err, ErrNotFound) {
				t.Errorf("what is not there: %v", err)
			}
			if _, err := r.RawSize(blob); !errors.Is(err, ErrNotFound) {
				t.Errorf("the size of what is not there: %v", err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.Update(t.Context(), func(tx *Tx) error {
			if _, err := tx.PutBlob(raw); err != nil {
				return err
			}
			return look(&tx.Reader)
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.View(look); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := s.View(look); err != nil {
			t.Fatal(err)
		}
		if runtime.ReadMemStats(&after); body > smallBlob && after.TotalAlloc-before.TotalAlloc > 1<<20 {
			t.Errorf("the header of %d bytes takes %d", len(raw), after.TotalAlloc-before.TotalAlloc)
		}
	}
}
