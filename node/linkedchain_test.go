package node

import (
	"os"
	"path/filepath"
	"testing"

	"cairn/node/api"
	"cairn/node/home"
)

// A chain folder that is a link to another disk is damaged.
func TestLinkedChainIsRescued(t *testing.T) {
	t.Parallel()
	dir, _ := founder(t, "alpha", "alpha.test")
	quiet(t, dir, nil)
	n, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	away := filepath.Join(shortDir(t), "chain")
	if err := os.CopyFS(away, os.DirFS(filepath.Join(dir, home.ChainDir))); err != nil {
		t.Fatal(err)
	}
	os.RemoveAll(filepath.Join(dir, home.ChainDir))
	if err := os.Symlink(away, filepath.Join(dir, home.ChainDir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(away, "MANIFEST"), 16); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if n, err = Open(t.Context(), dir, nil); err != nil {
			t.Errorf("%v; hint %s", err, api.AsError(err).Hint)
			continue
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
