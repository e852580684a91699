// Package testenv tells tests of all packages what they may expect of the machine that they run on,
// and how many rounds they make, and starts the servers that are not ours. With CI=true everything
// is installed on purpose: there a test that lacks something fails, where it is skipped elsewhere.
package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// CI reports whether tests run where everything is installed on purpose and they may take long.
func CI() bool { return os.Getenv("CI") == "true" }

// Lacking ends a test that needs what this machine has not, which is told as by Errorf.
func Lacking(t testing.TB, format string, args ...any) {
	t.Helper()
	end := t.Skipf
	if CI() {
		end = t.Fatalf
	}
	end(format, args...)
}

// Program returns the path of an installed program, or ends the test. debian is the package that
// has it. Servers are found too where an ordinary user does not look for programs.
func Program(t testing.TB, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if server, missing := exec.LookPath(filepath.Join("/usr/sbin", name)); missing == nil {
		return server
	}
	Lacking(t, "%v (Debian: %s)", err, debian)
	return ""
}

// Runs reports whether a program runs with these arguments, for a part of a test that is left out
// without it. With CI=true the test fails then.
func Runs(t testing.TB, program string, args ...string) bool {
	t.Helper()
	err := exec.Command(program, args...).Run()
	if err != nil && CI() {
		t.Errorf("%s %s: %v", program, strings.Join(args, " "), err)
	}
	return err == nil
}

// Folder returns the folder of a collection of mail that is no part of the source, which a variable
// of the environment names. Where that is not set, the test is ended.
func Folder(t testing.TB, variable string) string {
	t.Helper()
	dir := os.Getenv(variable)
	if dir == "" {
		Lacking(t, "%s is not set", variable)
	}
	return dir
}
