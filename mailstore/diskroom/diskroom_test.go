package diskroom

import (
	"errors"
	"path/filepath"
	"testing"

	"cairn/mailstore/testenv"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	free, known := freeSpace(dir)
	if !known {
		testenv.Lacking(t, "free space is not known on this system")
	}
	if free <= 0 {
		t.Fatalf("%d bytes free", free)
	}
	for _, c := range []struct {
		size, reserve int64
		full          bool
	}{
		{0, 0, false},
		{0, 2 * free, true},
		{free, 0, true},
	} {
		if err := Check(dir, c.size, c.reserve); errors.Is(err, ErrFull) != c.full || (err != nil) != c.full {
			t.Errorf("%d bytes, reserve %d: %v", c.size, c.reserve, err)
		}
	}
	if err := Check(filepath.Join(dir, "none"), 0, 1<<62); err != nil {
		t.Errorf("a folder that is not there: %v", err)
	}
}
