package home

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// crashesKept is how many traces stay in the directory.
const crashesKept = 5

// Crash is how an earlier process ended by a fault that no part of it could contain: a panic on a
// goroutine of a library, or a page of a mapped file that the disk does not give.
type Crash struct {
	File string // with the trace
	What string // what the runtime said, as one line
	Disk bool   // a database was at it: its files may be damaged
}

// CatchCrashes has the Go runtime write what it says at the end of this process, should that be
// such a fault, to a file in the directory too, and returns how the process before ended, nil if
// otherwise. Only the process that has the directory may call it. stop ends it when the process
// ends well.
//
// There is no process beside the node that waits for its end: the runtime writes the file itself,
// service managers go on to see the node's own status and memory, and what kills the node leaves
// nothing behind.
func CatchCrashes(dir string) (before *Crash, stop func() error, err error) {
	path := filepath.Join(dir, CrashFile)
	if before, err = keepCrash(path); err != nil {
		return nil, nil, fmt.Errorf("keeping how the last run ended: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		err = errors.Join(debug.SetCrashOutput(f, debug.CrashOptions{}), f.Close()) // it has a duplicate
	}
	if err != nil {
		return before, nil, fmt.Errorf("preparing for a crash: %w", err)
	}
	return before, func() error {
		return errors.Join(debug.SetCrashOutput(nil, debug.CrashOptions{}), os.Remove(path))
	}, nil
}

// keepCrash gives a trace a name of its own, by the time at which it was written, and removes old
// ones.
func keepCrash(path string) (*Crash, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	trace, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(path, ".txt")
	kept := base + "-" + info.ModTime().UTC().Format("20060102-150405") + ".txt"
	if err := os.Rename(path, kept); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Dir(path)) // sorted; the directory's own name may look like a pattern
	var list []string
	for _, e := range entries {
		if name := e.Name(); strings.HasPrefix(name, filepath.Base(base)+"-") && strings.HasSuffix(name, ".txt") {
			list = append(list, filepath.Join(filepath.Dir(path), name))
		}
	}
	for _, old := range list[:max(0, len(list)-crashesKept)] {
		err = errors.Join(err, os.Remove(old))
	}
	what, disk := lastWords(trace)
	return &Crash{kept, what, disk}, err
}

// lastWords says what a trace begins with, and whether the first of its goroutines, the one that
// failed, was in a database.
func lastWords(trace []byte) (what string, disk bool) {
	first, rest, _ := bytes.Cut(bytes.TrimSpace(trace), []byte("\n"))
	_, goroutine, _ := bytes.Cut(rest, []byte("\ngoroutine "))
	goroutine, _, _ = bytes.Cut(goroutine, []byte("\n\n"))
	disk = bytes.Contains(goroutine, []byte("dgraph-io/")) || bytes.Contains(rest, []byte("SIGBUS"))
	return strings.ToValidUTF8(string(first[:min(len(first), 200)]), "?"), disk
}
