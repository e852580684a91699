package node

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// TestMilterSocket: the socket file is for its owner and group. It takes the place of one that
// nobody listens at, of none that somebody does, and of no other file.
func TestMilterSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "milter")
	c := DefaultConfig("Alpha", []string{"alpha.test"})
	c.Milter.Listen = "unix:" + path
	n := &Node{dir: t.TempDir(), cfg: c}
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	l, err := n.bindMilter()
	if err != nil {
		t.Fatal(err)
	}
	if at, err := os.Stat(path); err != nil || at.Mode().Perm() != 0o660 {
		t.Errorf("%v, %v", at, err)
	}
	if second, err := n.bindMilter(); err == nil {
		second.Close()
		t.Error("two listen there")
	}
	l.Close()
	if err := os.WriteFile(path, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = n.bindMilter()
	if bad, is := errors.AsType[*ConfigError](err); !is || bad.Key != "milter.listen" {
		t.Errorf("in the place of a file: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "kept" {
		t.Errorf("the file is %q, %v", text, err)
	}
}
