package testnet_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cairn/node/api"
	"cairn/testnet"
)

// process is one organisation's node in a process of its own, driven by the
// command line as an administrator would.
type process struct {
	t      *testing.T
	dir    string
	domain string
	*api.Client
	cmd    *exec.Cmd
	stderr *log
	logs   []*log      // of all its runs
	status *api.Status // at the start
	clock  string      // the file that says how wrong its clock is
	killAt string      // the line of its log that ends it; see killAt
}

// log is what a process has written so far.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const (
	startTime = 30 * time.Second       // a node must serve within
	settle    = 2 * time.Minute        // what is awaited must happen within
	look      = 50 * time.Millisecond  // between two looks at a process
	blockTime = 200 * time.Millisecond // of the networks below
	share     = "2%"                   // of a core that a node which mines has for it
)

// cairn runs one command to its end and returns its standard output.
func cairn(t *testing.T, args ...string) string {
	t.Helper()
	out, stderr, code := runCairn(t, args...)
	if code != 0 {
		t.Fatalf("cairn %s: exit code %d\n%s", strings.Join(args, " "), code, stderr)
	}
	return out
}

// cairnFails runs a command that is to fail, and returns what it says.
func cairnFails(t *testing.T, args ...string) (stderr string, code int) {
	t.Helper()
	_, stderr, code = runCairn(t, args...)
	if code == 0 {
		t.Fatalf("cairn %s does not fail", strings.Join(args, " "))
	}
	return stderr, code
}

func runCairn(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCairn+"=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out)), errs.String(), cmd.ProcessState.ExitCode()
}

// newProcess makes the node of a domain; founder is nil for the first one, whose
// network is made with these further arguments.
func newProcess(t *testing.T, domain, mine string, founder *process, network ...string) *process {
	t.Helper()
	p := &process{t: t, dir: filepath.Join(t.TempDir(), "n"), domain: domain}
	p.make(mine, founder, network...)
	p.begin()
	return p
}

// make makes the node's directory, of the founder's network or of one of its own.
func (p *process) make(mine string, founder *process, network ...string) {
	p.t.Helper()
	if founder == nil {
		p.init(mine, append([]string{"--network", "local", "--block-time", blockTime.String()}, network...)...)
		return
	}
	p.init(mine)
	cairn(p.t, "--dir", p.dir, "join", cairn(p.t, "--dir", founder.dir, "org", "invite"))
}

// init makes the directory of a node that is in no network yet, unless the
// arguments found one.
func (p *process) init(mine string, network ...string) {
	p.t.Helper()
	cairn(p.t, append([]string{
		"--dir", p.dir, "init", "--domain", p.domain, "--mine", mine,
		"--submission", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--p2p", "/ip4/127.0.0.1/tcp/" + freePort(p.t),
	}, network...)...)
}

// begin starts the node, which ends with the test.
func (p *process) begin() {
	p.t.Helper()
	p.t.Cleanup(func() {
		if p.cmd != nil {
			p.cmd.Process.Signal(syscall.SIGCONT)
			p.kill()
		}
		if p.t.Failed() && p.stderr != nil {
			log := p.stderr.String()
			p.t.Logf("the end of %s's log:\n%s", p.domain, log[max(0, len(log)-4000):])
		}
	})
	p.start()
}

// freePort finds a port for a node that others shall find again after it was restarted. It is none
// of those that systems give to connections, Linux from 32768 on: one of these might have it before
// the node.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(12000 + rand.IntN(20000))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

// start runs the node, with these further arguments, until it says that it serves.
func (p *process) start(args ...string) {
	p.t.Helper()
	p.cmd = exec.Command(os.Args[0], append([]string{"--dir", p.dir, "run"}, args...)...)
	p.cmd.Env = append(os.Environ(), asCairn+"=1")
	if p.clock != "" {
		p.cmd.Env = append(p.cmd.Env, clockFile+"="+p.clock)
	}
	if p.killAt != "" {
		p.cmd.Env = append(p.cmd.Env, killAt+"="+p.killAt)
	}
	p.stderr = new(log)
	p.logs = append(p.logs, p.stderr)
	p.cmd.Stderr = p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	late := time.AfterFunc(startTime, func() { p.cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if !late.Stop() || err != nil {
		p.t.Fatalf("the node of %s does not serve: %q, %v\n%s", p.domain, line, err, p.stderr.String())
	}
	p.Client = api.NewClient(p.dir)
	if p.status, err = p.Status(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

// stop asks the node to end and waits until it has.
func (p *process) stop() {
	p.t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("the node of %s did not end well: %v\n%s", p.domain, err, p.stderr.String())
	}
	p.Client.Close()
	p.cmd = nil
}

// kill ends the node as a power cut ends it for the program.
func (p *process) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
	if p.Client != nil { // else it never served
		p.Client.Close()
	}
	p.cmd = nil
}

// await looks at the node until ok says that it has come to that state.
func (p *process) await(what string, ok func(*api.Status) bool) {
	p.t.Helper()
	p.awaitWithin(settle, what, ok)
}

// awaitWithin is await with another limit.
func (p *process) awaitWithin(limit time.Duration, what string, ok func(*api.Status) bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		s, err := p.Status(ctx)
		if err == nil && ok(s) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.t.Fatalf("%s: %s did not happen within %s: %+v, %v", p.domain, what, limit, s, err)
		}
	}
}

// count is how many messages a query finds.
func (p *process) count(query string) int {
	p.t.Helper()
	r, err := p.Search(p.t.Context(), api.SearchRequest{Query: query, Limit: 1})
	if err != nil {
		p.t.Fatal(err)
	}
	return r.Total
}

// watchMemory returns the most memory that the node's process has until ctx is done.
func (p *process) watchMemory(ctx context.Context, memory func(pid int) int64) (most int64) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		most = max(most, memory(p.cmd.Process.Pid))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return most
		}
	}
}

// residentOf is how many bytes of a process are in memory, with what it has mapped of its files; 0
// where that is not known.
func residentOf(pid int) int64 { return memoryOf(pid, "VmRSS:") }

// anonymousOf is how many of them are its own, and in no file from which the system can read them
// again.
func anonymousOf(pid int) int64 { return memoryOf(pid, "RssAnon:") }

func memoryOf(pid int, field string) int64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), field); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n << 10
		}
	}
	return 0
}

// givesBack waits a minute for a node's memory to be that many bytes or less.
func (p *process) givesBack(most int64, memory func(pid int) int64) {
	p.t.Helper()
	began := time.Now()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for memory(p.cmd.Process.Pid) > most {
		if time.Since(began) > time.Minute {
			p.t.Fatalf("%s keeps %d MB, %d of them not of files", p.domain, residentOf(p.cmd.Process.Pid)>>20, anonymousOf(p.cmd.Process.Pid)>>20)
		}
		<-tick.C
	}
}

// trustAll makes every node trust every other, enrolled or not yet.
func trustAll(t *testing.T, list ...*process) {
	t.Helper()
	for _, p := range list {
		for _, q := range list {
			if p != q {
				cairn(t, "--dir", p.dir, "org", "trust", q.domain, q.status.Org.Key, "--even-so")
			}
		}
	}
}

// newPair starts the nodes of two members, alice's and bob's, that trust each other and both mine.
func newPair(t *testing.T, network ...string) (a, b *process) {
	t.Helper()
	a = newProcess(t, "alpha.test", share, nil, network...)
	b = newProcess(t, "bravo.test", share, a)
	cairn(t, "--dir", a.dir, "account", "add", "alice")
	cairn(t, "--dir", b.dir, "account", "add", "bob")
	trustAll(t, a, b)
	members(2, a, b)
	return a, b
}

// members waits until every node sees n organisations, well below the tip.
func members(n int, list ...*process) {
	for _, p := range list {
		var since uint64
		p.await(fmt.Sprintf("%d organisations on the chain", n), func(s *api.Status) bool {
			if s.Chain.Orgs < n {
				return false
			}
			if since == 0 {
				since = s.Chain.Height
			}
			return s.Chain.Height >= since+3
		})
	}
}

// TestCatchUp stops a node that has pending mail for 50 blocks. The only miner
// is frozen while the mail is sent, so it is pending for certain.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	a := newProcess(t, "alpha.test", share, nil)
	b := newProcess(t, "bravo.test", "off", a)
	c := newProcess(t, "charlie.test", "off", a)
	cairn(t, "--dir", b.dir, "account", "add", "bob")
	cairn(t, "--dir", c.dir, "account", "add", "carol")
	trustAll(t, a, b, c)
	members(3, a, b, c)
	for _, p := range []*process{b, c} {
		p.await("a connection to both others", func(s *api.Status) bool { return s.Peers == 2 })
	}

	a.cmd.Process.Signal(syscall.SIGSTOP)
	mail := testnet.Compose("bob@bravo.test", "carol@charlie.test", "meanwhile", "while you were out\n")
	if err := testnet.SendOne(b.status.Listen.Submission, "bob@bravo.test", "carol@charlie.test", mail); err != nil {
		t.Fatal(err)
	}
	var left uint64
	c.await("a pending mail", func(s *api.Status) bool {
		left = s.Chain.Height
		return s.Mail.Pending == 1
	})
	c.stop()
	a.cmd.Process.Signal(syscall.SIGCONT)
	a.await("50 more blocks", func(s *api.Status) bool { return s.Chain.Height >= left+50 })

	c.start()
	c.await("no pending mail", func(s *api.Status) bool { return s.Mail.Pending == 0 })
	if n := c.count("subject:meanwhile verdict:verified label:inbox"); n != 1 {
		t.Errorf("after the node caught up %d mails are verified, want 1", n)
	}
	target, err := a.ChainStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.await("the height of the others", func(s *api.Status) bool { return s.Chain.Height >= target.Height })
	b.await("the sender's copy recorded", func(*api.Status) bool { return b.count("subject:meanwhile label:recorded") == 1 })
}

// oldCopy starts the node of b from a copy of its directory that does not know
// what it has signed since, and sends a mail from there to a.
func oldCopy(t *testing.T, network ...string) (a, b *process) {
	t.Helper()
	a, b = newPair(t, network...)
	send := func(subject string) {
		t.Helper()
		raw := testnet.Compose("bob@bravo.test", "alice@alpha.test", subject, "signed once\n")
		if err := testnet.SendOne(b.status.Listen.Submission, "bob@bravo.test", "alice@alpha.test", raw); err != nil {
			t.Fatal(err)
		}
	}

	b.stop()
	old := filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old, os.DirFS(b.dir)); err != nil {
		t.Fatal(err)
	}
	b.start()
	send("after the copy")
	a.await("the mail", func(*api.Status) bool { return a.count("subject:copy verdict:verified") == 1 })
	b.stop()
	if err := errors.Join(os.RemoveAll(b.dir), os.Rename(old, b.dir)); err != nil {
		t.Fatal(err)
	}

	b.start()
	send("from the old one")
	return a, b
}

// TestOldCopy holds that a node which runs from an old copy goes on: it signs in
// another epoch, so nothing is signed twice.
func TestOldCopy(t *testing.T) {
	t.Parallel()
	a, _ := oldCopy(t)
	a.await("both mails", func(*api.Status) bool { return a.count("verdict:verified label:inbox from:bob") == 2 })
}

// TestOldCopyWithoutEpochs holds that where recorder keys have no epochs such a
// node signs nothing.
func TestOldCopyWithoutEpochs(t *testing.T) {
	inCI(t)
	t.Parallel()
	a, b := oldCopy(t, "--params", "1")
	b.await("a refusal to sign", func(s *api.Status) bool { return strings.Contains(s.Mail.Halted, "the signing state does not know") })
	target, err := a.ChainStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.await("5 more blocks", func(s *api.Status) bool { return s.Chain.Height >= target.Height+5 })
	if n := a.count("subject:old"); n != 0 {
		t.Errorf("%d mails left the old copy", n)
	}
	if s, err := b.Status(t.Context()); err != nil || s.Mail.Unsealed != 1 {
		t.Errorf("status of the old copy: %+v, %v", s, err)
	}
}

// TestKillInBurst kills the sender's and the receiver's node in the middle of
// a burst. What got its 250 is there afterwards, exactly once, and in a block.
func TestKillInBurst(t *testing.T) {
	inCI(t)
	t.Parallel()
	const burst = 1000
	a, b := newPair(t)

	accepted := make(map[int]bool)
	var c *testnet.Client
	for i := range burst {
		switch i {
		case burst / 3, burst / 2:
			a.kill()
			a.start()
		case burst * 2 / 3:
			b.kill()
			b.start()
		}
		if c == nil {
			var err error
			if c, err = testnet.DialSMTP(a.status.Listen.Submission); err != nil {
				t.Fatal(err)
			}
		}
		subject := fmt.Sprintf("burst n%d", i)
		raw := testnet.Compose("alice@alpha.test", "bob@bravo.test", subject, "one of many\n")
		switch err := c.Send("alice@alpha.test", []string{"bob@bravo.test"}, raw); {
		case err == nil:
			accepted[i] = true
		case i == burst/3 || i == burst/2: // the connection died with the node
			c.Close()
			c = nil
		default:
			t.Fatalf("message %d: %v", i, err)
		}
	}
	c.Quit()
	t.Logf("%d of %d messages got their 250", len(accepted), burst)
	if len(accepted) < burst-10 {
		t.Fatalf("only %d messages got their 250", len(accepted))
	}

	a.await("an empty queue", func(s *api.Status) bool { return s.Mail.Queued == 0 })
	b.await("no pending mail", func(s *api.Status) bool { return s.Mail.Pending == 0 })
	got := make(map[string]int)
	for offset := 0; ; offset += 500 {
		r, err := b.Search(t.Context(), api.SearchRequest{Query: "subject:burst verdict:verified", Limit: 500, Offset: offset})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range r.Messages {
			got[m.Subject]++
		}
		if len(r.Messages) < 500 {
			break
		}
	}
	for i := range accepted {
		if n := got[fmt.Sprintf("burst n%d", i)]; n != 1 {
			t.Errorf("message %d, which got its 250, is there %d times and verified", i, n)
		}
	}
	for subject, n := range got {
		if n != 1 {
			t.Errorf("%q is there %d times", subject, n)
		}
	}
	if n, all := len(got), b.count("subject:burst"); n != all {
		t.Errorf("%d messages are verified of %d", n, all)
	}
}

// TestKnownPeers restarts two nodes without the one that invited both.
func TestKnownPeers(t *testing.T) {
	t.Parallel()
	a := newProcess(t, "alpha.test", share, nil)
	b := newProcess(t, "bravo.test", "off", a)
	c := newProcess(t, "charlie.test", "off", a)
	for _, p := range []*process{a, b, c} {
		p.await("a connection to both others", func(s *api.Status) bool { return s.Peers == 2 })
	}
	for _, p := range []*process{a, b, c} {
		p.stop()
	}
	b.start()
	c.start()
	for _, p := range []*process{b, c} {
		p.await("a connection to the other", func(s *api.Status) bool { return s.Peers == 1 })
	}
}
