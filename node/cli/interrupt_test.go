package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/node/api"
)

// A command that waits for standard input ends when it is interrupted.
func TestInterruptedWhileReading(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{
		{"send", "--from", "a@alpha.example", "--to", "b@beta.example"},
		{"send", "--raw", "-"},
		{"verify", "-"},
		{"join", "-"},
		{"message", "components", "-"},
		{"backup", "verify", "-"},
		{"backup", "restore", "-"},
	} {
		in, typing := io.Pipe()
		defer typing.Close()
		ctx, interrupt := context.WithCancel(t.Context())
		interrupt()
		var out, errs bytes.Buffer
		a := &app{in: in, out: &output{Writer: &out}, err: &errs}
		if code := a.run(ctx, append(args, "--dir", dir)); code != 130 || !strings.Contains(errs.String(), ": interrupted\n") {
			t.Errorf("%v: exit code %d: %s", args, code, errs.String())
		}
	}
}

func TestInterruptedWhileAsking(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var out, errs bytes.Buffer
	a := &app{out: &output{Writer: &out}, err: &errs}
	if code := a.run(ctx, []string{"status", "--dir", at(t, &desk{})}); code != 130 || !strings.Contains(errs.String(), "asking the node: interrupted\n") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

// closedPipe is a standard output that nobody reads any more.
func closedPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	r.Close()
	return w
}

func TestNodeStaysWhenNobodyReadsItsOutput(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "n")
	free := []string{"--submission", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--p2p", "/ip4/127.0.0.1/tcp/0", "--mine", "off"}
	code, _, errs := cairn(t, "", append([]string{"init", "--dir", dir, "--domain", "alpha.test", "--network", "local"}, free...)...)
	if code != 0 {
		t.Fatal(errs)
	}
	run := exec.CommandContext(t.Context(), "cairn", "run", "--dir", dir)
	run.Stdout, run.Stderr = closedPipe(t), closedPipe(t)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- run.Wait() }()
	client := api.NewClient(dir)
	defer client.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := client.Status(t.Context()); err == nil {
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("the node has ended: %v", err)
		case <-tick.C:
		}
	}
	run.Process.Signal(os.Interrupt)
	if err := <-ended; err != nil {
		t.Errorf("when interrupted: %v", err)
	}
}

func TestTestnetEndsWhenNobodyReadsItsOutput(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	run := exec.CommandContext(t.Context(), "cairn", "testnet")
	run.Stdout, run.Stderr = closedPipe(t), &errs
	tmp := t.TempDir()
	run.Env = append(os.Environ(), "TMPDIR="+tmp)
	err := run.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || !strings.Contains(errs.String(), "running the testnet: ") {
		t.Errorf("%v: %s", err, errs.String())
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
