package node

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"cairn/mailstore/testenv"
)

// TestMilterSocketOfAGroup: the socket file is of the group of its folder, as a mail server beside
// the node needs it that runs as another user. Where this user may not give it that group the log
// says so, unless the folder hands its group on by itself.
func TestMilterSocketOfAGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		testenv.Lacking(t, "only root has groups to give")
	}
	const somebody, theirs = 65534, 54321
	for name, tt := range map[string]struct {
		mode   uint32
		root   bool
		group  int
		warned bool
	}{
		"by root":                  {0o750, true, theirs, false},
		"by who is not in it":      {0o750, false, 0, true},
		"in one that hands it on":  {0o2750, false, theirs, false},
		"in one of the same group": {0o750, false, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(shortDir(t), "with")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			of := theirs
			if name == "in one of the same group" {
				of = 0
			}
			if err := os.Chown(folder, somebody, of); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Chmod(folder, tt.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Dir(folder), 0o755); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			path := filepath.Join(folder, "milter")
			n := &Node{dir: t.TempDir(), cfg: DefaultConfig("Alpha", []string{"alpha.test"}), log: slog.New(slog.NewTextHandler(&log, nil))}
			n.cfg.Milter.Listen = "unix:" + path
			if !tt.root {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				defer syscall.RawSyscall(syscall.SYS_SETFSUID, 0, 0, 0)
				syscall.RawSyscall(syscall.SYS_SETFSUID, somebody, 0, 0)
			}
			l, err := n.bindMilter()
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			at, err := os.Stat(path)
			if err != nil || at.Mode().Perm() != 0o660 || int(at.Sys().(*syscall.Stat_t).Gid) != tt.group {
				t.Errorf("%v of group %d, %v", at, at.Sys().(*syscall.Stat_t).Gid, err)
			}
			if warned := strings.Contains(log.String(), "chmod g+s "+folder); warned != tt.warned {
				t.Errorf("the log has %q", &log)
			}
		})
	}
}
