package testnet_test

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"cairn/mailstore/testenv"
	"cairn/node/api"
	"cairn/testnet"
)

// strangersTime is how long each attack of TestStrangers lasts. With CAIRN_STRANGERS, a duration
// such as 60s, it lasts that long, and what it may cost is held; else only that nothing is lost or
// stands still.
func strangersTime(t *testing.T) (each time.Duration, held bool) {
	text := os.Getenv("CAIRN_STRANGERS")
	switch {
	case text == "" && testenv.CI():
		return 3 * time.Second, false
	case text == "":
		return 250 * time.Millisecond, false
	}
	each, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("CAIRN_STRANGERS: %v", err)
	}
	return each, true
}

// What strangers may cost a node.
const (
	mostGrowth = 10 << 20  // bytes on the disk, beside what honest mail takes
	mostMemory = 250 << 20 // resident bytes, beside mostTimes the texts of mail under way
	mostSlower = 2         // times the quiet run's p99
)

// attack is what somebody does to a node until ctx is done.
type attack struct {
	name  string
	texts int64 // bytes of mail texts that it has under way
	foe   *foe  // whose it is; nil: of SMTP clients
	run   func(ctx context.Context, t *testing.T, did *deeds)
}

// deeds counts what an attack brought about: what its victim took, asked for or answered. One that
// does nothing shows nothing.
type deeds struct{ atomic.Int64 }

// TestStrangers sends honest mail from one node to another while hosts and SMTP clients of
// strangers, and then those of a member, do what they can to the receiving one.
func TestStrangers(t *testing.T) {
	each, held := strangersTime(t)
	long := held || testenv.CI() // enough for each to do something
	sideBlocks := 400
	if !held {
		t.Parallel()
		sideBlocks = 40
	}
	a, b := newPair(t)
	c := newProcess(t, "charlie.test", "off", a)
	members(3, a, b, c)
	chain, err := c.ChainStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.stop()

	h := &honest{from: a, to: b}
	quiet := h.during(t, "nobody else", each, func() bool { return true }, func(context.Context) {})
	t.Log(quiet)
	attacks := slices.Concat(smtpAttacks(b), peerAttacks(newFoe(t, "a stranger", b, chain, "", sideBlocks)), peerAttacks(newFoe(t, "a member", b, chain, c.dir, sideBlocks)))
	if !long {
		rand.Shuffle(len(attacks), func(i, j int) { attacks[i], attacks[j] = attacks[j], attacks[i] })
		attacks = attacks[:8]
	}
	for _, k := range attacks {
		if held {
			b.givesBack(mostMemory, residentOf) // what the attack before took
		}
		if k.foe != nil {
			k.foe.comeIn(t, b)
		}
		var did deeds
		m := h.during(t, k.name, each, func() bool { return did.Load() > 0 || !long }, func(ctx context.Context) { k.run(ctx, t, &did) })
		t.Logf("%v; %d deeds", m, did.Load())
		if did.Load() == 0 && long {
			t.Fatalf("%s: it did nothing to the node, for %.0f s", k.name, m.seconds)
		}
		if !held {
			continue
		}
		if m.pace() < quiet.pace()/mostSlower {
			t.Errorf("%s: %.1f blocks/s, quiet %.1f", k.name, m.pace(), quiet.pace())
		}
		if over := m.growth - quiet.growth; over > mostGrowth {
			t.Errorf("%s: the disk took %d MB more than in a quiet run", k.name, over>>20)
		}
		if m.memory > mostMemory+mostTimes*k.texts {
			t.Errorf("%s: %d MB of memory", k.name, m.memory>>20)
		}
		if m.p99() > mostSlower*quiet.p99() {
			t.Errorf("%s: p99 %v, quiet %v", k.name, m.p99(), quiet.p99())
		}
	}
	b.await("no pending mail", func(s *api.Status) bool { return s.Mail.Pending == 0 })
	if n := b.count("subject:honest verdict:verified label:inbox"); n != h.sent {
		t.Errorf("%d of %d honest mails are in the inbox and verified", n, h.sent)
	}
}

// honest is mail that goes on all the time.
type honest struct {
	from, to *process
	sent     int
}

// measured is what a node did and took in a while.
type measured struct {
	name    string
	took    []time.Duration // from the submission of each mail to when it can be found at the receiver's
	blocks  uint64
	growth  int64 // bytes on the disk of the receiver's directory
	memory  int64 // the greatest resident size, in bytes
	seconds float64
}

// pace is how many blocks came in a second.
func (m *measured) pace() float64 { return float64(m.blocks) / m.seconds }

func (m *measured) p99() time.Duration {
	slices.Sort(m.took)
	return m.took[(len(m.took)*99+99)/100-1]
}

func (m *measured) String() string {
	p99 := m.p99()
	return fmt.Sprintf("%-56s %4d mails, median %4d ms, p99 %5d ms; %.1f blocks/s; disk %+6d KB; memory %4d MB", m.name, len(m.took),
		m.took[len(m.took)/2].Milliseconds(), p99.Milliseconds(), m.pace(), m.growth>>10, m.memory>>20)
}

// during sends mail one by one for a while beside what else is done, until that has done enough,
// and waits for a block.
func (h *honest) during(t *testing.T, name string, while time.Duration, enough func() bool, also func(ctx context.Context)) *measured {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m := &measured{name: name}
	began, before, disk := time.Now(), h.height(t), onDisk(t, h.to.dir)
	var wg sync.WaitGroup
	wg.Go(func() { also(ctx) })
	wg.Go(func() { m.memory = h.to.watchMemory(ctx, residentOf) })
	for len(m.took) == 0 || time.Since(began) < while || !enough() && time.Since(began) < while+settle {
		m.took = append(m.took, h.send(t))
	}
	h.to.await("a block meanwhile", func(s *api.Status) bool { return s.Chain.Height > before })
	cancel()
	wg.Wait()
	m.seconds = time.Since(began).Seconds()
	m.blocks, m.growth = h.height(t)-before, onDisk(t, h.to.dir)-disk
	return m
}

func (h *honest) height(t *testing.T) uint64 {
	t.Helper()
	s, err := h.to.ChainStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.Height
}

// send sends a mail and waits until it is there.
func (h *honest) send(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	subject := fmt.Sprintf("honest n%d", h.sent)
	raw := testnet.Compose("alice@alpha.test", "bob@bravo.test", subject, "as every day\n")
	if err := testnet.SendOne(h.from.status.Listen.Submission, "alice@alpha.test", "bob@bravo.test", raw); err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for h.to.count(fmt.Sprintf("subject:%q", subject)) == 0 {
		if time.Since(began) > settle {
			t.Fatalf("%s did not arrive within %v", subject, settle)
		}
		<-tick.C
	}
	h.sent++
	return time.Since(began)
}

// onDisk is how much a folder takes, holes in files left out.
func onDisk(t *testing.T, dir string) (size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // removed meanwhile
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok && d.Type().IsRegular() {
			size += s.Blocks * 512
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}
