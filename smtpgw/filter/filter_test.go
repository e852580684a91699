//go:build unix

package filter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cairn/mailstore/scratch"
	"cairn/mailstore/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(scratch.InMemory(m)) }

const letter = "From: a@a.example\r\nSubject: s\r\n\r\ntext\r\n"

// script is a command of shell text.
func script(text string, timeout time.Duration) *Command {
	return New([]string{"/bin/sh", "-c", text}, timeout, 1<<20, 2)
}

func TestRun(t *testing.T) {
	for _, tt := range []struct {
		name, text, want, fault string
	}{
		{"as it is", "cat", letter, ""},
		{"changed", "sed s/text/other/", strings.Replace(letter, "text", "other", 1), ""},
		{"nothing", "cat >/dev/null", "", ""},
		{"input not read", "echo done", "done\n", ""},
		{"environment", "cat >/dev/null; env -u PWD -u SHLVL -u _ -u OLDPWD | sort", fmt.Sprintf("CAIRN_A=b c\nLANG=C.UTF-8\nPATH=/usr/local/bin:/usr/bin:/bin\nTMPDIR=%s\n", os.TempDir()), ""},
		{"place", "pwd", "/\n", ""},
		{"later", "echo no; exit 75", "", ErrLater.Error()},
		{"refused", "echo; echo ' no macros here ' >&2; echo more >&2; exit 77", "", "refuses the message: no macros here"},
		{"refused without a word", "exit 77", "", "refuses the message: "},
		{"failed", "echo half; echo 'out of ideas' >&2; exit 1", "", `exit status 1; it says "out of ideas"`},
		{"killed by itself", "kill -9 $$", "", "signal: killed"},
		{"endless", "yes", "", "more than 1048576 octets"},
		{"wordy", "head -c 100000 /dev/zero | tr '\\0' y >&2; exit 1", "", `it says "yyyy`},
		{"left behind", "sleep 600 & echo done", "", "WaitDelay expired"},
	} {
		got, err := script(tt.text, 20*time.Second).Run(t.Context(), []byte(letter), []string{"CAIRN_A=b c"})
		if tt.fault != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fault) || got != nil {
				t.Errorf("%s: %q, %v; want %s", tt.name, got, err, tt.fault)
			}
			continue
		}
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
}

// TestKinds: callers tell the two answers of a program from its faults.
func TestKinds(t *testing.T) {
	_, err := script("exit 75", time.Minute).Run(t.Context(), nil, nil)
	if !errors.Is(err, ErrLater) {
		t.Error(err)
	}
	var refusal *Refusal
	if _, err = script("echo no >&2; exit 77", time.Minute).Run(t.Context(), nil, nil); !errors.As(err, &refusal) || refusal.Text != "no" {
		t.Error(err)
	}
	if _, err = script("exit 78", time.Minute).Run(t.Context(), nil, nil); err == nil || errors.As(err, &refusal) || errors.Is(err, ErrLater) {
		t.Error(err)
	}
	if _, err = New([]string{"/no/such/program"}, time.Minute, 1, 1).Run(t.Context(), nil, nil); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
	if _, err = script("cat", time.Minute).Run(t.Context(), nil, []string{"A=\x00"}); err == nil {
		t.Error("a NUL went into the environment")
	}
}

// TestTimeout: at the time limit the program ends, and all that it started.
func TestTimeout(t *testing.T) {
	alive := filepath.Join(t.TempDir(), "alive") // held open by all processes
	if err := syscall.Mkfifo(alive, 0o600); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		b, err := os.ReadFile(alive) // ends when nobody holds it any more
		if err == nil && string(b) != "started\n" {
			err = fmt.Errorf("read %q", b)
		}
		ended <- err
	}()
	text := fmt.Sprintf("exec 3> %s; echo started >&3; trap '' TERM; sleep 600 & sleep 600", alive)
	_, err := script(text, 2*time.Second).Run(t.Context(), []byte(letter), nil)
	if err == nil || !strings.Contains(err.Error(), "did not end within 2s") {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("something runs on")
	}
}

// TestCancel: who stops the node waits for no program.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	started := filepath.Join(t.TempDir(), "started")
	if err := syscall.Mkfifo(started, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	c := New([]string{"/bin/sh", "-c", "echo > " + started + "; sleep 600"}, time.Hour, 1<<20, 1)
	go func() {
		_, err := c.Run(ctx, nil, nil)
		done <- err
	}()
	if _, err := os.ReadFile(started); err != nil { // until the program runs
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := c.Run(ctx, nil, nil)
		waiting <- err
	}()
	cancel()
	for _, ch := range []chan error{done, waiting} {
		if err := <-ch; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// TestBusy: no more than so many run at one time, and nobody waits for ever.
func TestBusy(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	slow := New([]string{"/bin/sh", "-c", "cat " + fifo}, time.Minute, 1<<20, 1)
	done := make(chan error, 1)
	go func() {
		_, err := slow.Run(context.Background(), nil, nil)
		done <- err
	}()
	w, err := os.OpenFile(fifo, os.O_WRONLY, 0) // until it is being read
	if err != nil {
		t.Fatal(err)
	}
	impatient := &Command{argv: slow.argv, timeout: 50 * time.Millisecond, limit: 1, slots: slow.slots}
	if _, err := impatient.Run(t.Context(), nil, nil); err == nil || !strings.Contains(err.Error(), "1 of it were running") {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestLargeMessage: a program that reads all before it writes, and one that reads nothing, get
// along with a message that fits into no pipe.
func TestLargeMessage(t *testing.T) {
	large := bytes.Repeat([]byte(letter), 20000)
	for text, want := range map[string]int{"cat": len(large), "sort": len(large), "true": 0, "exec <&-; echo ok": 3} {
		c := New([]string{"/bin/sh", "-c", text}, time.Minute, int64(len(large)), 1)
		got, err := c.Run(t.Context(), large, nil)
		if err != nil || len(got) != want {
			t.Errorf("%s: %d octets, %v; want %d", text, len(got), err, want)
		}
	}
}

// TestAltermime puts a disclaimer under a message with a program that is made for it.
func TestAltermime(t *testing.T) {
	program := testenv.Program(t, "altermime", "altermime")
	words := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(words, []byte("For the reader's eyes.\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := New([]string{program, "--input=-", "--disclaimer=" + words}, time.Minute, 1<<20, 1)
	got, err := c.Run(t.Context(), []byte(letter), nil)
	if err != nil || !strings.Contains(string(got), "text\r\nFor the reader's eyes.") {
		t.Errorf("%q, %v", got, err)
	}
}
