package scratch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// What a killed process left is removed, and nothing of one that runs.
func TestSweep(t *testing.T) {
	over := exec.Command(os.Args[0], "-test.run=^$")
	if err := over.Run(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	folder := func(name string) string { return filepath.Join(dir, prefix+name) }
	ended, ours, foreign := folder(strconv.Itoa(over.Process.Pid)), folder(strconv.Itoa(os.Getpid())), folder("x")
	for _, f := range []string{ended, ours, foreign} {
		if err := os.MkdirAll(filepath.Join(f, "below"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	sweep(dir)
	for f, want := range map[string]bool{ended: false, ours: true, foreign: true} {
		if _, err := os.Stat(f); (err == nil) != want {
			t.Errorf("%s: %v", f, err)
		}
	}
}
