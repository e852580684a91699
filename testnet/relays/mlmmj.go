package relays

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ListConfig is how a list sends what is posted to it.
type ListConfig struct {
	Address     string // posting address
	SMTP        string // host:port of the server that takes its mail, on an IP address
	Subscribers []string
	Prefix      string // put before each Subject, as "[list]"; empty: none
	Footer      string // put below each text, with line ends LF; empty: none
	Headers     string // added to each message, with line ends LF
}

// List is a mailing list run by mlmmj, in a directory of its own.
type List struct {
	dir     string
	receive string
}

// NewList makes a list. It is gone with the test.
func NewList(t testing.TB, c ListConfig) *List {
	t.Helper()
	l := &List{dir: t.TempDir(), receive: program(t, "mlmmj-receive")}
	for _, name := range []string{
		"archive", "bounce", "control", "digesters.d", "incoming", "moderation", "nomailsubs.d",
		"queue", "queue/discarded", "requeue", "subconf", "subscribers.d", "text", "unsubconf",
	} {
		if err := os.Mkdir(filepath.Join(l.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	host, port, err := net.SplitHostPort(c.SMTP)
	if err != nil {
		t.Fatal(err)
	}
	l.write(t, "index", "")
	for name, text := range map[string]string{
		"listaddress": lines(c.Address), "owner": lines(c.Address),
		"relayhost": lines(host), "smtpport": lines(port), "smtphelo": lines("list.test"),
		"prefix": c.Prefix, "footer": c.Footer, "customheaders": c.Headers,
	} {
		if text != "" {
			l.write(t, "control/"+name, text)
		}
	}
	for _, s := range c.Subscribers {
		l.add(t, "subscribers.d/"+s[:1], lines(s))
	}
	return l
}

func (l *List) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// add appends to a file.
func (l *List) add(t testing.TB, name, text string) {
	t.Helper()
	old, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	l.write(t, name, string(old)+text)
}

// Post hands a message to the list as a mail server does that delivers to a
// pipe, with its Return-Path on top, and returns when the list has sent it on to
// all subscribers.
func (l *List) Post(ctx context.Context, raw []byte) error {
	cmd := exec.CommandContext(ctx, l.receive, "-L", l.dir, "-F")
	cmd.Stdin = bytes.NewReader(lf(raw))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("hand a message to mlmmj: %w\n%s", err, out)
	}
	// What it could not hand over it keeps for later.
	kept, err := filepath.Glob(filepath.Join(l.dir, "requeue", "*"))
	if err == nil && len(kept) > 0 {
		log, _ := os.ReadFile(filepath.Join(l.dir, "mlmmj.operation.log"))
		err = fmt.Errorf("mlmmj could not send to all subscribers; its log:\n%s", log)
	}
	return err
}
