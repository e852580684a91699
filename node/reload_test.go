package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What helps is told of a configuration that is gone or no file while the node runs.
func TestReloadSaysWhatHelps(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	hasRun(t, dir)
	path := filepath.Join(dir, ConfigFile)
	said := func(want string) {
		t.Helper()
		if _, err := LoadConfig(dir); err == nil || !strings.HasPrefix(hintOf(err), want) {
			t.Errorf("%v: %q, want %q", err, hintOf(err), want)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	said("restore it from a backup of this node")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	said("move it away, and restore it from a backup of this node")
}
