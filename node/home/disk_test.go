package home

import (
	"os"
	"path/filepath"
	"testing"
)

// TestLostAndFound has the mail store on a disk of its own, which has a folder of the file system.
func TestLostAndFound(t *testing.T) {
	dir := laidOut(t)
	if err := os.Mkdir(filepath.Join(dir, MailDir, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Usable(dir); err != nil {
		t.Error(err)
	}
}
