package node

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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

// A log that cannot be had is told with what helps against its cause, with the keys that were
// changed, and nothing behind that reads as if all were well.
func TestLogThatCannotBeHad(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	now, err := LoadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, ConfigFile)
	set := func(old, with string) {
		t.Helper()
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, bytes.Replace(text, []byte(old), []byte(with), 1), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	now.Log.File = filepath.Join(dir, "none", "log")
	set("\nfile = \"\"", "\nfile = \""+now.Log.File+"\"")
	said := func(cause error, want ...string) {
		t.Helper()
		var out bytes.Buffer
		n := &Node{dir: dir, log: slog.New(slog.NewTextHandler(&out, nil))}
		n.relog = func(c LogConfig) error { return &fs.PathError{Op: "open", Path: c.File, Err: cause} }
		n.reload(now)
		if strings.Count(out.String(), "\n") != 1 {
			t.Errorf("it says %s", &out)
		}
		for _, text := range append(want, "the log stays as it was") {
			if !strings.Contains(out.String(), text) {
				t.Errorf("%q is not in %s", text, &out)
			}
		}
	}
	said(syscall.ENOENT, "key=log.file", `try="make the folder `+filepath.Dir(now.Log.File)+`, and send SIGHUP again"`)
	said(syscall.EACCES, "key=log.file", `try="see that this user may write `+now.Log.File+`, and send SIGHUP again"`)
	said(syscall.ENOSPC, `try="see that there is room on the disk, and that it is well, and send SIGHUP again"`)
	set(`level = "info"`, `level = "warn"`)
	said(syscall.ENOENT, "key=log.level", `try="make the folder `)
	now.Log.File = filepath.Join(dir, "log")
	said(syscall.EACCES, `key="log.file log.level"`)
}
