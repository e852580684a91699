package node

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cairn/mailstore/testenv"
	"cairn/smtpgw/dane"
	"cairn/smtpgw/dnstest"
)

// withResolver runs a program that asks the resolver which a file names.
const withResolver = `mount --bind "$1" /etc/resolv.conf && shift && exec "$@"`

// TestForeignDANE: Postfix's prober (posttls-finger) asks a resolver that validates for the key of
// the inbound listener, and finds that it has it; or that it does not, where another is published.
func TestForeignDANE(t *testing.T) {
	prober := testenv.Program(t, "posttls-finger", "postfix")
	if os.Getuid() != 0 {
		testenv.Lacking(t, "only root gives a program another resolver")
	}
	dir, own := withOwnKey(t)
	quiet(t, dir, func(c *Config) { c.Inbound.Listen = "127.0.0.1:0" })
	n, end := begun(t, dir)
	defer end()
	_, port, _ := net.SplitHostPort(n.InboundAddr())
	dns := dnstest.Start(t, dnstest.Zone{Name: "example.org", Signed: true, Records: fmt.Sprintf(
		"mail A 127.0.0.1\n_%s._tcp.mail TLSA %s\nother A 127.0.0.1\n_%s._tcp.other TLSA %s\n",
		port, dane.OfKey(own.Leaf.RawSubjectPublicKeyInfo), port, dane.OfKey([]byte("another")))})
	file := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(file, []byte("nameserver "+atPort53(t, dns)+"\noptions edns0 trust-ad\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for host, verified := range map[string]bool{"mail": true, "other": false} {
		out, err := exec.CommandContext(t.Context(), "unshare", "-m", "sh", "-c", withResolver, "sh", file,
			prober, "-c", "-l", "dane", "-L", "summary,certmatch", "-o", "smtp_dns_support_level=dnssec", "["+host+".example.org]:"+port).CombinedOutput()
		if strings.Contains(string(out), ": Verified TLS connection established to "+host) != verified || !strings.Contains(string(out), "TLS connection established") {
			t.Errorf("%s: %v\n%s", host, err, out)
		}
	}
}

// atPort53 stands between a resolver and programs that know no other port, and returns where.
func atPort53(t *testing.T, resolver string) (host string) {
	t.Helper()
	host = "127.0.0.53"
	var all sync.WaitGroup
	packets, err := net.ListenPacket("udp", host+":53")
	if err != nil {
		t.Fatal(err)
	}
	streams, err := net.Listen("tcp", host+":53")
	if err != nil {
		packets.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() { packets.Close(); streams.Close(); all.Wait() })
	through := func(network string, use func(net.Conn)) {
		conn, err := net.Dial(network, resolver)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		use(conn)
	}
	all.Go(func() {
		for {
			question := make([]byte, 4096)
			n, from, err := packets.ReadFrom(question)
			if err != nil {
				return
			}
			all.Go(func() {
				through("udp", func(conn net.Conn) {
					answer := make([]byte, 65535)
					conn.Write(question[:n])
					if n, err := conn.Read(answer); err == nil {
						packets.WriteTo(answer[:n], from)
					}
				})
			})
		}
	})
	all.Go(func() {
		for {
			conn, err := streams.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				through("tcp", func(to net.Conn) {
					all.Go(func() { io.Copy(to, conn) })
					io.Copy(conn, to)
				})
			})
		}
	})
	return host
}
