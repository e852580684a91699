package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ending is a test that ends where it fails, and notes what is shown of it then.
type ending struct {
	noting
	ctx   context.Context
	over  []func()
	shown string
}

type ended struct{}

func (e *ending) Fatalf(format string, a ...any) { e.noting.Fatalf(format, a...); panic(ended{}) }
func (e *ending) Logf(format string, a ...any)   { e.shown += fmt.Sprintf(format, a...) }
func (e *ending) Failed() bool                   { return e.failed != "" }
func (e *ending) Context() context.Context       { return e.ctx }
func (e *ending) Cleanup(f func())               { e.over = append(e.over, f) }

// run runs what is such a test.
func (e *ending) run(test func()) {
	defer func() {
		if r := recover(); r != nil && r != (ended{}) {
			panic(r)
		}
		for _, f := range e.over {
			f()
		}
	}()
	test()
}

// A server is there until it is stopped, or the test is over.
func TestServe(t *testing.T) {
	for _, stops := range []bool{true, false} {
		mark := filepath.Join(t.TempDir(), "ready")
		cmd := exec.Command("/bin/sh", "-c", `: > "$0"; exec sleep 600`, mark)
		e := &ending{ctx: t.Context()}
		e.run(func() {
			stop := Serve(e, cmd, func(context.Context) error {
				_, err := os.Stat(mark)
				return err
			})
			if stops {
				stop()
			}
			if is := cmd.ProcessState != nil; is != stops {
				t.Errorf("stopped: %v, and it has ended: %v", stops, is)
			}
		})
		if cmd.ProcessState == nil || e.failed != "" {
			t.Errorf("stopped: %v; after the test: %v, %s", stops, cmd.ProcessState, e.failed)
		}
	}
}

// One that ends before it is ready fails the test at once, with what it said.
func TestServeWhatEnds(t *testing.T) {
	e := &ending{ctx: t.Context()}
	e.run(func() {
		Serve(e, exec.Command("/bin/sh", "-c", "echo no such zone >&2; exit 3"), func(context.Context) error { return errors.New("not ready") })
	})
	if e.failed != "sh has ended: exit status 3" || !strings.Contains(e.shown, "no such zone") {
		t.Errorf("%q, %q", e.failed, e.shown)
	}
}

func TestFreeAddrs(t *testing.T) {
	seen := make(map[string]bool)
	for _, addr := range FreeAddrs(t, 50) {
		if seen[addr] {
			t.Errorf("%s is given twice", addr)
		}
		seen[addr] = true
		if Connects("tcp", addr)(t.Context()) == nil {
			t.Errorf("somebody listens at %s", addr)
		}
	}
}
