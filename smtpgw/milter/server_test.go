package milter

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cairn/mailstore/textroom"
	"cairn/smtpgw/milter/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mta is a mail server that asks.
type mta struct {
	t  *testing.T
	nc net.Conn
	r  *bufio.Reader
}

// begin starts a server and connects to it as a mail server.
func begin(t *testing.T, c Config) (*Server, *mta) {
	t.Helper()
	if c.Limits.Message == 0 {
		c.Limits = wire.Limits{Message: 1 << 20, Header: 1 << 16, Fields: 100, Recipients: 10}
	}
	if c.Texts == nil {
		c.Texts = textroom.New(1 << 20)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(c)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Shutdown(context.Background())
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s, dial(t, l.Addr().String())
}

func dial(t *testing.T, addr string) *mta {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	return &mta{t, nc, bufio.NewReader(nc)}
}

func (m *mta) say(command byte, data string) {
	m.t.Helper()
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)+1))
	if _, err := m.nc.Write(append(append(b, command), data...)); err != nil {
		m.t.Fatal(err)
	}
}

// hear returns a reply; empty: the connection was closed.
func (m *mta) hear() string {
	m.t.Helper()
	var head [4]byte
	if _, err := io.ReadFull(m.r, head[:]); err != nil {
		return ""
	}
	b := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(m.r, b); err != nil {
		m.t.Fatal(err)
	}
	return string(b)
}

func (m *mta) agree() {
	m.t.Helper()
	m.say(wire.CommandNegotiate, "\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff")
	if got := m.hear(); len(got) != 13 || got[0] != wire.CommandNegotiate {
		m.t.Fatalf("agreed on %q", got)
	}
}

func (m *mta) message(body string) {
	m.t.Helper()
	m.say(wire.CommandMail, "<a@b.example>\x00")
	m.say(wire.CommandRcpt, "<c@d.example>\x00")
	m.say(wire.CommandHeader, "Subject\x00 x\x00")
	m.say(wire.CommandBody, body)
	m.say(wire.CommandEnd, "")
}

func TestServer(t *testing.T) {
	room := textroom.New(100)
	_, m := begin(t, Config{Texts: room, Handler: func(_ context.Context, m *wire.Message) Decision {
		if m.Fault == wire.NoRoom {
			return Decision{Verdict: wire.Verdict{Action: wire.Refuse, Code: 452, Status: "4.3.1", Text: "no room"}}
		}
		return Decision{Verdict: wire.Verdict{Insert: []wire.Field{{Name: "Size", Value: " 1"}}}}
	}})
	m.agree()
	for range 3 { // what a message takes of the room it gives back
		m.message("sixty octets, with what stands above them, or a little more.")
		if got := m.hear() + m.hear(); got != "i\x00\x00\x00\x00Size\x00 1\x00a" {
			t.Fatalf("%q", got)
		}
	}
	m.message(string(make([]byte, 200)))
	if got := m.hear(); got != "y452 4.3.1 no room\x00" {
		t.Fatalf("%q", got)
	}
	m.say(wire.CommandMail, "<>\x00")
	m.say(wire.CommandBody, "x")
	m.say(wire.CommandQuit, "")
	if got := m.hear(); got != "" || room.Used() != 0 {
		t.Errorf("%q, %d octets are taken", got, room.Used())
	}
}

func TestBrokenProtocol(t *testing.T) {
	_, m := begin(t, Config{Handler: func(context.Context, *wire.Message) Decision { return Decision{} }})
	m.say(wire.CommandMail, "<>\x00")
	if got := m.hear(); got != "" {
		t.Errorf("%q", got)
	}
}

// A long packet takes of the room for texts until it was read. Where that has none the connection
// ends.
func TestLongPackets(t *testing.T) {
	room, full := textroom.New(3<<17), make(chan struct{}, 9)
	room.Watch(func(used int64) {
		if used >= 1<<18 {
			full <- struct{}{}
		}
	})
	_, m := begin(t, Config{Texts: room, Handler: func(context.Context, *wire.Message) Decision { return Decision{} }})
	m.agree()
	long := string(make([]byte, 1<<18))
	for range 2 {
		m.say(wire.CommandUnknown, long)
	}
	m.say(wire.CommandMail, "<>\x00")
	m.say(wire.CommandEnd, "")
	if got := m.hear(); got != "a" || room.Used() != 0 || len(full) != 2 {
		t.Errorf("%q, %d octets are taken, %d times", got, room.Used(), len(full))
	}
	for len(full) > 0 {
		<-full
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(len(long)+1))
	m.nc.Write(append(head, wire.CommandUnknown))
	m.nc.Write([]byte(long[1:])) // all but one octet
	<-full
	other := dial(t, m.nc.RemoteAddr().String())
	other.agree()
	other.nc.Write(append(head, wire.CommandUnknown))
	if got := other.hear(); got != "" {
		t.Errorf("beyond the room: %q", got)
	}
	m.nc.Close()
}

func TestTooManyConnections(t *testing.T) {
	_, m := begin(t, Config{Connections: 1, Handler: func(context.Context, *wire.Message) Decision { return Decision{} }})
	m.agree()
	if got := dial(t, m.nc.RemoteAddr().String()).hear(); got != "" {
		t.Errorf("%q", got)
	}
}

func TestTimeLimits(t *testing.T) {
	accept := func(context.Context, *wire.Message) Decision { return Decision{} }
	_, m := begin(t, Config{Idle: time.Millisecond, Handler: accept})
	if got := m.hear(); got != "" {
		t.Errorf("idle: %q", got)
	}
	_, m = begin(t, Config{Message: time.Millisecond, Handler: accept})
	m.agree()
	m.say(wire.CommandMail, "<>\x00")
	if got := m.hear(); got != "" {
		t.Errorf("within a message: %q", got)
	}
}

// At a stop a message that is being decided about has its answer, and other connections end.
func TestShutdown(t *testing.T) {
	asked, proceed := make(chan struct{}), make(chan struct{})
	s, m := begin(t, Config{Handler: func(context.Context, *wire.Message) Decision {
		close(asked)
		<-proceed
		return Decision{}
	}})
	idle := dial(t, m.nc.RemoteAddr().String())
	idle.agree()
	m.agree()
	m.message("x")
	<-asked
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	if got := idle.hear(); got != "" {
		t.Errorf("an idle connection hears %q", got)
	}
	close(proceed)
	if got := m.hear(); got != "a" {
		t.Errorf("%q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// What is not decided in time is given up, and the mail server puts the mail off.
func TestShutdownInTime(t *testing.T) {
	asked := make(chan struct{})
	s, m := begin(t, Config{Handler: func(ctx context.Context, _ *wire.Message) Decision {
		close(asked)
		<-ctx.Done()
		return Decision{Verdict: wire.Verdict{Action: wire.Refuse, Code: 451, Status: "4.3.0", Text: "stopping"}, Err: ctx.Err()}
	}})
	m.agree()
	m.message("x")
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := m.hear(); got == "a" {
		t.Errorf("%q", got)
	}
}
