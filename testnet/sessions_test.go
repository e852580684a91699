package testnet_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"cairn/mailstore/testenv"
	"cairn/node"
	"cairn/testnet"
)

const (
	sessionsAtOnce = 100
	sessionMails   = 300
)

// TestManySessions: smtp-source keeps 100 sessions with either listener, and all its mail arrives.
func TestManySessions(t *testing.T) {
	source := testenv.Program(t, "smtp-source", "postfix")
	t.Parallel()
	w, ctx := start(t, 0)
	org := testnet.Org{Name: "Alpha", Domain: "alpha.test", Account: "alice", Configure: func(c *node.Config) {
		c.Inbound.Proxies, c.Inbound.Authenticate = []string{"127.0.0.0/8"}, false
	}}
	m, err := w.Join(ctx, org)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, addr, from string }{
		{"submission", m.SubmissionAddr(), "alice@alpha.test"},
		{"inbound", spread(t, m.InboundAddr()), "x@elsewhere.test"},
	} {
		subject := "many by " + c.name
		cmd := exec.CommandContext(ctx, source, "-s", strconv.Itoa(sessionsAtOnce), "-m", strconv.Itoa(sessionMails), "-l", "2000",
			"-S", subject, "-f", c.from, "-t", "alice@alpha.test", c.addr)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", c.name, err, out)
		}
		if err := awaitMany(ctx, m, subject); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// awaitMany waits until so many mails with the subject are there, none of them sent copies.
func awaitMany(ctx context.Context, m *testnet.Member, subject string) error {
	_, err := m.AwaitMail(ctx, "alice", func(mail *testnet.Mail) bool {
		if !bytes.Contains(mail.Raw, []byte(subject)) {
			return false
		}
		all, err := m.Mailbox("alice")
		n := 0
		for i := range all {
			if !all[i].Outgoing && bytes.Contains(all[i].Raw, []byte(subject)) {
				n++
			}
		}
		return err == nil && n == sessionMails
	})
	return err
}

// spread passes connections on as a proxy does, so that they are of 50 hosts: one alone may not
// have so many.
func spread(t *testing.T, addr string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for n := 0; ; n++ {
			client, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				pass(client.(*net.TCPConn), addr, fmt.Sprintf("PROXY TCP4 192.0.2.%d 192.0.2.100 4000 25\r\n", 1+n%50))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return l.Addr().String()
}

// pass connects a client to a server that hears of it first.
func pass(client *net.TCPConn, addr, first string) {
	defer client.Close()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	server := nc.(*net.TCPConn)
	defer server.Close()
	io.WriteString(server, first)
	var up sync.WaitGroup
	up.Go(func() {
		io.Copy(server, client)
		server.CloseWrite()
	})
	io.Copy(client, server)
	client.Close()
	up.Wait()
}

// dropper is a TLS client that cannot bear session tickets (RFC 8446, section 4.6.1; RFC 5077): it
// drops the connection when it is given one, as some large senders do.
type dropper struct {
	conn    net.Conn
	dropped atomic.Bool
}

func (*dropper) Get(string) (*tls.ClientSessionState, bool) { return nil, false }

func (d *dropper) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		d.dropped.Store(true)
		d.conn.Close()
	}
}

// begin connects to a listener with STARTTLS and says EHLO within TLS.
func (d *dropper) begin(addr string, version uint16) (*smtp.Client, error) {
	var err error
	if d.conn, err = net.Dial("tcp", addr); err != nil {
		return nil, err
	}
	c, err := smtp.NewClient(d.conn, "localhost")
	if err != nil {
		return nil, errors.Join(err, d.conn.Close())
	}
	err = c.StartTLS(&tls.Config{InsecureSkipVerify: true, ClientSessionCache: d, MinVersion: version, MaxVersion: version})
	return c, err
}

// TestSendersThatDropTickets: a server that cannot bear session tickets brings its mail; where
// there are tickets, as for people's own programs, it would not.
func TestSendersThatDropTickets(t *testing.T) {
	t.Parallel()
	w, ctx := start(t, 1)
	m := w.Members[0]
	for name, version := range map[string]uint16{"TLS12": tls.VersionTLS12, "TLS13": tls.VersionTLS13} {
		var d dropper
		c, err := d.begin(m.InboundAddr(), version)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := deliver(c, w.Address(0), name); err != nil || d.dropped.Load() {
			t.Errorf("%s: dropped: %v, %v", name, d.dropped.Load(), err)
		}
		c.Close()
		if _, err := m.AwaitMail(ctx, "alice", testnet.Subject(name)); err != nil {
			t.Error(err)
		}
		var would dropper
		c, err = would.begin(m.SubmissionAddr(), version)
		if err == nil {
			err = c.Noop()
			c.Close()
		}
		if err == nil || !would.dropped.Load() {
			t.Errorf("%s: with tickets it goes on: %v, dropped: %v", name, err, would.dropped.Load())
		}
	}
}

// deliver sends a mail and ends the session.
func deliver(c *smtp.Client, to, subject string) error {
	if err := errors.Join(c.Mail("x@elsewhere.test"), c.Rcpt(to)); err != nil {
		return err
	}
	body, err := c.Data()
	if err != nil {
		return err
	}
	fmt.Fprintf(body, "From: x@elsewhere.test\r\nTo: %s\r\nSubject: %s\r\n\r\nx\r\n", to, subject)
	return errors.Join(body.Close(), c.Quit())
}
