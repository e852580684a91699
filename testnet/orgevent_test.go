package testnet_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cairn/node/api"
	"cairn/testnet"
)

// load is mail that a program sends through a node, one after another without a
// break, until it is told to stop or the node ends.
type load struct {
	from, to string
	word     string // in each subject
	quit     chan struct{}
	done     chan struct{}
	accepted int // those that got their 250; read when done
	err      error
}

// pause is between two mails of a load.
const pause = 50 * time.Millisecond

// load begins to send from an account of p.
func (p *process) load(account, to, word string) *load {
	l := &load{from: account + "@" + p.domain, to: to, word: word, quit: make(chan struct{}), done: make(chan struct{})}
	addr := p.status.Listen.Submission
	go func() {
		defer close(l.done)
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			raw := testnet.Compose(l.from, l.to, fmt.Sprintf("%s n%d", word, l.accepted), "one of many\n")
			if l.err = testnet.SendOne(addr, l.from, l.to, raw); l.err == nil {
				l.accepted++
			} else if l.accepted > 0 { // else the node may just be starting anew
				return
			}
			select {
			case <-tick.C:
			case <-l.quit:
				return
			}
		}
	}()
	p.t.Cleanup(func() { l.end() })
	return l
}

// end stops the load and says how many mails got their 250.
func (l *load) end() int {
	select {
	case <-l.quit:
	default:
		close(l.quit)
	}
	<-l.done
	return l.accepted
}

// all waits until every mail of a load that got its 250 is at p, once, and verified.
func (p *process) all(l *load) {
	p.t.Helper()
	n := l.end()
	if n == 0 {
		p.t.Fatalf("nothing of %q was sent: %v", l.word, l.err)
	}
	p.await(fmt.Sprintf("%d mails of %q verified", n, l.word), func(*api.Status) bool {
		return p.count(fmt.Sprintf("subject:%s verdict:verified", l.word)) >= n
	})
	seen, as := make(map[string]int), make(map[string][]string)
	for offset, more := 0, true; more; offset += 500 {
		r, err := p.Search(p.t.Context(), api.SearchRequest{Query: fmt.Sprintf("subject:%s", l.word), Limit: 500, Offset: offset})
		if err != nil {
			p.t.Fatal(err)
		}
		for _, m := range r.Messages {
			seen[m.Subject]++
			as[m.Subject] = append(as[m.Subject], fmt.Sprintf("%s %s %s %v", m.Received.Format(time.TimeOnly), m.Ref, m.Verdict, m.Labels))
		}
		more = len(r.Messages) == 500
	}
	for i := range n {
		subject := fmt.Sprintf("%s n%d", l.word, i)
		if seen[subject] != 1 {
			p.t.Errorf("%q is there %d times: %q", subject, seen[subject], as[subject])
		}
		delete(seen, subject)
	}
	// One more may have come whose 250 was lost with the node.
	if len(seen) > 1 {
		p.t.Errorf("nobody sent %v", seen)
	}
}

// A node of an organisation comes, is killed, and goes while mail is sent through it and through
// the organisation's other node: all that was accepted is verified.
func TestNodeComesAndGoesUnderLoad(t *testing.T) {
	inCI(t)
	t.Parallel()
	a, b := newPair(t)
	bob := "bob@" + b.domain
	first := a.load("alice", bob, "first")
	second := a.addNode("dora")
	killed := second.load("dora", bob, "killed")
	b.await("mail of the new node", func(*api.Status) bool { return b.count("subject:killed verdict:verified") > 0 })
	second.kill()
	second.start()
	dropped := second.load("dora", bob, "dropped")
	b.await("mail of the new node", func(*api.Status) bool { return b.count("subject:dropped verdict:verified") > 0 })
	cairn(t, "--dir", a.dir, "org", "node", "drop", second.key())
	b.changed(a, "node-dropped")
	b.await("word that the peer has ended", func(*api.Status) bool {
		l, err := b.Peers(t.Context())
		return err == nil && slices.ContainsFunc(l.Peers, func(p api.Peer) bool { return p.Ended && p.Org == "alpha.test" })
	})
	dropped.end()
	before := b.count("subject:first verdict:verified")
	b.await("more mail of the other node", func(*api.Status) bool { return b.count("subject:first verdict:verified") > before })
	for _, l := range []*load{killed, dropped, first} {
		b.all(l)
	}
	if n := b.count("label:spam"); n != 0 {
		t.Errorf("%d mails are spam", n)
	}
}

// An organisation's key changes while its mail is under way and its node is killed: all mail is
// verified by who trusts it, and the administrator there is told of the keys.
func TestKeyChangesWithMailUnderWay(t *testing.T) {
	t.Parallel()
	a, b := newPair(t)
	before := a.load("alice", "bob@"+b.domain, "before")
	b.await("mail", func(*api.Status) bool { return b.count("subject:before verdict:verified") > 0 })
	cairn(t, "--dir", a.dir, "org", "rotate-key", "--recovery", a.recovery())
	a.kill()
	a.start()
	after := a.load("alice", "bob@"+b.domain, "after")
	key := b.changed(a, "key").To
	a.changed(a, "key")
	cairn(t, "--dir", a.dir, "org", "rotate-key")
	b.changed(a, "key-pending")
	shown := b.count("subject:after verdict:verified")
	b.await("mail under the new key", func(*api.Status) bool { return b.count("subject:after verdict:verified") > shown })
	b.all(before)
	b.all(after)
	b.await("word to the administrator", func(*api.Status) bool { return b.count(`subject:"Keys of alpha.test have changed"`) > 0 })
	o, err := b.Orgs(t.Context(), a.domain)
	if err != nil || len(o.Orgs) != 1 || o.Orgs[0].Key != key || len(o.Orgs[0].Trusted) != 1 {
		t.Errorf("the pin does not follow: %+v, %v", o, err)
	}
}

// A thief has the organisation's key and a node's: the recovery key takes back what the thief has
// announced. What was recorded before stays verified, and the node's records count no more.
func TestRevocationBeatsAPendingRotation(t *testing.T) {
	inCI(t)
	t.Parallel()
	a, b := newPair(t)
	bob := "bob@" + b.domain
	stolen := a.addNode("dora")
	before := stolen.load("dora", bob, "before")
	b.await("mail of the new node", func(*api.Status) bool { return b.count("subject:before verdict:verified") > 0 })
	before.end()
	b.all(before)
	cairn(t, "--dir", a.dir, "org", "rotate-key")
	for _, p := range []*process{a, b} {
		if pending := p.changed(a, "key-pending"); pending.Counts <= pending.Height {
			t.Errorf("announced: %+v", pending)
		}
	}
	cairn(t, "--dir", a.dir, "org", "revoke", "--recovery", a.recovery(), "-o", t.TempDir()+"/next.pem", "--node", stolen.key())
	for _, what := range []string{"key-revoked", "key-pending-gone", "node-revoked"} {
		b.changed(a, what)
	}
	b.all(before)
	if text, _ := cairnFails(t, "--dir", a.dir, "org", "recovery-key", "-o", filepath.Join(t.TempDir(), "used.pem")); !strings.Contains(text, "is not there") {
		t.Errorf("the recovery key that was used passes for one that counts: %s", text)
	}
	stolen.await("its end", func(s *api.Status) bool { return s.Mail.Halted != "" && s.Org.Ended != "" })
	after := stolen.load("dora", bob, "after")
	other := a.load("alice", bob, "other")
	b.await("mail of the other node", func(*api.Status) bool { return b.count("subject:other verdict:verified") > 5 })
	after.end()
	b.all(other)
	if n := b.count("subject:after"); n != 0 {
		t.Errorf("%d mails of a revoked node have come", n)
	}
	cairn(t, "--dir", a.dir, "org", "update", "--name", "Alpha again")
	b.changed(a, "name")
}

// recovery is the file of the recovery key that the node was made with.
func (p *process) recovery() string { return p.dir + "/keys/recovery.pem" }

// key is the node's key.
func (p *process) key() string {
	p.t.Helper()
	l, err := p.OrgNodes(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, n := range l.Nodes {
		if n.Here {
			return n.Node
		}
	}
	p.t.Fatalf("%s is no node of its organisation", p.dir)
	return ""
}

// changed waits until p's chain has a change of another organisation.
func (p *process) changed(of *process, what string) (found api.OrgChange) {
	p.t.Helper()
	p.await(what, func(*api.Status) bool {
		l, err := p.OrgChanges(p.t.Context(), of.domain)
		if err != nil {
			return false
		}
		for _, c := range l.Changes {
			if c.What == what {
				found = c
				return true
			}
		}
		return false
	})
	return found
}

// addNode makes one more node of p's organisation with an account, which trusts
// whom p trusts, and starts it.
func (p *process) addNode(account string) *process {
	t := p.t
	t.Helper()
	q := &process{t: t, dir: t.TempDir() + "/n", domain: p.domain}
	q.init("off")
	request := cairn(t, "--dir", q.dir, "org", "node", "request", cairn(t, "--dir", p.dir, "org", "invite"))
	admission := ""
	for _, word := range strings.Fields(cairn(t, "--dir", p.dir, "org", "node", "add", request)) {
		if strings.HasPrefix(word, "cairn-admission2:") {
			admission = word
		}
	}
	cairn(t, "--dir", q.dir, "join", admission)
	q.begin()
	q.await("its membership", func(s *api.Status) bool { return s.Org.Enrolled })
	cairn(t, "--dir", q.dir, "account", "add", account)
	pins, err := p.Pins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, pin := range pins.Pins {
		if pin.Domain != p.domain {
			cairn(t, "--dir", q.dir, "org", "trust", pin.Domain, pin.Key)
		}
	}
	return q
}

// Whoever puts another key in the place of the organisation's, and gets no answer, keeps all keys:
// the change may be on its way.
func TestKeysStayWhenNoAnswerComes(t *testing.T) {
	t.Parallel()
	a, b := newPair(t)
	next := filepath.Join(t.TempDir(), "next.pem")
	mend := cutAnswers(t, a, "/1/org/propose")
	text, code := cairnFails(t, "--dir", a.dir, "org", "revoke", "--recovery", a.recovery(), "-o", next)
	mend()
	if code != 75 || !strings.Contains(text, next) || !strings.Contains(text, "keys/org-old-") {
		t.Errorf("exit code %d: %s", code, text)
	}
	for _, p := range []*process{a, b} {
		p.changed(a, "key-revoked")
	}
	cairn(t, "--dir", a.dir, "org", "update", "--name", "Alpha still")
	b.changed(a, "name")
	cairn(t, "--dir", a.dir, "org", "revoke", "--recovery", next, "-o", filepath.Join(t.TempDir(), "third.pem"))
}

// cutAnswers stands between a node and its command line: connections break when the node has
// answered to that path. What it returns takes that back.
func cutAnswers(t *testing.T, p *process, path string) (mend func()) {
	t.Helper()
	front := filepath.Join(p.dir, api.SocketFile)
	actual := front + ".real"
	if err := os.Rename(front, actual); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", front)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { cut(c, actual, path) })
		}
	})
	return func() {
		l.Close()
		all.Wait()
		if err := os.Rename(actual, front); err != nil {
			t.Fatal(err)
		}
	}
}

// cut passes on what goes to the node, and its answers until one to path.
func cut(c net.Conn, to, path string) {
	defer c.Close()
	node, err := net.Dial("unix", to)
	if err != nil {
		return
	}
	defer node.Close()
	var asked atomic.Bool
	go func() {
		defer node.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := c.Read(buf)
			if bytes.Contains(buf[:n], []byte(path)) {
				asked.Store(true)
			}
			if _, werr := node.Write(buf[:n]); err != nil || werr != nil {
				return
			}
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := node.Read(buf)
		if asked.Load() || err != nil {
			return
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return
		}
	}
}
