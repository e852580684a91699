package node

import (
	"os"
	"path/filepath"
	"testing"

	"cairn/node/home"
)

// A node whose index is damaged starts, with an index that is built anew.
func TestDamagedIndexStartsAnew(t *testing.T) {
	dir, _ := founder(t, "alpha", "alpha.test")
	quiet(t, dir, nil)
	n, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, home.IndexDir, "MANIFEST"), 16); err != nil {
		t.Fatal(err)
	}
	if n, err = Open(dir, nil); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}
