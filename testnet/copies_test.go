package testnet_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/node/api"
	"cairn/testnet"
)

// copyOf is a second node with the keys and the mail of another one, which does
// not run.
func copyOf(p *process) *process {
	p.t.Helper()
	c := &process{t: p.t, dir: filepath.Join(p.t.TempDir(), "copy"), domain: p.domain}
	if err := os.CopyFS(c.dir, os.DirFS(p.dir)); err != nil {
		p.t.Fatal(err)
	}
	c.movePort()
	return c
}

// movePort makes others reach a node at another port, as after a move.
func (p *process) movePort() {
	p.t.Helper()
	path := filepath.Join(p.dir, "cairn.toml")
	raw, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	port := regexp.MustCompile(`/ip4/127\.0\.0\.1/tcp/\d+`)
	if err := os.WriteFile(path, port.ReplaceAll(raw, []byte("/ip4/127.0.0.1/tcp/"+freePort(p.t))), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// TestTwoCopies runs two processes on copies of one directory. Their peer tells
// both; neither signs any more, takes mail of others or refuses it until one is told
// to stay, and nothing was signed twice.
func TestTwoCopies(t *testing.T) {
	inCI(t)
	t.Parallel()
	a, b := newPair(t)
	sent := 0
	send := func(from *process, subject string) {
		t.Helper()
		sent++
		raw := testnet.Compose("bob@bravo.test", "alice@alpha.test", subject, fmt.Sprintf("number %d\n", sent))
		if err := testnet.SendOne(from.status.Listen.Submission, "bob@bravo.test", "alice@alpha.test", raw); err != nil {
			t.Fatal(err)
		}
	}
	send(b, "before")
	a.await("the mail", func(*api.Status) bool { return a.count("subject:before verdict:verified") == 1 })

	b.stop()
	c := copyOf(b)
	b.start()
	c.begin()
	for _, p := range []*process{b, c} {
		send(p, "atonce")
		p.await("a copy found", func(s *api.Status) bool { return s.Copy != nil && !s.Copy.Stays && s.Mail.Halted != "" })
		p.await("the log to say it", func(*api.Status) bool {
			return strings.Contains(p.stderr.String(), "another process runs with the keys of this node")
		})
	}
	a.await("the peer to know", func(s *api.Status) bool { return len(s.Twice) == 1 && s.Twice[0].Org == "bravo.test" })
	a.await("the log to say it", func(*api.Status) bool { return strings.Contains(a.stderr.String(), "a node is there twice") })

	// Neither takes mail of others, or refuses it for good: it waits there, also for an account
	// that only one of them has.
	cairn(t, "--dir", b.dir, "account", "add", "zoe")
	for _, to := range []string{"bob@bravo.test", "zoe@bravo.test"} {
		raw := testnet.Compose("alice@alpha.test", to, "tocopy", "for "+to+"\n")
		if err := testnet.SendOne(a.status.Listen.Submission, "alice@alpha.test", to, raw); err != nil {
			t.Fatal(err)
		}
	}
	outside := testnet.Compose("x@far.test", "nobody@bravo.test", "outside", "x\n")
	for _, p := range []*process{b, c} {
		if err := testnet.SendOne(p.status.Listen.Inbound, "x@far.test", "nobody@bravo.test", outside); err == nil || !strings.Contains(err.Error(), "421") {
			t.Errorf("the inbound listener of one that is to be silent: %v", err)
		}
	}
	a.await("mail that waits for them", func(s *api.Status) bool { return s.Mail.Queued == 2 && s.Mail.Deferred == 2 })

	// Neither signs: not by the wish of a program, nor after a restart.
	send(b, "silent")
	c.kill()
	c.start()
	send(c, "silent")
	height := func() uint64 {
		s, err := a.ChainStatus(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s.Height
	}
	since := height()
	a.await("more blocks", func(s *api.Status) bool { return s.Chain.Height >= since+10 })
	if n := a.count("subject:silent"); n != 0 {
		t.Errorf("%d mails of a node that is to be silent", n)
	}
	for _, p := range []*process{b, c} {
		s, err := p.Status(t.Context())
		if err != nil || s.Mail.Unsealed == 0 || s.Mail.Halted == "" || s.Copy == nil || s.Copy.Here == nil || s.Copy.Here.Queued == 0 || s.Copy.Here.Taken == 0 {
			t.Errorf("mail that waits: %+v, %v", s, err)
		}
		if n := p.count("subject:tocopy"); n != 0 {
			t.Errorf("%d mails were taken by one that is to be silent", n)
		}
	}
	if s, err := a.Status(t.Context()); err != nil || s.Mail.Queued != 2 || a.count("subject:delivered") != 0 {
		t.Errorf("mail for a node that is there twice: %+v, %v", s.Mail, err)
	}

	// One is told to stay, while the other one still runs: only that one signs again.
	cairn(t, "--dir", b.dir, "org", "node", "stays")
	a.await("its mail", func(*api.Status) bool { return a.count("subject:silent verdict:verified") == 1 })
	b.await("the mail that waited, while the other one is there still", func(*api.Status) bool { return b.count("subject:tocopy") == 2 })
	if n := c.count("subject:tocopy"); n != 0 {
		t.Errorf("%d mails came to the other one", n)
	}
	since = height()
	a.await("more blocks", func(s *api.Status) bool { return s.Chain.Height >= since+40 })
	if s, err := b.Status(t.Context()); err != nil || s.Copy == nil || !s.Copy.Stays || s.Mail.Halted != "" {
		t.Errorf("the one that stays: %+v, %v", s, err)
	}
	if s, err := c.Status(t.Context()); err != nil || s.Copy == nil || s.Copy.Stays {
		t.Errorf("the other one: %+v, %v", s, err)
	}
	c.stop()

	// Then the other one instead, said where it does not run.
	b.stop()
	cairn(t, "--dir", c.dir, "org", "node", "stays")
	c.start()
	a.await("the mail of the other one", func(*api.Status) bool { return a.count("subject:silent verdict:verified") == 2 })
	a.await("no mail that waits", func(s *api.Status) bool { return s.Mail.Pending == 0 })
	if n := a.count("label:spam or verdict:invalid"); n != 0 {
		t.Errorf("%d mails are spam", n)
	}
	signedOnce(t, a, b, c)
}

// signedOnce holds that no two processes signed in one epoch of a recorder key,
// and that nobody was suspended for it.
func signedOnce(t *testing.T, a *process, copies ...*process) {
	t.Helper()
	opened := regexp.MustCompile(`opened an epoch of the recorder key" epoch=(\d+)`)
	seen := make(map[string]bool)
	for _, p := range copies {
		for _, l := range p.logs {
			for _, epoch := range opened.FindAllStringSubmatch(l.String(), -1) {
				if seen[epoch[1]] {
					t.Errorf("epoch %s was opened twice", epoch[1])
				}
				seen[epoch[1]] = true
			}
		}
	}
	if len(seen) < 2*len(copies) {
		t.Errorf("only %d epochs were opened", len(seen))
	}
	status, err := a.ChainStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for height := range status.Height + 1 {
		b, err := a.Block(t.Context(), fmt.Sprint(height))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range b.Events {
			if e.Type == consensus.EventSuspend.String() {
				t.Errorf("block %d: %+v", height, e)
			}
		}
	}
}
