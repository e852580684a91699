package smtpgw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/screen"
)

// pipes is a listener for connections in memory.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// dial returns the client's end of a new connection.
func (p *pipes) dial() net.Conn { return p.visit(netip.Addr{}, nil) }

// visit is dial for a stream of a node behind an IP address.
func (p *pipes) visit(ip netip.Addr, node *consensus.Key) net.Conn {
	client, server := net.Pipe()
	if node != nil {
		server = visitor{server, ip, *node}
	}
	p.conns <- server
	return client
}

// visitor is a stream of a node.
type visitor struct {
	net.Conn
	ip   netip.Addr
	node consensus.Key
}

func (v visitor) RemoteAddr() net.Addr { return textAddr("12D3Koo" + v.node.String()) }
func (v visitor) RemoteIP() netip.Addr { return v.ip }

// sink takes arrivals, by sender, and stores none.
type sink struct {
	mu       sync.Mutex
	arrivals map[string][][]byte
}

func (s *sink) Check(_ context.Context, a *arrival.Arrival) (arrival.Assessment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrivals[a.From] = append(s.arrivals[a.From], a.Raw)
	return sunk{}, nil
}

func (s *sink) take() map[string][][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.arrivals
	s.arrivals = make(map[string][][]byte)
	return taken
}

type sunk struct{}

func (sunk) Found() screen.Finding { return screen.Finding{} }
func (sunk) Admit(*mailstore.Tx, mailstore.AccountID, string) (screen.Finding, bool, error) {
	return screen.Finding{}, true, nil
}
func (sunk) Stored(*mailstore.Tx, string, mailstore.Message) (err error) { return nil }

// FuzzSession sends whatever it likes where the text of a message is due. What
// is taken must be the text that RFC 5321, section 4.5.2, reads there, and
// nothing in it may end a line or a message elsewhere.
func FuzzSession(f *testing.F) {
	for _, s := range []string{
		"Subject: x\r\n\r\nbody", "..\r\n.a", "\n.\nMAIL FROM:<x@y>", "\r.\r\n", "a\r\n.\r\nMAIL FROM:<s@peer.example>\r\nRCPT TO:<user@local.example>\r\nDATA\r\nsecond",
		"\r\n.\r\nMAIL FROM:<s@peer.example>\r\nRCPT TO:<user@local.example>\r\nBDAT 5 LAST\r\nhello", "\x00", "a\r\r\n.\r\n", "\r\n.\r\nBDAT 99999999999\r\n", ".", "",
	} {
		f.Add([]byte(s))
	}
	got := &sink{arrivals: make(map[string][][]byte)}
	sessions := 0
	st := localStore(f)
	server := NewInbound(testConfig, st, testDelivery(testConfig, st, got), discard())
	l := newPipes()
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	f.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			f.Error(err)
		}
		<-served
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		// Each session has its own sender: one before may still be ending.
		sessions++
		sender := fmt.Sprintf("a%d@peer.example", sessions)
		c := l.dial()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		go func() {
			// What follows may have been taken for a chunk that goes on: then
			// the server waits for more, and is told that there is none.
			defer func() { c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) }()
			for _, part := range []string{
				"EHLO client.example\r\nMAIL FROM:<" + sender + ">\r\nRCPT TO:<user@local.example>\r\nDATA\r\n", string(data), "\r\n.\r\nQUIT\r\n",
			} {
				io.WriteString(c, part)
			}
		}()
		if _, err := io.ReadAll(c); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		c.Close()
		text, clean := dataText(data)
		for from, raws := range got.take() {
			for i, raw := range raws {
				if _, ok := dataText(bytes.TrimSuffix(raw, []byte("\r\n"))); !ok {
					t.Fatalf("a message was taken with a bare CR, LF or NUL in it: %q", raw)
				}
				if i == 0 && from == sender && (!clean || !bytes.Equal(raw, text)) {
					t.Fatalf("%q was taken as %q, want %q (clean: %t)", data, raw, text, clean)
				}
			}
		}
	})
}

// dataText is what data followed by CRLF.CRLF means as the text of a message;
// clean is false when a line end in it is no CRLF, or a NUL is in it.
func dataText(data []byte) (text []byte, clean bool) {
	whole := bytes.Join([][]byte{[]byte("\r\n"), data, []byte("\r\n.\r\n")}, nil)
	whole = whole[:bytes.Index(whole, []byte("\r\n.\r\n"))+2]
	text = bytes.ReplaceAll(whole, []byte("\r\n."), []byte("\r\n"))[2:]
	rest := bytes.ReplaceAll(text, []byte("\r\n"), nil)
	return text, !bytes.ContainsAny(rest, "\r\n\x00")
}
