package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// noting is a test that notes how it ends, and goes on.
type noting struct {
	testing.TB
	failed, skipped string
}

func (*noting) Helper()                          {}
func (n *noting) Errorf(format string, a ...any) { n.failed = fmt.Sprintf(format, a...) }
func (n *noting) Fatalf(format string, a ...any) { n.failed = fmt.Sprintf(format, a...) }
func (n *noting) Skipf(format string, a ...any)  { n.skipped = fmt.Sprintf(format, a...) }

// A program that is there is found. Without it a test is skipped, or fails in CI, each by name.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "cairn-installed")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n[ \"$1\" = well ]\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for _, ci := range []string{"", "true"} {
		t.Setenv("CI", ci)
		n := new(noting)
		if got := Program(n, "cairn-installed", "a"); got != path || *n != (noting{}) {
			t.Errorf("CI=%s: %q, %+v", ci, got, n)
		}
		Program(n, "cairn-not-installed", "a-package")
		const lacks = `exec: "cairn-not-installed": executable file not found in $PATH (Debian: a-package)`
		if failed, skipped := n.failed == lacks, n.skipped == lacks; failed != (ci == "true") || skipped != (ci == "") {
			t.Errorf("CI=%s: %+v", ci, n)
		}
	}
}

// A part of a test is done with a program that runs. Without it the rest goes on, and fails in CI.
func TestRuns(t *testing.T) {
	for _, ci := range []string{"", "true"} {
		t.Setenv("CI", ci)
		n := new(noting)
		if !Runs(n, "/bin/sh", "-c", "true") || *n != (noting{}) {
			t.Errorf("CI=%s: %+v", ci, n)
		}
		if Runs(n, "/bin/sh", "-c", "exit 3") || n.skipped != "" || (n.failed == "/bin/sh -c exit 3: exit status 3") != (ci == "true") {
			t.Errorf("CI=%s: %+v", ci, n)
		}
	}
}
