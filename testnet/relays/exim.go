package relays

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"cairn/mailstore/testenv"
)

// eximConfig relays all mail to one host (the Exim specification, chapters 14 to 30).
const eximConfig = `primary_hostname = exim.test
exim_path = %[6]s
spool_directory = %[1]s
log_file_path = %[1]s/log-%%s
exim_user = %[2]s
exim_group = %[3]s
never_users =
keep_environment =
rfc1413_query_timeout = 0s
host_lookup =
acl_smtp_rcpt = relay
acl_smtp_data = relay
tls_advertise_hosts = *
chunking_advertise_hosts = *
accept_8bitmime = true
begin acl
relay:
  accept
begin routers
onward:
  driver = manualroute
  route_list = * %[4]s
  self = send
  transport = onward
begin transports
onward:
  driver = smtp
  port = %[5]s
  allow_localhost
  hosts_require_tls = *
begin retry
* * F,1h,1s
`

// Exim is an Exim that relays all mail to one host, encrypted. It is started for each connection,
// as by inetd.
type Exim struct {
	Addr string // host:port where it takes mail for anybody

	dir  string
	args []string
	all  sync.WaitGroup
}

// NeedExim ends a test at once that cannot run here, for want of the program or of rights.
func NeedExim(t testing.TB) {
	t.Helper()
	if eximPath() == "" {
		testenv.Lacking(t, "Exim is neither installed nor unpacked (Debian: exim4-daemon-light)")
	}
	if os.Getuid() != 0 {
		testenv.Lacking(t, "Exim changes its user, which only root may")
	}
}

// eximPath finds the program, installed or unpacked: Debian does not install it beside Postfix.
func eximPath() string {
	for _, name := range []string{"exim4", "/usr/sbin/exim4", filepath.Join(os.Getenv("CAIRN_TOOLS"), "exim/usr/sbin/exim4")} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// asEximUser has a program find the user that Debian's Exim wants, in a file system of its own
// where this one has none.
const asEximUser = `mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/group" /etc/group && shift && exec "$@"`

// StartExim starts listening for an Exim whose next hop is host:port. It ends with the test.
func StartExim(t testing.TB, nextHop string) *Exim {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &Exim{Addr: l.Addr().String()}
	e.layout(t, nextHop)
	e.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			e.all.Go(func() { e.serve(t, c.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		e.all.Wait()
		if logs, _ := filepath.Glob(filepath.Join(e.dir, "log-*")); t.Failed() {
			for _, name := range logs {
				text, _ := os.ReadFile(name)
				t.Logf("%s:\n%s", name, text)
			}
		}
		os.RemoveAll(e.dir)
	})
	return e
}

// layout writes the configuration, and who Exim is.
func (e *Exim) layout(t testing.TB, nextHop string) {
	t.Helper()
	const name = "Debian-exim"
	host, port, err := net.SplitHostPort(nextHop)
	if err != nil {
		t.Fatal(err)
	}
	if e.dir, err = os.MkdirTemp("", "cairn-exim-"); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(e.dir, "exim4") // which its user can reach
	binary, err := os.ReadFile(eximPath())
	if err == nil {
		err = os.WriteFile(program, binary, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	uid := 65533 // nobody's
	config := filepath.Join(e.dir, "conf")
	e.args = []string{program, "-C", config, "-odi", "-bs"}
	if u, err := user.Lookup(name); err == nil {
		uid, _ = strconv.Atoi(u.Uid)
	} else {
		e.args = append([]string{"unshare", "-m", "sh", "-c", asEximUser, "sh", e.dir}, e.args...)
		for file, line := range map[string]string{
			"passwd": fmt.Sprintf("%s:x:%d:%d::/:/bin/false\n", name, uid, uid), "group": fmt.Sprintf("%s:x:%d:\n", name, uid),
		} {
			has, err := os.ReadFile("/etc/" + file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(e.dir, file), append(has, line...), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	text := fmt.Sprintf(eximConfig, e.dir, name, name, host, port, program)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(e.dir, uid, uid); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(e.dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

// serve hands a connection to an Exim of its own.
func (e *Exim) serve(t testing.TB, c *net.TCPConn) {
	f, err := c.File()
	c.Close()
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	cmd := exec.Command(e.args[0], e.args[1:]...)
	cmd.Stdin, cmd.Stdout = f, f
	var said errText
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		t.Logf("exim: %v %s", err, said)
	}
}

// errText keeps the first 4 KiB of what a program says.
type errText []byte

func (e *errText) Write(p []byte) (int, error) {
	*e = append(*e, p[:min(len(p), max(0, 4<<10-len(*e)))]...)
	return len(p), nil
}
