package testnet_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/mailstore/testenv"
	"cairn/node/api"
	"cairn/testnet"
)

// named is how soon a node must have said that its clock is wrong.
const named = time.Minute

// turn sets the node's clock wrong, or right again.
func (p *process) turn(by time.Duration) {
	p.t.Helper()
	next := p.clock + ".next"
	if err := os.WriteFile(next, []byte(by.String()), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(next, p.clock); err != nil {
		p.t.Fatal(err)
	}
}

// clocks are two organisations that mine, and whose mail is on its way while the
// clock of the second one is wrong.
type clocks struct {
	*testing.T
	a, b *process
	sent map[*process][]string // subjects by who got them
}

func newClocks(t *testing.T) *clocks {
	t.Helper()
	w := &clocks{T: t, a: newProcess(t, "alpha.test", share, nil), sent: make(map[*process][]string)}
	w.b = &process{t: t, dir: filepath.Join(t.TempDir(), "n"), domain: "bravo.test", clock: filepath.Join(t.TempDir(), "clock")}
	w.b.make(share, w.a)
	w.b.begin()
	for _, p := range []*process{w.a, w.b} {
		cairn(t, "--dir", p.dir, "account", "add", "ann")
	}
	trustAll(t, w.a, w.b)
	members(2, w.a, w.b)
	return w
}

// mail sends one each way.
func (w *clocks) mail(when string) {
	w.Helper()
	for _, way := range [][2]*process{{w.a, w.b}, {w.b, w.a}} {
		from, to := way[0], way[1]
		subject := fmt.Sprintf("%s%d%s", when, len(w.sent[to]), strings.TrimSuffix(to.domain, ".test"))
		raw := testnet.Compose("ann@"+from.domain, "ann@"+to.domain, subject, "by whatever clock\n")
		if err := testnet.SendOne(from.status.Listen.Submission, "ann@"+from.domain, "ann@"+to.domain, raw); err != nil {
			w.Fatal(err)
		}
		w.sent[to] = append(w.sent[to], subject)
	}
}

// blocks waits until a node has n more.
func (w *clocks) blocks(p *process, n uint64) {
	w.Helper()
	s, err := p.ChainStatus(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	p.await(fmt.Sprintf("%d more blocks", n), func(now *api.Status) bool { return now.Chain.Height >= s.Height+n })
}

// isNamed waits until the node says in its status and its log that its clock is
// wrong.
func (w *clocks) isNamed(since time.Time, what string) {
	w.Helper()
	w.b.await("the clock named", func(s *api.Status) bool {
		return strings.Contains(strings.Join(s.Clock.Findings, "; "), what)
	})
	w.b.await("the clock named in the log", func(*api.Status) bool { return strings.Contains(w.b.stderr.String(), what) })
	if took := time.Since(since); took > named {
		w.Errorf("it took %v to name the clock", took)
	}
}

// allVerified waits until all mail has its verdict.
func (w *clocks) allVerified() {
	w.Helper()
	for p, sent := range w.sent {
		p.await("all mail verified", func(*api.Status) bool {
			return p.count("verdict:verified label:inbox from:ann") == len(sent)
		})
		if n := p.count("label:spam"); n != 0 {
			w.Errorf("%s: %d mails are spam", p.domain, n)
		}
		for _, subject := range sent {
			if n := p.count("subject:" + subject); n != 1 {
				w.Errorf("%s: %q is there %d times", p.domain, subject, n)
			}
		}
	}
	for _, p := range []*process{w.a, w.b} {
		p.await("an empty queue", func(s *api.Status) bool { return s.Mail.Queued == 0 })
	}
}

// setRight sets the clock right again: then nothing is left of what was wrong.
func (w *clocks) setRight() {
	w.Helper()
	w.mail("atlast")
	w.b.turn(0)
	w.b.await("nothing wrong with the clock", func(s *api.Status) bool { return len(s.Clock.Findings) == 0 && !s.Clock.Waiting })
	w.mail("after")
	w.allVerified()
	w.blocks(w.b, 5)
}

// offsets are by how much a clock is wrong: in CI all, elsewhere the one that is neither small nor
// absurd.
func offsets() (list []time.Duration) {
	for _, by := range []time.Duration{5 * time.Minute, 2 * time.Hour, 87600 * time.Hour} {
		if by == 2*time.Hour || testenv.CI() {
			list = append(list, by, -by)
		}
	}
	return list
}

// TestClockTurned sets a node's clock wrong while it runs, and right again.
func TestClockTurned(t *testing.T) {
	t.Parallel()
	for _, by := range offsets() {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			w := newClocks(t)
			w.mail("before")
			begin := time.Now()
			w.b.turn(by)
			w.mail("atonce")
			w.isNamed(begin, "while the node was running")
			w.mail("meanwhile")
			w.blocks(w.a, 10)
			w.setRight()
		})
	}
}

// TestClockWrongAtTheStart starts a node with a wrong clock, which it mines by
// for a while if nobody can tell it: its blocks of before are left later.
func TestClockWrongAtTheStart(t *testing.T) {
	t.Parallel()
	for _, by := range offsets() {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			w := newClocks(t)
			w.mail("before")
			w.allVerified()
			w.b.stop()
			begin := time.Now()
			w.b.turn(by)
			w.b.start()
			w.b.await("a connection", func(s *api.Status) bool { return s.Peers == 1 })
			w.isNamed(begin, "by the clocks of other organisations (1 asked)")
			w.mail("meanwhile")
			w.blocks(w.a, 20)
			w.setRight()
			w.blocks(w.a, 5)
		})
	}
}

// TestClockAheadAndAnotherRecorderKey lets a node take another recorder key by a clock that is
// ahead, with which it mines alone: it leaves those blocks later, whichever of its keys has signed
// them, and the key comes again.
func TestClockAheadAndAnotherRecorderKey(t *testing.T) {
	inCI(t)
	t.Parallel()
	w := newClocks(t)
	w.mail("before")
	w.allVerified()
	w.a.stop()
	w.b.stop()
	w.b.turn(2 * time.Hour)
	w.b.start()
	w.b.rekey()
	w.b.await("the next key in its place", func(*api.Status) bool {
		return len(w.b.keys("recorder-old-*.pem")) == 1 && len(w.b.keys("recorder-next.pem")) == 0
	})
	w.blocks(w.b, 2)
	w.a.start()
	w.b.await("a connection", func(s *api.Status) bool { return s.Peers == 1 })
	w.setRight()
	w.a.changed(w.b, "recorder")
	w.blocks(w.a, 5)
}
