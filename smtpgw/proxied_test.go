package smtpgw

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/mailstore/testenv"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/limits"
)

const headerV2 = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x02\xdc\x04\x00\x19" // of 192.0.2.7:56324

// behind is an inbound server with proxies in front of it, on a loopback port.
type behind struct {
	addr string
	seen *deliverytest.Verifier
	log  gatewaytest.Lines
}

func behindProxies(t *testing.T, proxies string, c limits.Config, change ...func(*Config)) *behind {
	b := &behind{seen: &deliverytest.Verifier{}}
	cfg := testConfig
	cfg.Throttle = NewThrottle(c, nil, b.log.Log())
	for _, change := range change {
		change(&cfg)
	}
	st := localStore(t)
	s := NewInbound(cfg, st, testDelivery(cfg, st, b.seen), b.log.Log())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.Serve(Proxied(l, []netip.Prefix{netip.MustParsePrefix(proxies)}, b.log.Log())) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return b
}

// by is a session by way of a proxy that says this header.
func (b *behind) by(t *testing.T, header, banner string) *dialogue {
	t.Helper()
	d := dial(t, b.addr)
	if _, err := io.WriteString(d.conn, header); err != nil {
		t.Fatal(err)
	}
	d.expect(banner)
	return d
}

// Mail by way of a proxy comes from whom its header names: that is whom limits are about, and what
// is told of the mail.
func TestProxied(t *testing.T) {
	b := behindProxies(t, "127.0.0.0/8", limits.Config{Failures: limits.Rate{Count: 3, Per: time.Hour}, Delay: time.Millisecond, Ban: time.Hour})
	for header, from := range map[string]string{
		"PROXY TCP4 198.51.100.9 203.0.113.1 40000 25\r\n": "198.51.100.9:40000",
		"PROXY TCP6 2001:db8::9 2001:db8::1 40000 25\r\n":  "[2001:db8::9]:40000",
		headerV2:            "192.0.2.7:56324",
		"PROXY UNKNOWN\r\n": "127.0.0.1:",
	} {
		d := b.by(t, header, "^220")
		d.say("EHLO client.example\r\n", "^250")
		d.say("MAIL FROM:<s@peer.example>\r\nRCPT TO:<user@local.example>\r\nDATA\r\n", "^250")
		d.expect("^250")
		d.expect("^354")
		d.say(mailText(strings.Trim(from, "[]:"))+".\r\n", "^250")
		seen := b.seen.Seen()
		if got := seen[len(seen)-1].Peer.Addr; !strings.HasPrefix(got, from) {
			t.Errorf("%q: the mail came from %s", header, got)
		}
	}
	d := b.by(t, headerV2, "^220")
	d.say("EHLO client.example\r\nHUH\r\nHUH\r\nHUH\r\n", "^250")
	for range 3 {
		d.expect("^500")
	}
	d.say("HUH\r\n", "^500")
	d.expect(put)
	b.by(t, headerV2, banned).closed()
	b.by(t, strings.Replace(headerV2, "\x02\x07", "\x02\x08", 1), "^220")
	b.by(t, "PROXY TCP4 198.51.100.9 203.0.113.1 40000 25\r\nEHLO early.example\r\n", "^554 5.5.1")
}

// A proxy that does not say for whom it connects is told so, and from others no header is taken.
func TestProxyHeaderRefused(t *testing.T) {
	b := behindProxies(t, "127.0.0.0/8", limits.Config{})
	for _, header := range []string{"EHLO client.example\r\n", "PROXY TCP4 198.51.100.9 203.0.113.1 0 65536\r\n"} {
		b.by(t, header, "^421 4.3.5 the proxy in front").closed()
	}
	b = behindProxies(t, "192.0.2.0/24", limits.Config{})
	d := dial(t, b.addr)
	d.expect("^220")
	d.say("PROXY TCP4 198.51.100.9 203.0.113.1 40000 25\r\n", "^500 5.5.2 this command is not known")
	d = dial(t, b.addr)
	d.expect("^220")
	d.say(headerV2, "^500 5.5.2")
}

// Proxies that say nothing keep neither others waiting nor the server from its end.
func TestSilentProxies(t *testing.T) {
	b := behindProxies(t, "127.0.0.0/8", limits.Config{})
	for range maxUnsaid / 2 {
		dial(t, b.addr)
	}
	b.by(t, headerV2, "^220")
}

// TestHAProxy: mail by way of a real HAProxy comes from who has connected to that.
func TestHAProxy(t *testing.T) {
	program := testenv.Program(t, "haproxy", "haproxy")
	for _, send := range []string{"send-proxy", "send-proxy-v2"} {
		t.Run(send, func(t *testing.T) {
			b := behindProxies(t, "127.0.0.1/32", limits.Config{})
			front := haproxy(t, program, b.addr, send)
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
			conn, err := dialer.Dial("tcp", front)
			if err != nil {
				testenv.Lacking(t, "no second address of this machine: %v", err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			d := &dialogue{t: t, conn: conn, r: bufio.NewReader(conn)}
			d.expect("^220")
			d.say("EHLO client.example\r\n", "^250")
			for _, command := range []string{"MAIL FROM:<s@peer.example>", "RCPT TO:<user@local.example>"} {
				d.say(command+"\r\n", "^250")
			}
			d.say("DATA\r\n", "^354")
			d.say(mailText("a")+".\r\n", "^250")
			if seen := b.seen.Seen(); len(seen) != 1 || seen[0].Peer.Addr != conn.LocalAddr().String() {
				t.Errorf("%s sent it, and it came from %+v", conn.LocalAddr(), seen)
			}
		})
	}
}

// haproxy runs one in front of a server until the test ends, and returns where it listens.
func haproxy(t *testing.T, program, server, send string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	config := filepath.Join(t.TempDir(), "haproxy.cfg")
	text := fmt.Sprintf("global\n  maxconn 100\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n"+
		"listen smtp\n  bind fd@3\n  server node %s %s\n", server, send)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "-db", "-f", config)
	c.ExtraFiles = []*os.File{file}
	testenv.Serve(t, c, func(context.Context) error { return nil }) // who connects waits until it runs
	return l.Addr().String()
}

func TestIsProxy(t *testing.T) {
	p := &proxied{proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}}
	var got []string
	for _, a := range []string{"10.1.2.3:1", "[::ffff:10.1.2.3]:1", "11.0.0.1:1", "[2001:db8::1]:1", "[2001:db9::1]:1"} {
		if p.isProxy(addressed{addr: textAddr(a)}) {
			got = append(got, a)
		}
	}
	if want := []string{"10.1.2.3:1", "[::ffff:10.1.2.3]:1", "[2001:db8::1]:1"}; !slices.Equal(got, want) {
		t.Errorf("proxies are %q, want %q", got, want)
	}
}
