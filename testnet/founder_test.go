package testnet_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cairn/node/api"
	"cairn/testnet"
)

// TestRestoredFounder restores the node that all others have dialled, and that has dialled none, at
// another address: it makes no chain of its own, says what it lacks, and goes on with that of the
// others once it has been given the address of one, or is told that they are gone.
func TestRestoredFounder(t *testing.T) {
	inCI(t)
	t.Parallel()
	a, b := newPair(t)
	mail := testnet.Compose("bob@bravo.test", "alice@alpha.test", "before", "recorded\n")
	if err := testnet.SendOne(b.status.Listen.Submission, "bob@bravo.test", "alice@alpha.test", mail); err != nil {
		t.Fatal(err)
	}
	a.await("the mail", func(*api.Status) bool { return a.count("subject:before verdict:verified") == 1 })
	known := filepath.Join(a.dir, "known-peers")
	a.await("the address of who dialled it", func(*api.Status) bool {
		text, _ := os.ReadFile(known)
		return strings.Contains(string(text), b.status.Listen.P2P[0])
	})
	a.await("more blocks", func(s *api.Status) bool { return s.Chain.Height >= 40 })
	a.stop()
	if err := os.Remove(known); err != nil { // as when nobody who announced an address answered at it
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "a.backup")
	cairn(t, "--dir", a.dir, "backup", "create", backup)
	had := b.height()

	c := &process{t: t, dir: filepath.Join(t.TempDir(), "restored"), domain: a.domain}
	said := cairn(t, "--dir", c.dir, "backup", "restore", backup)
	if !strings.Contains(said, "no address of another node is in the backup") || !strings.Contains(said, "peers connect ADDRESS --dir "+c.dir) {
		t.Errorf("restore says:\n%s", said)
	}
	c.movePort()
	c.begin()
	waits := func(from *process) {
		t.Helper()
		s, err := from.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Chain.Height != 0 || s.Chain.MiningWaits == "" || s.Chain.MiningNext == "" || s.Mail.Halted != s.Chain.MiningWaits || s.Mail.Pending != 1 {
			t.Errorf("without the chain: %+v", s)
		}
		text := cairn(t, "--dir", from.dir, "status")
		if chain := cairn(t, "--dir", from.dir, "chain", "status"); !strings.Contains(text, "%, not now: the chain ends at block 0 here") || !strings.Contains(chain, s.Chain.MiningWaits) {
			t.Errorf("status says:\n%s\n%s", text, chain)
		}
	}
	b.await("blocks meanwhile", func(s *api.Status) bool { return s.Chain.Height >= had+10 })
	c.await("its mail to wait again", func(s *api.Status) bool { return s.Mail.Pending == 1 })
	waits(c)
	c.await("the log to say it", func(*api.Status) bool { return strings.Contains(c.stderr.String(), "this node is without the chain") })
	mail = testnet.Compose("alice@alpha.test", "bob@bravo.test", "after", "it waits\n")
	if err := testnet.SendOne(c.status.Listen.Submission, "alice@alpha.test", "bob@bravo.test", mail); err != nil {
		t.Fatal(err)
	}
	if list := cairn(t, "--dir", c.dir, "queue", "ls", "--json"); !strings.Contains(list, "the chain ends at block 0 here") || !strings.Contains(list, `"waits_for":"record"`) && !strings.Contains(list, `"waits_for": "record"`) {
		t.Errorf("the queue says:\n%s", list)
	}

	cairn(t, "--dir", c.dir, "peers", "connect", b.status.Listen.P2P[0])
	c.await("the chain", func(s *api.Status) bool {
		return s.Chain.Height >= had && s.Chain.MiningWaits == "" && s.Mail.Halted == ""
	})
	c.await("what was recorded", func(*api.Status) bool { return c.count("subject:before verdict:verified") == 1 })
	b.await("the mail that waited", func(*api.Status) bool { return b.count("subject:after verdict:verified") == 1 })

	// The others are gone for good.
	b.kill()
	c.stop()
	for _, name := range []string{"known-peers", "chain"} {
		if err := os.RemoveAll(filepath.Join(c.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	c.start()
	if s, err := c.Status(t.Context()); err != nil || s.Chain.Height != 0 || s.Chain.MiningWaits == "" {
		t.Errorf("without the chain: %+v, %v", s, err)
	}
	c.stop()
	c.start("--alone")
	c.await("blocks of its own", func(s *api.Status) bool {
		return s.Chain.Height > 5 && s.Chain.MiningWaits == "" && s.Mail.Halted == ""
	})
	c.stop()
	c.start()
	c.await("more of them", func(s *api.Status) bool { return s.Chain.MiningWaits == "" && s.Chain.Height > 10 })
}

// A node that never had others goes on after a restore, and after a restart.
func TestRestoredWithNobodyElse(t *testing.T) {
	inCI(t)
	t.Parallel()
	a := newProcess(t, "alpha.test", share, nil)
	a.await("blocks", func(s *api.Status) bool { return s.Chain.Height > 30 })
	backup := filepath.Join(t.TempDir(), "a.backup")
	cairn(t, "--dir", a.dir, "backup", "create", backup)
	a.stop()
	a.dir = filepath.Join(t.TempDir(), "restored")
	if said := cairn(t, "--dir", a.dir, "backup", "restore", backup); strings.Contains(said, "address of another node") {
		t.Errorf("restore says:\n%s", said)
	}
	for range 2 {
		a.start()
		height := a.height()
		a.await("blocks", func(s *api.Status) bool { return s.Chain.Height > height+3 && s.Chain.MiningWaits == "" })
		a.stop()
	}
	a.start()
}
