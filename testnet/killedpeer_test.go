package testnet_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cairn/node"
	"cairn/node/api"
	"cairn/testnet"
)

// killAt, in the environment of a process that is a node, names a line of its log at which it is
// killed, before it does anything else.
const killAt = "CAIRN_TEST_KILL"

// runKilled runs the node of a directory until it logs that line.
func runKilled(dir, line string) error {
	return node.Run(context.Background(), dir, node.RunOptions{
		Log:   slog.New(killer{slog.NewTextHandler(os.Stderr, nil), line}),
		Ready: func(api.Status) { fmt.Println("it serves") },
	})
}

// killer ends the process at a line of the log, which it hands on else.
type killer struct {
	slog.Handler
	line string
}

func (k killer) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == k.line {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	return k.Handler.Handle(ctx, r)
}

func (k killer) WithAttrs(attrs []slog.Attr) slog.Handler {
	return killer{k.Handler.WithAttrs(attrs), k.line}
}

func (k killer) WithGroup(name string) slog.Handler { return killer{k.Handler.WithGroup(name), k.line} }

// TestKilledBeforeTheReply kills the node of a recipient while the sender waits for the reply to a
// text that it has handed over. When the node is back it is asked, and the mail is there once.
func TestKilledBeforeTheReply(t *testing.T) {
	t.Parallel()
	a, b := newPair(t)
	for _, c := range []struct{ name, line, there string }{
		{"before it is stored", "", "there=0 left=1 certain=true"},
		{"when it is stored", "mail filed", "there=1 left=0"},
	} {
		b.stop()
		if c.line == "" {
			b.filter("#!/bin/sh\ncat > /dev/null\nkill -9 $PPID\n")
		}
		b.killAt = c.line
		b.start()
		subject := "killed " + c.name
		submitAt(t, a, "alice@alpha.test", "bob@bravo.test", subject)
		if err := b.cmd.Wait(); err == nil {
			t.Fatalf("%s: the node ended by itself", c.name)
		}
		b.Client.Close()
		a.await("the outcome is known to be unclear", func(*api.Status) bool {
			l, err := a.ListQueue(t.Context(), api.QueueSelection{Domain: "bravo.test"})
			return err == nil && len(l.Entries) == 1 && l.Entries[0].Unclear && l.Entries[0].Attempts > 0
		})
		b.killAt = ""
		b.filter("")
		b.start()
		a.await("an empty queue", func(s *api.Status) bool { return s.Mail.Queued == 0 })
		if n := b.count(fmt.Sprintf("%q", subject)); n != 1 {
			t.Errorf("%s: it is there %d times", c.name, n)
		}
		if log := a.stderr.String(); !strings.Contains(log, c.there) {
			t.Errorf("%s: the log does not say %q", c.name, c.there)
		}
	}
	if n := a.count("-label:sent"); n != 0 {
		t.Errorf("%d reports came back", n)
	}
}

// filter sets the program that arrivals go through; none if its text is empty.
func (p *process) filter(text string) {
	p.t.Helper()
	program := filepath.Join(p.dir, "filter.sh")
	with := "[]"
	if text != "" {
		with = fmt.Sprintf("[%q]", program)
		if err := os.WriteFile(program, []byte(text), 0o700); err != nil {
			p.t.Fatal(err)
		}
	}
	path := filepath.Join(p.dir, "cairn.toml")
	raw, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	head, inbound, ok := strings.Cut(string(raw), "\n[inbound]\n")
	lines := strings.Split(inbound, "\n")
	set := false
	for i, line := range lines {
		if strings.HasPrefix(line, "filter = ") && !set {
			lines[i], set = "filter = "+with, true
		}
	}
	if !ok || !set {
		p.t.Fatal("the configuration has no filter for arrivals")
	}
	if err := os.WriteFile(path, []byte(head+"\n[inbound]\n"+strings.Join(lines, "\n")), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// submitAt hands a mail to a node's submission listener.
func submitAt(t *testing.T, p *process, from, to, subject string) {
	t.Helper()
	c, err := testnet.DialSMTP(p.status.Listen.Submission)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Send(from, []string{to}, testnet.Compose(from, to, subject, "text\n")); err != nil {
		t.Fatal(err)
	}
}
