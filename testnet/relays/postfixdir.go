package relays

import (
	"fmt"
	"maps"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

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
discard   unix - - n -    - discard
retry     unix - - n -    - error
tlsmgr    unix - - n 1000? 1 tlsmgr
postlog   unix-dgram n - n - 1 postlogd
`

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
	p.write(t, "etc/master.cf", fmt.Sprintf(master, p.Addr)+lines(c.Services...))
	for name, table := range c.Tables {
		p.write(t, "etc/"+name, table)
	}
}
