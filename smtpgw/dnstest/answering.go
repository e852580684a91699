package dnstest

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Answering starts a server on loopback that answers over UDP and TCP as reply says, of which nil
// is silence. reply may run twice at one time. The server ends with the test.
func Answering(t testing.TB, reply func(network string, q dnsmessage.Message) []byte) (addr string) {
	t.Helper()
	l, packets := listen(t)
	var served sync.WaitGroup
	t.Cleanup(func() { l.Close(); packets.Close(); served.Wait() })
	served.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := packets.ReadFrom(buf)
			if err != nil {
				return
			}
			var q dnsmessage.Message
			if q.Unpack(buf[:n]) == nil {
				if b := reply("udp", q); b != nil {
					packets.WriteTo(b, from)
				}
			}
		}
	})
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			var size [2]byte
			io.ReadFull(c, size[:])
			b := make([]byte, binary.BigEndian.Uint16(size[:]))
			io.ReadFull(c, b)
			var q dnsmessage.Message
			if q.Unpack(b) == nil {
				if b := reply("tcp", q); b != nil {
					c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
				}
			}
			c.Close()
		}
	})
	return l.Addr().String()
}

// Resolver asks a server, host:port, whatever the machine is configured to ask.
func Resolver(server string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server)
	}}
}

// listen listens at one port over TCP and UDP: at another one where a program has that of UDP.
func listen(t testing.TB) (net.Listener, net.PacketConn) {
	t.Helper()
	for tries := 0; ; tries++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		packets, err := net.ListenPacket("udp", l.Addr().String())
		if err == nil {
			return l, packets
		}
		l.Close()
		if tries == 9 {
			t.Fatal(err)
		}
	}
}
