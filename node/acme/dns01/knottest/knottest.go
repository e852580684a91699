// Package knottest starts a real server of the DNS that takes updates, Knot, on loopback for tests.
package knottest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"cairn/mailstore/testenv"
	"cairn/smtpgw/dnssec"
)

// KeyName is that of the key that may change TXT records, and Secret what it has, in base64.
const KeyName = "cairn-test"

// Secret is of no other use.
var Secret = base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))

// Zone is one that the server knows.
type Zone struct {
	Name    string // without final dot
	Records string // lines of a zone file, names relative to Name
	Keyless bool   // it knows no key
}

var hosts atomic.Int32

// Host is an address on loopback that nobody else listens at: others could share a port with the
// server, or have it when that starts.
func Host() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 1+hosts.Add(1)%250, pid>>8&0xff, pid&0xff)
}

// Free is a port that nobody has, over TCP and UDP, at any of these hosts.
func Free(t testing.TB, hosts ...string) (port string) {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", net.JoinHostPort(hosts[0], "0"))
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ = net.SplitHostPort(l.Addr().String())
		l.Close()
		free := true
		for _, host := range hosts {
			packets, err := net.ListenPacket("udp", net.JoinHostPort(host, port))
			if err != nil {
				free = false
				continue
			}
			packets.Close()
		}
		if free {
			return port
		}
	}
	t.Fatal("no free port")
	return ""
}

// Start starts a server at addr, host:port, until the test is over. A test without the program is
// skipped, unless it runs where it has to be.
func Start(t testing.TB, addr string, zones ...Zone) {
	t.Helper()
	path := testenv.Program(t, "knotd", "knot")
	dir, err := os.MkdirTemp("", "knot") // the path of its socket may not be long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	var conf strings.Builder
	fmt.Fprintf(&conf, "server:\n    rundir: %q\n    listen: %q\n    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n"+
		"log:\n  - target: stderr\n    any: info\ndatabase:\n    storage: %q\nkey:\n  - id: %s\n    algorithm: hmac-sha256\n    secret: %s\n"+
		"acl:\n  - id: texts\n    key: %s\n    action: update\n    update-type: TXT\nzone:\n",
		dir, strings.Replace(addr, ":", "@", 1), filepath.Join(dir, "db"), KeyName, Secret, KeyName)
	for _, z := range zones {
		text := fmt.Sprintf("$ORIGIN %s.\n$TTL 300\n@ SOA ns.%s. root.%s. 1 3600 900 604800 60\n%s\n", z.Name, z.Name, z.Name, z.Records)
		file := filepath.Join(dir, z.Name+".zone")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&conf, "  - domain: %s\n    storage: %q\n    file: %q\n    zonefile-sync: -1\n    zonefile-load: whole\n", z.Name, dir, file)
		if !z.Keyless {
			fmt.Fprint(&conf, "    acl: texts\n")
		}
	}
	file := filepath.Join(dir, "knot.conf")
	if err := os.WriteFile(file, []byte(conf.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	testenv.Serve(t, exec.Command(path, "-c", file), func(ctx context.Context) error {
		a, err := dnssec.NewClient(addr).Ask(ctx, zones[len(zones)-1].Name+".", dnsmessage.TypeSOA)
		if err == nil && len(a.Records) == 0 {
			err = errors.New("it does not have its zones yet")
		}
		return err
	})
}
