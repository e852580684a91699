// Package dnstest starts servers of the DNS on loopback for tests: real ones, with zones that are
// signed for the test (nsd), and a resolver that validates (unbound) with trust anchors of its own;
// and one that answers each question as a test says.
package dnstest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"cairn/mailstore/testenv"
)

// Zone is one that the servers know, and no other name with it.
type Zone struct {
	Name    string // without final dot
	Records string // lines of a zone file, names relative to Name
	Signed  bool   // by a key that the resolver trusts
	// Forge, where it is set, is a text of the signed zone file, and By what stands there instead:
	// what is signed is another thing then.
	Forge, By string
}

// programs are what is needed, with their packages in Debian.
var programs = map[string]string{"nsd": "nsd", "unbound": "unbound", "ldns-keygen": "ldnsutils", "ldns-signzone": "ldnsutils"}

// Start starts both servers, which end with the test, and returns host:port of the resolver. A test
// without the programs is skipped, unless it runs where they have to be.
func Start(t testing.TB, zones ...Zone) (resolver string) {
	t.Helper()
	paths := make(map[string]string)
	for name, debian := range programs {
		paths[name] = testenv.Program(t, name, debian)
	}
	dir := t.TempDir()
	var nsd, unbound strings.Builder
	fmt.Fprintf(&nsd, "server:\n username: \"\"\n chroot: \"\"\n zonesdir: %q\n database: \"\"\n pidfile: \"\"\n xfrdfile: \"\"\n xfrdir: %q\n"+
		" zonelistfile: %q\n server-count: 1\n reuseport: no\n", dir, dir, filepath.Join(dir, "zone.list"))
	authority := freeAddr(t)
	fmt.Fprintf(&nsd, " ip-address: %s\nremote-control:\n control-enable: no\n", at(authority))
	resolver = freeAddr(t)
	fmt.Fprintf(&unbound, "server:\n interface: %s\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n directory: %q\n pidfile: \"\"\n use-syslog: no\n"+
		" do-not-query-localhost: no\n do-ip6: no\n module-config: \"validator iterator\"\n access-control: 127.0.0.0/8 allow\n val-log-level: 2\n"+
		" num-threads: 1\n verbosity: 1\n minimal-responses: yes\n local-zone: \"127.in-addr.arpa.\" nodefault\n", at(resolver), dir)
	var stubs strings.Builder
	for _, z := range zones {
		file, anchor := z.write(t, paths, dir)
		fmt.Fprintf(&nsd, "zone:\n name: %q\n zonefile: %q\n", z.Name, file)
		fmt.Fprintf(&stubs, "stub-zone:\n name: %q\n stub-addr: %s\n", z.Name, at(authority))
		if anchor != "" {
			fmt.Fprintf(&unbound, " trust-anchor-file: %q\n", anchor)
		}
	}
	write(t, dir, "nsd.conf", nsd.String())
	write(t, dir, "unbound.conf", unbound.String()+"remote-control:\n control-enable: no\n"+stubs.String())
	run(t, authority, zones[0].Name, exec.Command(paths["nsd"], "-d", "-c", filepath.Join(dir, "nsd.conf")))
	run(t, resolver, zones[0].Name, exec.Command(paths["unbound"], "-d", "-c", filepath.Join(dir, "unbound.conf")))
	return resolver
}

// write writes a zone, signed if it is to be, and returns its file and that of its trust anchor.
func (z *Zone) write(t testing.TB, paths map[string]string, dir string) (file, anchor string) {
	t.Helper()
	text := fmt.Sprintf("$ORIGIN %s.\n$TTL 300\n@ SOA ns.%s. root.%s. 1 3600 900 604800 60\n@ NS ns.%s.\nns A 127.0.0.1\n%s\n", z.Name, z.Name, z.Name, z.Name, z.Records)
	file = write(t, dir, z.Name+".zone", text)
	if !z.Signed {
		return file, ""
	}
	key := strings.TrimSpace(output(t, dir, paths["ldns-keygen"], "-k", "-a", "ECDSAP256SHA256", z.Name))
	output(t, dir, paths["ldns-signzone"], file, key)
	file += ".signed"
	if z.Forge != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		forged := strings.Replace(string(text), z.Forge, z.By, 1)
		if forged == string(text) {
			t.Fatalf("%s has no %q", z.Name, z.Forge)
		}
		write(t, dir, filepath.Base(file), forged)
	}
	return file, filepath.Join(dir, key+".key")
}

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func output(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return string(out)
}

// run starts a server, and returns when it answers for a name.
func run(t testing.TB, addr, name string, cmd *exec.Cmd) {
	t.Helper()
	q := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 1, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name + "."), Type: dnsmessage.TypeSOA, Class: dnsmessage.ClassINET}},
	}
	b, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	testenv.Serve(t, cmd, func(ctx context.Context) error { return answers(ctx, addr, b) })
}

// answers tells why a server does not answer a question. It waits for it for a moment.
func answers(ctx context.Context, addr string, question []byte) error {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		return err
	}
	if _, err := conn.Write(question); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	var m dnsmessage.Message
	if err == nil {
		err = m.Unpack(buf[:n])
	}
	if err == nil && (m.RCode != dnsmessage.RCodeSuccess || len(m.Answers) == 0) {
		err = fmt.Errorf("its answer is %v, of %d records", m.RCode, len(m.Answers))
	}
	return err
}

// at is host:port as the servers write it.
func at(addr string) string { return strings.Replace(addr, ":", "@", 1) }

// freeAddr finds a port on loopback that is free for both TCP and UDP.
func freeAddr(t testing.TB) string {
	t.Helper()
	l, packets := listen(t)
	l.Close()
	packets.Close()
	return l.Addr().String()
}
