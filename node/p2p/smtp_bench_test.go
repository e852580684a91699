package p2p

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkMailStreams carries 100 KB, which the other side answers when it has all of them, from
// one node to another over the streams of one connection, and beside it over plain TCP. There is
// no SMTP and no disk: it is what mail to another node cannot pass.
func BenchmarkMailStreams(b *testing.B) {
	_, nodes := cluster(b, 2)
	l, err := nodes[0].ListenSMTP()
	if err != nil {
		b.Fatal(err)
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	for _, way := range []struct {
		name string
		to   net.Listener
		dial func() (net.Conn, error)
	}{
		{"tcp", plain, func() (net.Conn, error) { return net.Dial("tcp", plain.Addr().String()) }},
		{"streams", l, func() (net.Conn, error) { return nodes[1].DialSMTP(b.Context(), nodes[0].self) }},
	} {
		for _, at := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("%s/sessions=%d", way.name, at), func(b *testing.B) { carryTexts(b, way.to, way.dial, at) })
		}
		way.to.Close()
	}
}

// benchText is the size of a text in octets.
const benchText = 100 << 10

// carryTexts carries b.N texts over so many sessions at a time.
func carryTexts(b *testing.B, to net.Listener, dial func() (net.Conn, error), sessions int) {
	var served sync.WaitGroup
	for range sessions {
		served.Go(func() {
			c, err := to.Accept()
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			r := bufio.NewReaderSize(c, 4<<10)
			for {
				if _, err := c.Write([]byte("250")); err != nil {
					return
				}
				if n, err := io.CopyN(io.Discard, r, benchText); n < benchText {
					if err != io.EOF || n > 0 {
						b.Errorf("the other side has %d octets: %v", n, err)
					}
					return
				}
			}
		})
	}
	text := make([]byte, benchText)
	var left atomic.Int64
	left.Store(int64(b.N))
	b.SetBytes(benchText)
	b.ResetTimer()
	var sent sync.WaitGroup
	for range sessions {
		sent.Go(func() {
			c, err := dial()
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			answer := make([]byte, 3)
			for {
				if _, err := io.ReadFull(c, answer); err != nil {
					b.Error(err)
					return
				}
				if left.Add(-1) < 0 {
					return
				}
				if _, err := c.Write(text); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	sent.Wait()
	b.StopTimer()
	served.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
