package relays

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cairn/mailstore/testenv"
	"cairn/testnet"
)

// Config is what a Postfix does with the mail that it relays.
type Config struct {
	// NextHop is host:port of the SMTP server that gets all mail.
	NextHop string
	// Settings are further parameters of main.cf (postconf(5)).
	Settings map[string]string
	// Tables are the texts of lookup tables by their names. A setting refers
	// to one as "texthash:$config_directory/NAME", or regexp: likewise.
	Tables map[string]string
	// Services are further lines of master.cf (master(5)).
	Services []string
}

// Postfix is a running instance with a queue of its own.
type Postfix struct {
	Addr string // host:port where it takes mail for anybody

	dir string
	cmd *exec.Cmd

	mu    sync.Mutex
	log   []string      // lines
	grown chan struct{} // closed when log grows

	done chan struct{} // closed when nothing of it runs any more
	seen int           // lines of the log that AwaitSent is through with
}

// StartPostfix starts an instance and returns when it takes mail. It ends with
// the test; of a test that failed its log is shown.
func StartPostfix(t testing.TB, c Config) *Postfix {
	t.Helper()
	path := program(t, "postfix")
	p := &Postfix{Addr: testenv.FreeAddr(t), grown: make(chan struct{}), done: make(chan struct{})}
	p.layout(t)
	p.configure(t, c)

	p.cmd = exec.Command(path, "-c", filepath.Join(p.dir, "etc"), "start-fg")
	// It becomes the leader of a group, so that nothing of it is left behind.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	err = p.cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.stop(t) })
	go p.follow(out)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// It listens before it says so.
	if _, err := p.await(ctx, 0, "daemon started"); err != nil {
		t.Fatalf("start Postfix: %v", err)
	}
	return p
}

// Relay hands a message over for one recipient and returns when the next hop
// has taken it. One message is relayed at a time.
func (p *Postfix) Relay(ctx context.Context, from, to string, raw []byte) error {
	if err := testnet.SendOne(p.Addr, from, to, raw); err != nil {
		return fmt.Errorf("hand a message to Postfix: %w", err)
	}
	return p.AwaitSent(ctx, to)
}

// AwaitSent waits until the next hop has taken a message for the recipient, who
// was not waited for before. It is called from one goroutine.
func (p *Postfix) AwaitSent(ctx context.Context, to string) error {
	at, err := p.await(ctx, p.seen, "to=<"+to+">", "status=")
	if err != nil {
		return err
	}
	p.seen = at + 1
	p.mu.Lock()
	line := p.log[at]
	p.mu.Unlock()
	if !strings.Contains(line, "status=sent") {
		return fmt.Errorf("the next hop did not take the message: %s", line)
	}
	return nil
}

// AwaitLog waits until a line of the log has all of the words.
func (p *Postfix) AwaitLog(ctx context.Context, words ...string) error {
	_, err := p.await(ctx, 0, words...)
	return err
}

// follow keeps what Postfix logs.
func (p *Postfix) follow(out io.ReadCloser) {
	defer out.Close()
	for sc := bufio.NewScanner(out); sc.Scan(); {
		p.mu.Lock()
		p.log = append(p.log, sc.Text())
		close(p.grown)
		p.grown = make(chan struct{})
		p.mu.Unlock()
	}
	close(p.done)
}

// await returns the number of the first line of the log that has all of the
// words, from line number seen on.
func (p *Postfix) await(ctx context.Context, seen int, words ...string) (int, error) {
	for {
		p.mu.Lock()
		fresh, grown := p.log[seen:], p.grown
		p.mu.Unlock()
		at := slices.IndexFunc(fresh, func(line string) bool {
			return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) })
		})
		if at >= 0 {
			return seen + at, nil
		}
		seen += len(fresh)
		select {
		case <-grown:
		case <-p.done:
			return 0, fmt.Errorf("Postfix has ended; its log:\n%s", p.Log())
		case <-ctx.Done():
			return 0, fmt.Errorf("wait for %q in Postfix's log: %w", words, ctx.Err())
		}
	}
}

// Log is what Postfix has logged.
func (p *Postfix) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.log, "\n")
}

// Used is the processor time that its processes have used, those that have ended too.
func (p *Postfix) Used() time.Duration {
	const tick = time.Second / 100 // USER_HZ, see proc(5)
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0
	}
	var ticks int64
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		_, after, _ := strings.Cut(string(stat), ") ")
		f := strings.Fields(after) // from the third field of proc_pid_stat(5)
		if err != nil || len(f) < 15 || f[2] != strconv.Itoa(p.group()) {
			continue
		}
		for _, n := range f[11:15] { // utime, stime, cutime, cstime
			used, err := strconv.ParseInt(n, 10, 64)
			if err != nil {
				return 0
			}
			ticks += used
		}
	}
	return time.Duration(ticks) * tick
}

// group is the process group of all that runs of it.
func (p *Postfix) group() int {
	pid, err := os.ReadFile(filepath.Join(p.dir, "queue/pid/master.pid"))
	if n, nerr := strconv.Atoi(strings.TrimSpace(string(pid))); err == nil && nerr == nil && n > 1 {
		return n
	}
	return p.cmd.Process.Pid
}

// stop ends all processes and waits until none of them logs any more.
func (p *Postfix) stop(t testing.TB) {
	group := p.group()
	syscall.Kill(-group, syscall.SIGTERM)
	late := time.AfterFunc(patience, func() {
		syscall.Kill(-group, syscall.SIGKILL)
		syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	})
	p.cmd.Wait()
	<-p.done
	if !late.Stop() {
		t.Errorf("Postfix did not end within %s", patience)
	}
	if t.Failed() {
		t.Logf("Postfix's log:\n%s", p.Log())
	}
}
