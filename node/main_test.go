package node

import (
	"os"
	"testing"

	"cairn/mailstore/scratch"
)

func TestMain(m *testing.M) { os.Exit(scratch.InMemory(m).Run()) }

// shortDir is a folder with a short path: in that of a test its name may be so long that a socket
// finds no room.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "n")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
