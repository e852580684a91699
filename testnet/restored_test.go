package testnet_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cairn/mailstore/testenv"
	"cairn/node/api"
	"cairn/testnet"
)

// TestRestoredFromBackup makes a backup of a node while mail waits in its queue, sends ten mails
// more, kills it, restores the backup and sends: all mail is there once and verified, nothing is
// signed twice, and its key counts still.
func TestRestoredFromBackup(t *testing.T) {
	t.Parallel()
	a, b := newPair(t)
	send := func(subject string, mails int) {
		t.Helper()
		for i := range mails {
			raw := testnet.Compose("bob@bravo.test", "alice@alpha.test", fmt.Sprint(subject, i), "signed once\n")
			if err := testnet.SendOne(b.status.Listen.Submission, "bob@bravo.test", "alice@alpha.test", raw); err != nil {
				t.Fatal(err)
			}
		}
	}
	arrived := func(n int) func(*api.Status) bool {
		return func(*api.Status) bool { return a.count("from:bob verdict:verified label:inbox") == n }
	}

	send("before", 3)
	a.await("the first mails", arrived(3))
	a.stop()
	for i := range 4 { // some of it is in a batch that is closed, some in one that is open
		send(fmt.Sprint("queued", i), 2)
		b.await("all to be sealed", func(s *api.Status) bool { return s.Mail.Queued == 2*i+2 && s.Mail.Unsealed == 0 })
	}
	backup := filepath.Join(t.TempDir(), "b.backup")
	cairn(t, "--dir", b.dir, "backup", "create", backup)
	a.start()
	send("meanwhile", 10)
	a.await("what was sent meanwhile", arrived(3+8+10))
	b.kill()
	if err := os.RemoveAll(b.dir); err != nil {
		t.Fatal(err)
	}

	cairn(t, "--dir", b.dir, "backup", "restore", backup)
	b.start()
	send("after", 5)
	a.await("mail of the restored node", arrived(3+8+10+5))
	b.await("an empty queue", func(s *api.Status) bool { return s.Mail.Queued == 0 && s.Mail.Sealed == 0 && s.Mail.Halted == "" })
	if n := a.count("from:bob"); n != 3+8+10+5 {
		t.Errorf("%d mails arrived, some of them twice or spoilt", n)
	}
}

// A backup is a file of age: the program age opens ours, and what it encrypts is restored.
func TestBackupsOfAge(t *testing.T) {
	t.Parallel()
	age, keygen := testenv.Program(t, "age", "age"), testenv.Program(t, "age-keygen", "age")
	a := newProcess(t, "alpha.test", share, nil)
	cairn(t, "--dir", a.dir, "account", "add", "alice")
	raw := testnet.Compose("alice@alpha.test", "alice@alpha.test", "kept", "in a file\n")
	if err := testnet.SendOne(a.status.Listen.Submission, "alice@alpha.test", "alice@alpha.test", raw); err != nil {
		t.Fatal(err)
	}
	a.await("the mail", func(*api.Status) bool { return a.count("subject:kept label:inbox") == 1 })

	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	foreign := func(name string, args ...string) string {
		t.Helper()
		out, err := exec.Command(name, args...).Output()
		if err != nil {
			t.Fatalf("%s %v: %v", name, args, err)
		}
		return strings.TrimSpace(string(out))
	}
	foreign(keygen, "-o", at("key"))
	recipient := foreign(keygen, "-y", at("key"))
	cairn(t, "--dir", a.dir, "backup", "create", at("ours.age"), "--recipient", recipient)
	a.kill()
	foreign(age, "-d", "-i", at("key"), "-o", at("plain"), at("ours.age"))
	cairn(t, "backup", "verify", at("plain"))
	foreign(age, "-r", recipient, "-o", at("theirs.age"), at("plain"))
	cairn(t, "backup", "verify", at("theirs.age"), "--identity", at("key"))
	a.dir = at("restored")
	cairn(t, "--dir", a.dir, "backup", "restore", at("theirs.age"), "--identity", at("key"))
	a.start()
	a.await("the mail", func(*api.Status) bool { return a.count("subject:kept label:inbox") == 1 })
}

// A node that is restored has nothing of the chain: until it is there, it tells nobody for good
// that the account of another node of its organisation is not there.
func TestRestoredNodeRefusesNobodyForGood(t *testing.T) {
	inCI(t)
	t.Parallel()
	a, b := newPair(t)
	second := a.addNode("dora")
	second.await("its place on the chain", func(*api.Status) bool { return second.key() != "" })
	backup := filepath.Join(t.TempDir(), "second.backup")
	cairn(t, "--dir", second.dir, "backup", "create", backup)
	for _, p := range []*process{second, a, b} {
		p.kill()
	}
	if err := os.RemoveAll(second.dir); err != nil {
		t.Fatal(err)
	}
	cairn(t, "--dir", second.dir, "backup", "restore", backup)
	second.start()
	post := func(subject string) error {
		raw := testnet.Compose("stranger@elsewhere.test", "alice@alpha.test", subject, "for the other node\n")
		return testnet.SendOne(second.status.Listen.Inbound, "stranger@elsewhere.test", "alice@alpha.test", raw)
	}
	if err := post("early"); err == nil || !strings.Contains(err.Error(), "451") {
		t.Errorf("without the chain: %v", err)
	}
	a.start()
	second.await("the way to the other node", func(*api.Status) bool { return post("late") == nil })
	a.await("the mail", func(*api.Status) bool { return a.count("subject:late label:inbox") > 0 })
}
