package testnet_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"cairn/mailstore/testenv"
	"cairn/testnet"
)

// TestSyncedBefore250 looks at a node's system calls while it takes a mail on each listener: after
// the end of the text was read and before the 250 is written, the value log that has the text is
// synced, and after it the write-ahead log that names it.
func TestSyncedBefore250(t *testing.T) {
	strace := testenv.Program(t, "strace", "strace")
	p := newProcess(t, "alpha.test", "off", nil) // no block comes, with which it would sync too
	cairn(t, "--dir", p.dir, "account", "add", "alice")
	s, err := p.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for listener, addr := range map[string]string{"submission": s.Listen.Submission, "inbound": s.Listen.Inbound} {
		t.Run(listener, func(t *testing.T) {
			end := "the end of the text at " + listener
			calls := traced(t, strace, p.cmd.Process.Pid, func() {
				text := strings.Repeat("text that is long enough for the value log\n", 100) + end + "\n"
				raw := testnet.Compose("alice@alpha.test", "alice@alpha.test", "synced", text)
				if err := testnet.SendOne(addr, "alice@alpha.test", "alice@alpha.test", raw); err != nil {
					t.Fatal(err)
				}
			})
			syncedBetween(t, calls, mapped(t, p.cmd.Process.Pid, filepath.Join(p.dir, "mail")), end)
		})
	}
}

// syncedBetween holds system calls to the order that a durable 250 has.
func syncedBetween(t *testing.T, calls []systemCall, files []mapping, end string) {
	t.Helper()
	read, answered := -1, -1
	for _, c := range calls {
		switch {
		case c.name == "read" && strings.Contains(c.text, end):
			read = c.ended
		case c.name == "write" && strings.Contains(c.text, `"250 2.0.0 accepted and stored`):
			answered = c.begun
		}
	}
	if read < 0 || answered < read {
		t.Fatalf("the end of the text was read at line %d of the trace, and answered at %d", read, answered)
	}
	at := read
	for _, kind := range []string{".vlog", ".mem"} {
		found := false
		for _, c := range calls {
			if c.name == "msync" && c.begun > at && c.ended < answered && strings.Contains(c.text, "MS_SYNC") && c.returned == "0" &&
				strings.HasSuffix(fileAt(files, c.text), kind) {
				at, found = c.ended, true
				break
			}
		}
		if !found {
			t.Errorf("no *%s is synced between lines %d and %d of the trace:\n%s", kind, at, answered, told(calls))
		}
	}
}

// systemCall is one; begun and ended are lines of the trace.
type systemCall struct {
	name, text, returned string
	begun, ended         int
}

func told(calls []systemCall) string {
	var b strings.Builder
	for _, c := range calls {
		fmt.Fprintf(&b, "%d-%d %.150s = %s\n", c.begun, c.ended, c.text, c.returned)
	}
	return b.String()
}

// traced returns the system calls that a process makes while do runs.
func traced(t *testing.T, strace string, pid int, do func()) []systemCall {
	t.Helper()
	out := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(strace, "-f", "-s", "65536", "-e", "trace=read,write,msync", "-o", out, "-p", strconv.Itoa(pid))
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(errs)
	if !lines.Scan() || !strings.Contains(lines.Text(), "attached") {
		cmd.Wait()
		t.Fatalf("strace does not attach: %s", lines.Text())
	}
	do()
	cmd.Process.Signal(syscall.SIGINT)
	for lines.Scan() {
	}
	cmd.Wait() // it ends by the signal
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return callsOf(string(raw))
}

var (
	unfinished = regexp.MustCompile(`^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$`)
	resumed    = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (\S+)`)
	complete   = regexp.MustCompile(`^(\d+) +(\w+)\((.*)\) += (\S+)`)
)

// callsOf reads a trace of several threads.
func callsOf(trace string) []systemCall {
	var calls []systemCall
	open := make(map[string]systemCall) // by thread
	for i, line := range strings.Split(trace, "\n") {
		if m := unfinished.FindStringSubmatch(line); m != nil {
			open[m[1]] = systemCall{name: m[2], text: m[3], begun: i}
		} else if m := resumed.FindStringSubmatch(line); m != nil {
			c := open[m[1]]
			c.text, c.returned, c.ended = c.text+m[3], m[4], i
			calls = append(calls, c)
		} else if m := complete.FindStringSubmatch(line); m != nil {
			calls = append(calls, systemCall{name: m[2], text: m[3], returned: m[4], begun: i, ended: i})
		}
	}
	return calls
}

// mapping is a file in the memory of a process.
type mapping struct {
	from, to uint64
	path     string
}

// mapped returns the files of a folder that a process has in its memory.
func mapped(t *testing.T, pid int, dir string) (files []mapping) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(maps), "\n") {
		f := strings.Fields(line)
		if len(f) < 6 || !strings.HasPrefix(f[5], dir) {
			continue
		}
		var m mapping
		if _, err := fmt.Sscanf(f[0], "%x-%x", &m.from, &m.to); err != nil {
			t.Fatal(err)
		}
		m.path = f[5]
		files = append(files, m)
	}
	return files
}

// fileAt is the file that the arguments of a call begin with the address of; empty: none.
func fileAt(files []mapping, args string) string {
	first, _, _ := strings.Cut(args, ",")
	at, err := strconv.ParseUint(first, 0, 64)
	for _, m := range files {
		if err == nil && m.from <= at && at < m.to {
			return m.path
		}
	}
	return ""
}
