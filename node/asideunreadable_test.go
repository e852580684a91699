package node

import (
	"os"
	"path/filepath"
	"testing"

	"cairn/node/api"
	"cairn/node/home"
)

// A file of the chain that was put aside cannot be read: the node starts all the same.
func TestAsideUnreadable(t *testing.T) {
	dir, _ := founder(t, "alpha", "alpha.test")
	quiet(t, dir, nil)
	n, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	aside := filepath.Join(dir, home.ChainDir+home.DamagedEnd)
	if err := os.Mkdir(aside, 0o700); err != nil {
		t.Fatal(err)
	}
	// what cannot be opened stands for what the disk does not give
	if err := os.Symlink(filepath.Join(dir, "none"), filepath.Join(aside, "000001.sst")); err != nil {
		t.Fatal(err)
	}
	if n, err = Open(t.Context(), dir, nil); err != nil {
		t.Fatalf("%v; hint %s", err, api.AsError(err).Hint)
	}
	n.Close()
}
