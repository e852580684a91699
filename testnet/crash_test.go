package testnet_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/textproto"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/mailstore/testenv"
	"cairn/node/api"
	"cairn/testnet"
)

// sender submits mail at a node all the time, also while the node is not there.
type sender struct {
	p        *process
	from, to string

	mu        sync.Mutex
	at        string          // where the node takes mail; empty: it is killed
	accepted  map[string]bool // by subject: got its 250
	unsure    map[string]bool // handed over, and the connection died
	deferred  int             // answered with 4xx
	permanent []error         // answered with 5xx
}

// pace is the time between two mails of a sender.
const pace = 20 * time.Millisecond

func newSender(p *process, from, to string) *sender {
	return &sender{p: p, from: from, to: to, at: p.status.Listen.Submission, accepted: map[string]bool{}, unsure: map[string]bool{}}
}

func (s *sender) where(at string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = at
}

// run sends until ctx is done.
func (s *sender) run(ctx context.Context) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	var c *testnet.Client
	for n := 0; ; {
		select {
		case <-ctx.Done():
			if c != nil {
				c.Close()
			}
			return
		case <-tick.C:
		}
		if c == nil {
			s.mu.Lock()
			at := s.at
			s.mu.Unlock()
			if c, _ = testnet.DialSMTP(at); c == nil {
				continue
			}
		}
		n++
		if !s.send(c, fmt.Sprintf("crash from %s n%d", s.from, n), n) {
			c.Close()
			c = nil
		}
	}
}

// send hands over one mail and notes what came of it; false: the connection is dead.
func (s *sender) send(c *testnet.Client, subject string, n int) (alive bool) {
	text := strings.Repeat("one of many\n", 1+n%7*40) // some go to the value log
	err := c.Send(s.from, []string{s.to}, testnet.Compose(s.from, s.to, subject, text))
	refusal, answered := errors.AsType[*textproto.Error](err)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.accepted[subject] = true
	case answered && refusal.Code/100 == 4:
		s.deferred++
	case answered:
		s.permanent = append(s.permanent, fmt.Errorf("%s: %w", subject, err))
	default:
		s.unsure[subject] = true
	}
	return err == nil || answered && refusal.Code != 421
}

// crashes is two nodes that are killed while mail goes both ways.
type crashes struct {
	t       *testing.T
	r       *rand.Rand
	senders []*sender

	rounds, kills, both, starting, queued int // queued: kills while mail was in the queue
	accepted, unsure, deferred, lost      int // mails
	took                                  time.Duration
}

// round kills one node or both at a random moment, at times once more while it starts, and starts
// them again.
func (c *crashes) round() {
	list := []*sender{c.senders[c.r.IntN(2)]}
	if c.r.IntN(4) == 0 {
		list = c.senders
		c.both++
	}
	for _, s := range list {
		if status, err := s.p.Status(c.t.Context()); err == nil && status.Mail.Queued > 0 {
			c.queued++
		}
	}
	<-time.After(time.Duration(c.r.IntN(400)) * time.Millisecond)
	for _, s := range list {
		s.p.kill()
		s.where("")
		c.kills++
	}
	for _, s := range list {
		if c.r.IntN(5) == 0 {
			c.killedEarly(s.p)
		}
		s.p.start()
		s.where(s.p.status.Listen.Submission)
	}
	c.rounds++
}

// killedEarly starts a node and kills it before it serves, or soon after.
func (c *crashes) killedEarly(p *process) {
	c.t.Helper()
	cmd := exec.Command(os.Args[0], "--dir", p.dir, "run")
	cmd.Env = append(os.Environ(), asCairn+"=1")
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	<-time.After(time.Duration(c.r.IntN(400)) * time.Millisecond)
	cmd.Process.Kill()
	cmd.Wait()
	c.kills++
	c.starting++
}

// TestCrashes kills two whole nodes at random moments while mail goes both ways all the time: what
// got its 250 is in the right mailbox exactly once, nothing comes back, and no key signs two
// batches with one number.
func TestCrashes(t *testing.T) {
	t.Parallel()
	rounds, seed := testenv.Number(t, crashRounds, 4), rand.Uint64()
	t.Logf("seed %d", seed)
	c := &crashes{t: t, r: rand.New(rand.NewPCG(seed, 0))}
	for c.rounds < rounds {
		c.ofPair(min(roundsOfPair, rounds-c.rounds))
	}
	t.Logf("%d rounds, %d kills, %d of them both nodes at once and %d while a node started; at %d there was mail in the queue; %.1f s a round",
		c.rounds, c.kills, c.both, c.starting, c.queued, c.took.Seconds()/float64(rounds))
	t.Logf("%d mails got their 250, %d were cut off, %d were answered with 4xx; acknowledged and lost: %d", c.accepted, c.unsure, c.deferred, c.lost)
}

// roundsOfPair is how many rounds two nodes live through: records of each start take their turn in
// 20 blocks, so that the queue grows with the rounds.
const roundsOfPair = 100

// ofPair makes rounds with two new nodes, and judges them.
func (c *crashes) ofPair(rounds int) {
	a, b := newPair(c.t)
	alice, bob := newSender(a, "alice@alpha.test", "bob@bravo.test"), newSender(b, "bob@bravo.test", "alice@alpha.test")
	c.senders = []*sender{alice, bob}
	ctx, cancel := context.WithCancel(c.t.Context())
	var sending sync.WaitGroup
	defer sending.Wait()
	defer cancel()
	for _, s := range c.senders {
		sending.Go(func() { s.run(ctx) })
	}
	began := time.Now()
	for range rounds {
		c.round()
	}
	cancel()
	sending.Wait()
	c.took += time.Since(began)

	limit := settle + time.Duration(rounds)*2*consensus.EpochGap*blockTime
	for _, s := range c.senders {
		s.p.awaitWithin(limit, "an empty queue, and all in a block", func(st *api.Status) bool {
			return st.Mail.Queued == 0 && st.Mail.Sealed == 0 && st.Mail.Pending == 0
		})
	}
	c.lost += c.judge(alice, b) + c.judge(bob, a)
	for _, s := range c.senders {
		c.accepted += len(s.accepted)
		c.unsure += len(s.unsure)
		c.deferred += s.deferred
		s.p.stop()
	}
}

// judge holds what a sender was told to what the node of its recipient has, and returns how many
// acknowledged mails are lost.
func (c *crashes) judge(s *sender, at *process) (lost int) {
	c.t.Helper()
	got, others := c.inbox(at)
	for subject := range s.accepted {
		switch n := got[subject]; {
		case n == 0:
			lost++
			c.t.Errorf("%q got its 250 and is lost", subject)
		case n > 1:
			c.t.Errorf("%q is there %d times", subject, n)
		}
		delete(got, subject)
	}
	for _, subject := range slices.Sorted(maps.Keys(got)) {
		if n := got[subject]; n > 1 || !s.unsure[subject] {
			c.t.Errorf("%q is there %d times, and nobody was told that it would be", subject, n)
		}
	}
	for _, other := range others {
		c.t.Errorf("%s has %+v", at.domain, other)
	}
	for _, err := range s.permanent {
		c.t.Errorf("refused for good: %v", err)
	}
	status, err := s.p.Status(c.t.Context())
	if err != nil || status.Mail.Halted != "" {
		c.t.Errorf("%s: %q, %v", s.p.domain, status.Mail.Halted, err)
	}
	for _, log := range s.p.logs {
		if text := log.String(); strings.Contains(text, "signed two batches with one number") {
			c.t.Errorf("a key signed twice: %s", text)
		}
	}
	return lost
}

// inbox counts the subjects of what came in verified, and lists what else came in: reports, and
// mail that is not verified.
func (c *crashes) inbox(at *process) (got map[string]int, others []api.Summary) {
	c.t.Helper()
	got = map[string]int{}
	for offset := 0; ; offset += 500 {
		r, err := at.Search(c.t.Context(), api.SearchRequest{Query: "-label:sent", Limit: 500, Offset: offset})
		if err != nil {
			c.t.Fatal(err)
		}
		for _, m := range r.Messages {
			if m.Verdict == "verified" && strings.HasPrefix(m.Subject, "crash ") && slices.Contains(m.Labels, "inbox") {
				got[m.Subject]++
			} else {
				others = append(others, m)
			}
		}
		if len(r.Messages) < 500 {
			return got, others
		}
	}
}
