package home

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCrashInOddFolder keeps a trace in a directory whose name is no pattern.
func TestCrashInOddFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mail[1")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, CrashFile), []byte("panic: x\n\ngoroutine 1 [running]:\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keepCrash(filepath.Join(dir, CrashFile)); err != nil {
		t.Error(err)
	}
}
