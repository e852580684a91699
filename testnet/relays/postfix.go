package relays

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

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

// master is master.cf (master(5)): the services of a relay without local
// delivery, none of them in a chroot.
const master = `%s inet n - n - - smtpd
cleanup   unix n - n -    0 cleanup
qmgr      unix n - n 300  1 qmgr
rewrite   unix - - n -    - trivial-rewrite
bounce    unix - - n -    0 bounce
defer     unix - - n -    0 bounce
trace     unix - - n -    0 bounce
proxymap  unix - - n -    - proxymap
anvil     unix - - n -    1 anvil
scache    unix - - n -    1 scache
smtp      unix - - n -    - smtp
error     unix - - n -    - error
retry     unix - - n -    - error
postlog   unix-dgram n - n - 1 postlogd
`

// StartPostfix starts an instance and returns when it takes mail. It ends with
// the test; of a test that failed its log is shown.
func StartPostfix(t testing.TB, c Config) *Postfix {
	t.Helper()
	path := program(t, "postfix")
	p := &Postfix{Addr: freeAddr(t), grown: make(chan struct{}), done: make(chan struct{})}
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

// layout makes the directories that Postfix expects, with their owners, which
// spares it the check of a whole installation at each start.
func (p *Postfix) layout(t testing.TB) {
	t.Helper()
	var err error
	if p.dir, err = os.MkdirTemp("", "cairn-postfix-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(p.dir) })
	uid, gid := ids(t)
	mkdir := func(name string, mode os.FileMode, uid, gid int) {
		path := filepath.Join(p.dir, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		p.own(t, path, mode, uid, gid)
	}
	p.own(t, p.dir, 0o755, 0, 0) // Postfix's daemons run as its own user
	for _, name := range []string{"etc", "queue", "queue/pid"} {
		mkdir(name, 0o755, 0, 0)
	}
	mkdir("data", 0o700, uid, 0)
	for _, name := range []string{
		"active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
		"private", "saved", "trace",
	} {
		mkdir("queue/"+name, 0o700, uid, 0)
	}
	mkdir("queue/maildrop", 0o730, uid, gid)
	mkdir("queue/public", 0o710, uid, gid)
	p.write(t, "queue/quick-start", "")
}

// ids are the user and the group that Debian's package makes.
func ids(t testing.TB) (uid, gid int) {
	t.Helper()
	u, err := user.Lookup("postfix")
	if err != nil {
		t.Fatal(err)
	}
	g, err := user.LookupGroup("postdrop")
	if err != nil {
		t.Fatal(err)
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		t.Fatal(err)
	}
	if gid, err = strconv.Atoi(g.Gid); err != nil {
		t.Fatal(err)
	}
	return uid, gid
}

func (p *Postfix) own(t testing.TB, path string, mode os.FileMode, uid, gid int) {
	t.Helper()
	if err := os.Chown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// write makes a file that looks a minute old: Postfix waits for one that it
// finds just written.
func (p *Postfix) write(t testing.TB, name, text string) {
	t.Helper()
	path, past := filepath.Join(p.dir, name), time.Now().Add(-time.Minute)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, past, past); err != nil {
		t.Fatal(err)
	}
}

// configure writes main.cf, master.cf and the tables.
func (p *Postfix) configure(t testing.TB, c Config) {
	t.Helper()
	host, port, err := net.SplitHostPort(c.NextHop)
	if err != nil {
		t.Fatal(err)
	}
	main := map[string]string{
		"compatibility_level":    "3.6",
		"config_directory":       filepath.Join(p.dir, "etc"),
		"queue_directory":        filepath.Join(p.dir, "queue"),
		"data_directory":         filepath.Join(p.dir, "data"),
		"maillog_file":           "/dev/stdout",
		"inet_interfaces":        "127.0.0.1",
		"inet_protocols":         "ipv4",
		"myhostname":             "relay.test",
		"mydestination":          "",
		"alias_maps":             "",
		"local_recipient_maps":   "",
		"mynetworks":             "127.0.0.0/8",
		"relayhost":              "[" + host + "]:" + port,
		"smtp_host_lookup":       "native",
		"smtp_dns_support_level": "disabled",
		"smtpd_peername_lookup":  "no",
		"notify_classes":         "",
	}
	maps.Copy(main, c.Settings)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(main)) {
		fmt.Fprintf(&text, "%s = %s\n", name, main[name])
	}
	p.write(t, "etc/main.cf", text.String())
	p.write(t, "etc/master.cf", fmt.Sprintf(master, p.Addr))
	for name, table := range c.Tables {
		p.write(t, "etc/"+name, table)
	}
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

// stop ends all processes and waits until none of them logs any more.
func (p *Postfix) stop(t testing.TB) {
	group := p.cmd.Process.Pid
	pid, err := os.ReadFile(filepath.Join(p.dir, "queue/pid/master.pid"))
	if n, nerr := strconv.Atoi(strings.TrimSpace(string(pid))); err == nil && nerr == nil && n > 1 {
		group = n
	}
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

// freeAddr finds a port on loopback for a program that cannot be given an
// open socket.
func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
