package chain

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/mailstore/scratch"
	"cairn/mailstore/testenv"
)

// crashDir, in the environment, makes the test binary a process that only adds
// blocks to the chain in that directory until it is killed.
const crashDir = "CAIRN_CHAIN_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		addUntilKilled(dir)
		return
	}
	if !testenv.CI() { // each check opens a database; the command line may ask for more
		if err := flag.Set("rapid.checks", "30"); err != nil {
			panic(err)
		}
	}
	os.Exit(scratch.InMemory(m).Run())
}

type panicking struct{}

func (panicking) Helper()                   {}
func (panicking) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (panicking) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

// addUntilKilled extends and reorganises, and says each new tip on standard
// output once the Manager has taken it.
func addUntilKilled(dir string) {
	net := chaintest.New(3)
	m, _ := open(panicking{}, net, dir)
	m.stepLimit = 1
	recent := []*consensus.State{m.State()} // of the best branch, newest last
	for {
		back := 0
		if rand.IntN(4) == 0 {
			back = rand.IntN(len(recent))
		}
		recent = recent[:len(recent)-back]
		for added := false; !added; {
			s := recent[len(recent)-1]
			var body chaintest.Body
			if len(s.Orgs()) < len(net.Orgs) {
				body.Events = net.Enrolments()
			} else {
				body.Batches = net.Batches(s, rand.IntN(3), rand.IntN(4), fmt.Sprint(rand.Uint64()))
			}
			b := net.Mine(s, 0, body)
			status, err := m.AddBlock(b, late)
			if err != nil && !errors.Is(err, ErrKnown) {
				panic(err)
			}
			added = status == Extended || status == Reorganised
			next, _ := consensus.ApplyBlock(s, b)
			recent = append(recent, next)
		}
		recent = recent[max(0, len(recent)-12):]
		fmt.Printf("%s %s\n", m.State().Work(), m.Tip().ID)
	}
}

// A process that is killed at any moment leaves a store that opens again with
// all that was acknowledged.
func TestKill(t *testing.T) {
	net, dir := chaintest.New(3), t.TempDir()
	for round := range 10 {
		work, id := runAndKill(t, dir, time.Duration(rand.IntN(60))*time.Millisecond)
		m, shut := open(t, net, dir)
		if m.State().Work().Cmp(work) < 0 {
			t.Fatalf("round %d: tip %v has work %v, but %v was acknowledged", round, m.Tip(), m.State().Work(), work)
		}
		if _, err := m.Block(id); err != nil {
			t.Fatalf("round %d: acknowledged block %s: %v", round, id, err)
		}
		checkReplay(t, m)
		checkEntries(t, m)
		shut()
	}
}

// runAndKill starts a process, kills it some time after its first block, and
// returns the last tip that it acknowledged.
func runAndKill(t *testing.T, dir string, after time.Duration) (work consensus.Work, id consensus.Hash) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	var kill *time.Timer
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if kill == nil {
			kill = time.AfterFunc(after, func() { cmd.Process.Kill() })
			defer kill.Stop()
		}
		var w, h string
		if _, err := fmt.Sscan(line, &w, &h); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if err := errors.Join(work.UnmarshalText([]byte(w)), id.UnmarshalText([]byte(h))); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err == nil || kill == nil {
		t.Fatalf("the process ended by itself: %v", err)
	}
	return work, id
}

// checkEntries checks that nothing of an unfinished step is left: no target,
// and undo data and heights for just the best branch.
func checkEntries(t testingT, m *Manager) {
	t.Helper()
	err := m.store.View(func(tx Reader) error {
		if _, err := getHash(tx, keyTarget); !errors.Is(err, ErrNotFound) {
			t.Fatalf("a target of a reorganisation is left (%v)", err)
		}
		undos := uint64(0)
		err := scan(tx, prefixUndo, 32, func(_, _ []byte) error { undos++; return nil })
		if undos != m.Tip().Height {
			t.Fatalf("undo data of %d blocks, the best branch has %d", undos, m.Tip().Height)
		}
		if err != nil {
			return err
		}
		listed := make(map[consensus.Hash]bool)
		if err := scan(tx, prefixSide, 32, func(key, _ []byte) error { listed[consensus.Hash(key)] = true; return nil }); err != nil {
			return err
		}
		return scan(tx, prefixNode, 32, func(key, v []byte) error {
			n, err := decodeNode(m.network, consensus.Hash(key), v)
			if err != nil {
				return err
			}
			on, err := onBest(tx, Index{n.state.Height(), n.state.ID()})
			if on == listed[n.state.ID()] {
				t.Fatalf("block %d is on the best branch: %v, and is listed as a side block: %v", n.state.Height(), on, !on)
			}
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A reorganisation that was cut short after any of its steps is finished when
// the store is opened.
func TestResumeReorganisation(t *testing.T) {
	net := chaintest.New(3)
	trunk, s := net.Chain(net.Genesis.State(), 4)
	shared := s
	var old, branch []*consensus.Block
	for range 3 {
		b := net.Mine(s, 0, chaintest.Body{Batches: net.Batches(s, 0, 1, "old")})
		old = append(old, b)
		s, _ = consensus.ApplyBlock(s, b)
	}
	s = shared
	for range 4 {
		b := net.Mine(s, 1, chaintest.Body{Batches: net.Batches(s, 1, 2, "new")})
		branch = append(branch, b)
		s, _ = consensus.ApplyBlock(s, b)
	}
	const steps = 3 + 4
	for done := range steps {
		dir := t.TempDir()
		m, shut := open(t, net, dir)
		mustAdd(t, m, Extended, trunk...)
		mustAdd(t, m, Extended, old...)
		mustAdd(t, m, SideBranch, branch[:3]...)
		writeSteps(t, m, branch, done)
		shut()

		m, shut = open(t, net, dir)
		if !m.State().Equal(s) {
			t.Fatalf("cut short after %d steps: opened at %v, want %v", done, m.Tip(), tipOf(s))
		}
		checkReplay(t, m)
		checkEntries(t, m)
		shut()
	}
}

// writeSteps does what reorg.write does, but ends after some steps.
func writeSteps(t *testing.T, m *Manager, branch []*consensus.Block, steps int) {
	t.Helper()
	last := branch[len(branch)-1]
	parent, err := m.HeaderState(last.Header.Prev)
	if err != nil {
		t.Fatal(err)
	}
	target := node{parent: last.Header.Prev, state: parent.Next(&last.Header.Header)}
	r := reorg{m: m, from: m.State(), target: target, last: last}
	if err := r.find(); err != nil {
		t.Fatal(err)
	}
	w := m.newWriter()
	w.putBlock(last, target)
	w.put(keyTarget, hashBytes(last.ID()))
	s := m.State()
	for range steps {
		if !slices.Contains(r.branch, s.Tip()) && s.Tip() != r.fork.ID {
			b, u, err := m.undo(s)
			if err != nil {
				t.Fatal(err)
			}
			s = w.revert(s, b, u)
		} else {
			s = w.apply(s, branch[s.Height()-r.fork.Height])
		}
		w.put(keyTip, hashBytes(s.Tip()))
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
}
