package intact

import (
	"os"
	"path/filepath"
	"testing"
)

// TestLastWritten finds the last octet of a file that is written in few places, with holes before,
// between and behind them.
func TestLastWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	w, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	const size = 8 << 20
	if err := w.Truncate(size); err != nil {
		t.Fatal(err)
	}
	look := func(from int64) int64 {
		f, err := open(os.DirFS(filepath.Dir(path)), "log")
		if err != nil {
			t.Fatal(err)
		}
		defer f.close()
		last, err := lastWritten(f, from)
		if err != nil {
			t.Fatal(err)
		}
		return last
	}
	if last := look(20); last != 20 {
		t.Errorf("a file of holes is written up to %d", last)
	}
	for _, at := range []int64{7, 100<<10 + 1, 3<<20 - 1, 5 << 20, size - 1} {
		if _, err := w.WriteAt([]byte{1}, at); err != nil {
			t.Fatal(err)
		}
		for _, from := range []int64{0, 7, 64 << 10, at} {
			if last := look(from); last != max(from, at+1) && from <= at {
				t.Errorf("from %d on it is written up to %d, want %d", from, last, at+1)
			}
		}
	}
	if last := look(size); last != size {
		t.Errorf("behind the end it is written up to %d", last)
	}
}
