// Package scratch lets tests keep their files in memory. A test that opens a node writes to its
// databases, and waits for the disk, thousands of times; on a disk of memory the same calls are
// made and answered at once. What a killed process wrote is there as well: that is up to the
// kernel.
package scratch

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cairn/mailstore/testenv"
)

const (
	shared = "/dev/shm"
	prefix = "cairn"       // and the number of the process; short, since sockets are below it
	mark   = ".cairn-test" // a file in such a folder, which its process has locked
	room   = 4 << 30       // bytes that are free for it
)

// Runner is what runs a package's tests, as *testing.M does.
type Runner interface{ Run() int }

// InMemory is tests with the temporary files of their process, and of those that it starts, in
// memory, if that has room for them and programs may be run there. A TMPDIR that somebody chose
// stays, and so does the disk for benchmarks, and with CI=true: there tests meet a real one.
func InMemory(tests Runner) Runner { return inMemory{tests} }

type inMemory struct{ tests Runner }

func (r inMemory) Run() int {
	benches := slices.ContainsFunc(os.Args[1:], func(arg string) bool { return strings.HasPrefix(strings.TrimLeft(arg, "-"), "test.bench") })
	if !benches && os.Getenv("TMPDIR") == "" && !testenv.CI() && fit(shared) {
		defer use(shared)()
	}
	return r.tests.Run()
}

// use moves temporary files to a folder on a disk; done removes what is left there.
func use(disk string) (done func()) {
	sweep(disk)
	dir := filepath.Join(disk, prefix+strconv.Itoa(os.Getpid()))
	if os.Mkdir(dir, 0o755) != nil {
		return func() {}
	}
	free, err := lock(filepath.Join(dir, mark))
	if err != nil || os.Setenv("TMPDIR", dir) != nil {
		return func() {}
	}
	return func() {
		_ = os.RemoveAll(dir)
		free()
	}
}

// sweep removes what tests left behind that were killed.
func sweep(disk string) {
	marks, err := filepath.Glob(filepath.Join(disk, prefix+"*", mark))
	if err != nil {
		return
	}
	for _, left := range marks {
		if free, err := lock(left); err == nil {
			_ = os.RemoveAll(filepath.Dir(left))
			free()
		}
	}
}
