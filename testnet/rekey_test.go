package testnet_test

import (
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/node/api"
)

// A node takes another recorder key while mail is sent through it, and is killed before it has gone
// on with that; a backup of before brings it back with one more. All that was accepted is verified,
// and nothing is signed twice.
func TestAnotherRecorderKeyUnderLoad(t *testing.T) {
	inCI(t)
	t.Parallel()
	a, b := newPair(t)
	bob := "bob@" + b.domain
	backup := filepath.Join(t.TempDir(), "a.backup")
	before := a.load("alice", bob, "before")
	b.await("mail", func(*api.Status) bool { return b.count("subject:before verdict:verified") > 0 })
	recorder, key := a.recorder(), a.key()
	a.rekey()
	a.kill()
	a.start()
	during := a.load("alice", bob, "during")
	first := b.changed(a, "recorder")
	if first.From != recorder || first.Node != key { // it may be starting anew with that key now
		t.Errorf("changed: %+v", first)
	}
	a.await("the next key in its place", func(*api.Status) bool {
		return len(a.keys("recorder-old-*.pem")) == 1 && len(a.keys("recorder-next.pem")) == 0
	})
	next := a.load("alice", bob, "next") // to start anew has cut off the one before
	b.await("mail with the key", func(*api.Status) bool { return b.count("subject:next verdict:verified") > 10 })
	a.kill()
	a.start()
	after := a.load("alice", bob, "after")
	b.await("mail after another start", func(*api.Status) bool { return b.count("subject:after verdict:verified") > 0 })
	after.end()
	empty := func(s *api.Status) bool { return s.Mail.Queued == 0 }
	a.await("an empty queue", empty) // one more than got its 250 may have come, before one that is tried again later
	for _, l := range []*load{before, during, next, after} {
		b.all(l)
	}

	// What a backup of before is worth: the key in it counts no more.
	cairn(t, "--dir", a.dir, "backup", "create", backup)
	a.rekey()
	a.await("one more key in its place", func(*api.Status) bool { return len(a.keys("recorder-old-*.pem")) == 2 })
	height := a.height()
	a.await("the end of the key before", func(s *api.Status) bool { return s.Chain.Height > height+consensus.DropGrace/2 })
	a.kill()
	if err := os.RemoveAll(a.dir); err != nil {
		t.Fatal(err)
	}
	cairn(t, "--dir", a.dir, "backup", "restore", backup)
	a.start()
	a.await("word that the key counts no more", func(s *api.Status) bool {
		return strings.Contains(s.Org.Ended, "was replaced in block") && s.Mail.Next == "cairn org node rekey"
	})
	restored := a.load("alice", bob, "restored")
	a.rekey()
	b.await("mail of the restored node", func(*api.Status) bool { return b.count("subject:restored verdict:verified") > 0 })
	restored.end()
	a.await("an empty queue", empty)
	b.all(restored)
	if n := b.count("label:spam") + b.count("verdict:invalid"); n != 0 {
		t.Errorf("%d mails are spam or invalid", n)
	}
	if l, err := b.OrgChanges(t.Context(), a.domain); err != nil || slices.ContainsFunc(l.Changes, func(c api.OrgChange) bool { return c.What == "node-suspended" }) {
		t.Errorf("changes %+v, %v", l, err)
	}
}

// Of two nodes of an organisation one takes another recorder key on a side of a network that was
// split, and mail that it sends there is verified; on the other side, which is the longer one, the
// organisation makes another event. Once the sides have met the node brings its key again by
// itself, and all that it sent is verified.
func TestAnotherRecorderKeyOnTheLosingSide(t *testing.T) {
	inCI(t)
	t.Parallel()
	a, b := newPair(t)
	second, bob := a.addNode("dora"), "bob@"+b.domain
	a.stop()
	second.rekey()
	second.await("the next key in its place", func(*api.Status) bool {
		return len(second.keys("recorder-old-*.pem")) == 1 && len(second.keys("recorder-next.pem")) == 0
	})
	there := second.load("dora", bob, "there")
	b.await("mail with the key", func(*api.Status) bool { return b.count("subject:there verdict:verified") > 0 })
	there.end()
	b.await("all of it", func(*api.Status) bool { return b.count("subject:there verdict:verified") == b.count("subject:there") })
	second.stop()
	work := b.moreWork(10) // it mines on until it has stopped
	b.stop()

	a.start()
	cairn(t, "--dir", a.dir, "org", "update", "--name", "Another")
	a.await("the longer side", func(*api.Status) bool { return a.work().Cmp(work) > 0 })
	b.start()
	second.start()
	b.changed(a, "name")
	b.changed(a, "recorder") // again
	after := second.load("dora", bob, "after")
	b.await("mail after that", func(*api.Status) bool { return b.count("subject:after verdict:verified") > 0 })
	after.end()
	second.await("an empty queue", func(s *api.Status) bool { return s.Mail.Queued == 0 && s.Mail.Sealed == 0 && s.Mail.Halted == "" })
	for _, l := range []*load{there, after} {
		b.all(l)
	}
	if n := b.count("label:spam") + b.count("verdict:invalid"); n != 0 {
		t.Errorf("%d mails are spam or invalid", n)
	}
}

// rekey gives the node another recorder key as soon as a block takes one.
func (p *process) rekey() {
	p.t.Helper()
	p.await("a block that takes another recorder key", func(*api.Status) bool {
		_, stderr, code := runCairn(p.t, "--dir", p.dir, "org", "node", "rekey")
		if code != 0 && code != 75 {
			p.t.Fatalf("exit code %d: %s", code, stderr)
		}
		return code == 0
	})
}

// keys are the files of the node's keys with such a name.
func (p *process) keys(pattern string) []string {
	p.t.Helper()
	list, err := filepath.Glob(filepath.Join(p.dir, "keys", pattern))
	if err != nil {
		p.t.Fatal(err)
	}
	return list
}

// recorder is the recorder key that counts for the node.
func (p *process) recorder() string {
	p.t.Helper()
	l, err := p.OrgNodes(p.t.Context())
	if err != nil || len(l.Nodes) != 1 {
		p.t.Fatalf("%+v, %v", l, err)
	}
	return l.Nodes[0].Recorder
}

func (p *process) height() uint64 { p.t.Helper(); return p.chain().Height }

func (p *process) chain() *api.ChainStatus {
	p.t.Helper()
	s, err := p.ChainStatus(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// moreWork is the work of the node's chain with some blocks more.
func (p *process) moreWork(blocks int64) *big.Int {
	p.t.Helper()
	more := new(big.Int).Mul(p.work(), big.NewInt(blocks))
	more.Div(more, new(big.Int).SetUint64(max(1, p.height())))
	return more.Add(more, p.work())
}

// work is that of the chain as the node has it.
func (p *process) work() *big.Int {
	p.t.Helper()
	w, ok := new(big.Int).SetString(p.chain().Work, 10)
	if !ok {
		p.t.Fatal("no work")
	}
	return w
}
