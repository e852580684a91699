package filter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Exit codes of a program (sysexits.h: EX_TEMPFAIL, EX_NOPERM).
const (
	exitLater  = 75
	exitRefuse = 77
)

// maxReason bounds what is kept of standard error, in octets.
const maxReason = 2 << 10

// straggling is how long somebody may still hold the output of a program that has ended.
const straggling = time.Second

// ErrLater says that the program wants to see the message again later.
var ErrLater = errors.New("the filter asks to come again later")

// Refusal says that the program refuses the message. Text is the first line of its standard error,
// as it wrote it; empty if it gave no reason.
type Refusal struct{ Text string }

func (r *Refusal) Error() string { return "the filter refuses the message: " + r.Text }

// Command is a program with its arguments. It may run many times at once.
type Command struct {
	argv    []string
	timeout time.Duration
	limit   int64
	slots   chan struct{}
}

// New returns a command: argv is the absolute path of the program and its arguments, timeout how
// long it may take for a message, limit how many octets it may put out, and parallel how many run
// at one time; further messages wait, no longer than timeout.
func New(argv []string, timeout time.Duration, limit int64, parallel int) *Command {
	return &Command{argv: argv, timeout: timeout, limit: limit, slots: make(chan struct{}, parallel)}
}

// String is the path of the program.
func (c *Command) String() string { return c.argv[0] }

// Run gives a message to the program, with environ ("NAME=value") in its environment beside PATH,
// LANG and TMPDIR, and nothing else. It returns what the program puts out. An error is ErrLater, a
// *Refusal, or says what is wrong with the program; of a context that is done it wraps that.
func (c *Command) Run(ctx context.Context, message []byte, environ []string) ([]byte, error) {
	whole, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-whole.Done():
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%d of it were running for %v; it is too slow for the mail that comes in", cap(c.slots), c.timeout)
	}
	return c.run(ctx, message, environ)
}

func (c *Command) run(ctx context.Context, message []byte, environ []string) ([]byte, error) {
	out, err := Execute(ctx, c.argv, message, environ, c.timeout, c.limit)
	if err == nil {
		return out, nil
	}
	if failed, ok := errors.AsType[*Failure](err); ok {
		switch failed.Code {
		case exitLater:
			return nil, ErrLater
		case exitRefuse:
			return nil, &Refusal{Text: failed.Says}
		}
	}
	return nil, err
}

// Failure is how a program ended that was not killed.
type Failure struct {
	Code int    // its exit code; -1: it did not run, or has none
	Says string // the first line of its standard error
	Err  error
}

func (f *Failure) Error() string {
	if f.Says != "" {
		return fmt.Sprintf("%v; it says %q", f.Err, f.Says)
	}
	return f.Err.Error() + ", without a word on standard error"
}

func (f *Failure) Unwrap() error { return f.Err }

// Execute runs a program to its end, without a shell, in a process group of its own: argv is its
// absolute path with its arguments, input what it is given to read, environ ("NAME=value") what its
// environment has beside PATH, LANG and TMPDIR. It is killed after timeout, when it has put out
// more than limit octets, and when ctx is done. What it put out comes also with a *Failure; other
// errors say why it was killed, or wrap that of ctx.
func Execute(parent context.Context, argv []string, input []byte, environ []string, timeout time.Duration, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(parent, timeout)
	defer cancel()
	out := &capped{room: limit, full: cancel}
	reason := &head{room: maxReason}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = "/"
	cmd.Env = append([]string{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "TMPDIR=" + os.TempDir()}, environ...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), out, reason
	cmd.WaitDelay = straggling
	ownGroup(cmd)
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		killGroup(cmd)
	}
	switch {
	case out.over:
		return nil, fmt.Errorf("it put out more than %d octets and was killed", limit)
	case parent.Err() != nil:
		return nil, parent.Err()
	case ctx.Err() != nil:
		return nil, fmt.Errorf("it did not end within %v and was killed", timeout)
	case err == nil:
		return out.b.Bytes(), nil
	}
	failed := &Failure{Code: -1, Says: FirstLine(reason.b), Err: err}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		failed.Code = exit.ExitCode()
	}
	return out.b.Bytes(), failed
}

// capped keeps what is written while there is room, then calls full.
type capped struct {
	b    bytes.Buffer
	room int64
	over bool
	full func()
}

func (c *capped) Write(p []byte) (int, error) {
	if int64(c.b.Len()+len(p)) > c.room {
		c.over = true
		c.full()
		return 0, errors.New("too much output")
	}
	return c.b.Write(p)
}

// head keeps the beginning of what is written.
type head struct {
	b    []byte
	room int
}

func (h *head) Write(p []byte) (int, error) {
	h.b = append(h.b, p[:min(len(p), h.room-len(h.b))]...)
	return len(p), nil
}

// FirstLine is the first line of a text with something on it.
func FirstLine(text []byte) string {
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}
