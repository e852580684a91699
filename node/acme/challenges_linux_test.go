package acme

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestWebServerReads: a web server of another user reads what is put there for it, whatever the
// umask; folders that were there stay as they were.
func TestWebServerReads(t *testing.T) {
	was := syscall.Umask(0o077)
	defer syscall.Umask(was)
	root := filepath.Join(t.TempDir(), "web")
	c := challenges{webroot: root}
	over, err := c.inWebroot("a-B_9", "text")
	if err != nil {
		t.Fatal(err)
	}
	defer over()
	for path, want := range map[string]os.FileMode{"": 0o755, ".well-known": 0o755, ".well-known/acme-challenge": 0o755, ".well-known/acme-challenge/a-B_9": 0o644} {
		if info, err := os.Stat(filepath.Join(root, path)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v, %v", path, info.Mode(), err)
		}
	}
	if err := os.Chmod(root, 0o711); err != nil {
		t.Fatal(err)
	}
	again, err := c.inWebroot("b", "text")
	if err != nil {
		t.Fatal(err)
	}
	defer again()
	if info, err := os.Stat(root); err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
