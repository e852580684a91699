package home

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCrashChild is a process that ends by a panic on another goroutine, if it is told to.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv("CAIRN_CRASH_CHILD")
	if dir == "" {
		t.Skip("the child of TestCrash")
	}
	if _, _, err := CatchCrashes(dir); err != nil {
		t.Fatal(err)
	}
	go panic("the ground is gone")
	select {}
}

// How a process ended by a fault is told to the next one, once, with the trace in a file; a good
// end leaves nothing.
func TestCrash(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run", "^TestCrashChild$")
	child.Env = append(os.Environ(), "CAIRN_CRASH_CHILD="+dir)
	if out, err := child.CombinedOutput(); err == nil || !strings.Contains(string(out), "the ground is gone") {
		t.Fatalf("%v\n%s", err, out)
	}
	for round := range 2 {
		before, stop, err := CatchCrashes(dir)
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 && (before == nil || before.What != "panic: the ground is gone" || before.Disk) || round == 1 && before != nil {
			t.Errorf("round %d: %+v", round, before)
		}
		if before != nil {
			if trace, err := os.ReadFile(before.File); err != nil || !strings.Contains(string(trace), "goroutine ") {
				t.Errorf("%.100s, %v", trace, err)
			}
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A fault in a database is told from others, and old traces go.
func TestLastWords(t *testing.T) {
	for trace, disk := range map[string]bool{
		"panic: x\n\ngoroutine 7 [running]:\ngithub.com/dgraph-io/badger/v4.(*levelsController).runCompactor()\n\ngoroutine 1 [select]:\nmain.main()\n":      true,
		"panic: x\n\ngoroutine 7 [running]:\ncairn/node.f()\n\ngoroutine 1 [select]:\ngithub.com/dgraph-io/badger/v4.(*DB).flush()\n":                        false,
		"unexpected fault address 0x7f\nfatal error: fault\n[signal SIGBUS: bus error code=0x2 addr=0x7f pc=0x1]\n\ngoroutine 7 [running]:\nruntime.throw()": true,
		"": false,
	} {
		if _, got := lastWords([]byte(trace)); got != disk {
			t.Errorf("%.60q: %v", trace, got)
		}
	}
	path := filepath.Join(t.TempDir(), CrashFile)
	for i := range crashesKept + 3 {
		if err := os.WriteFile(path, []byte("panic: x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(int64(i)*60, 0)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		if c, err := keepCrash(path); err != nil || c == nil {
			t.Fatal(c, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); err != nil || len(left) != crashesKept {
		t.Errorf("left: %v, %v", left, err)
	}
}
