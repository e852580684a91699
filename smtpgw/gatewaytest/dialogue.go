package gatewaytest

import (
	"bufio"
	"errors"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Dialogue is a raw SMTP client.
type Dialogue struct {
	T    testing.TB
	Conn net.Conn
	R    *bufio.Reader
}

// Dial connects to a server.
func Dial(t testing.TB, addr string) *Dialogue {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &Dialogue{T: t, Conn: conn, R: bufio.NewReader(conn)}
}

// Greeted has heard the banner and said EHLO.
func Greeted(t testing.TB, addr string) *Dialogue {
	t.Helper()
	d := Dial(t, addr)
	d.Expect("^220 ")
	d.Say("EHLO client.example\r\n", "^250 ")
	return d
}

// Say sends text and wants a reply whose last line matches.
func (d *Dialogue) Say(text, want string) string {
	d.T.Helper()
	if _, err := d.Conn.Write([]byte(text)); err != nil {
		d.T.Fatalf("send %q: %v", Clip(text), err)
	}
	return d.Expect(want)
}

// Expect reads one reply and returns its lines.
func (d *Dialogue) Expect(want string) string {
	d.T.Helper()
	all, last, err := d.Reply()
	if err != nil {
		d.T.Fatalf("wait for %s: %v (got %q)", want, err, all)
	}
	if !regexp.MustCompile(want).MatchString(last) {
		d.T.Fatalf("reply %q, want %s", all, want)
	}
	return all
}

// Reply reads one reply: all its lines, and the last one without its line end.
func (d *Dialogue) Reply() (all, last string, err error) {
	for {
		line, err := d.R.ReadString('\n')
		all += line
		if err != nil {
			return all, line, err
		}
		if len(line) < 4 || line[3] != '-' {
			return all, strings.TrimRight(line, "\r\n"), nil
		}
	}
}

// Closed wants the server to hang up.
func (d *Dialogue) Closed() {
	d.T.Helper()
	switch rest, err := d.R.ReadString('\n'); {
	case err == nil:
		d.T.Fatalf("more came: %q", rest)
	case errors.Is(err, os.ErrDeadlineExceeded):
		d.T.Fatal("the connection stays open")
	}
}

// Clip is the beginning of a text.
func Clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}
