package mailstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/testenv"
)

const (
	// deedsDir, in the environment of this test binary, names the store in which it does deeds.
	deedsDir = "CAIRN_MAILSTORE_DEEDS"
	// crashRounds is how often a process is killed.
	crashRounds = "CAIRN_CRASH_ROUNDS"
)

// doDeeds waits for a line, opens a store, does deeds and closes it, again and again, and says on
// its standard output what Update has acknowledged, until it is killed.
func doDeeds(dir string) {
	defer mailstore.SmallFiles()()
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return
	}
	for {
		s, err := mailstore.Open(dir, quiet)
		if err != nil {
			fmt.Println("error opening:", err)
			return
		}
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for range 1 + rand.IntN(12) {
					n, err := do(s, w)
					if err != nil {
						fmt.Println("error", writerName(w), n, err)
						return
					}
					fmt.Println(w, n)
				}
			})
		}
		if rand.IntN(2) == 0 {
			wg.Go(func() {
				if err := s.Trim(context.Background(), mailstore.ModSeq(rand.IntN(5000))); err != nil {
					fmt.Println("error trimming:", err)
				}
			})
		}
		wg.Wait()
		if err := s.Close(); err != nil {
			fmt.Println("error closing:", err)
			return
		}
		fmt.Println("closed")
	}
}

// doer is a process that does deeds.
type doer struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	acks chan string
}

// newDoer starts a process, that waits for its line.
func newDoer(t *testing.T, dir string) *doer {
	t.Helper()
	d := &doer{cmd: exec.Command(os.Args[0], "-test.run=^$"), acks: make(chan string, 1<<10)}
	d.cmd.Env = append(os.Environ(), deedsDir+"="+dir)
	d.cmd.Stderr = os.Stderr
	var err error
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := d.cmd.StdoutPipe()
	if err == nil {
		err = d.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(d.acks)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			d.acks <- lines.Text()
		}
	}()
	return d
}

// end kills the process and waits until it is gone.
func (d *doer) end(read func(line string)) {
	d.cmd.Process.Kill()
	for line := range d.acks {
		read(line)
	}
	d.cmd.Wait()
}

// tally is what happened in all rounds.
type tally struct{ rounds, deeds, closings, early int }

func (c tally) String() string {
	return fmt.Sprintf("%d kills, %d of them before anything was acknowledged; %d updates acknowledged, %d times closed and opened again meanwhile",
		c.rounds, c.early, c.deeds, c.closings)
}

// TestRounds kills such a process at a random moment again and again, which may be while the store
// is opened or closed, and opens the store where it is: all that was acknowledged is there, and
// nothing else but wholly.
func TestRounds(t *testing.T) {
	rounds := testenv.Number(t, crashRounds, 15)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	t.Cleanup(mailstore.SmallFiles())
	var all tally
	began := time.Now()
	for all.rounds < rounds {
		roundsOfStore(t, r, min(all.rounds+ofStore, rounds), &all)
	}
	t.Logf("%s; 0 lost; %.0f ms a round", all, float64(time.Since(began).Milliseconds())/float64(rounds))
}

// ofStore is how many rounds a store lives through: each start adds a file to its value log, and
// all are looked at after a kill.
const ofStore = 200

// roundsOfStore makes rounds with one store, up to last of them in all.
func roundsOfStore(t *testing.T, r *rand.Rand, last int, all *tally) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mail")
	s, err := mailstore.Open(dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	m, err := newWatch(s)
	if err == nil {
		err = m.goOn(s)
	}
	if err != nil {
		t.Fatal(err)
	}
	d := newDoer(t, dir)
	defer func() { d.end(func(string) {}) }()
	for ; all.rounds < last; all.rounds++ {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		acknowledged := m.killed(t, d, r, all)
		d = newDoer(t, dir)
		if s, err = mailstore.Open(dir, quiet); err != nil {
			t.Fatalf("round %d: %v", all.rounds, err)
		}
		if err := m.holds(s, acknowledged); err != nil {
			t.Fatalf("round %d: %v", all.rounds, err)
		}
		if err := m.goOn(s); err != nil {
			t.Fatal(err)
		}
		if (all.rounds+1)%1000 == 0 {
			t.Log(all)
		}
	}
	_, err = s.Check(t.Context(), false, func(f mailstore.Fault) { t.Errorf("%+v", f) })
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
}

// killed lets a process work and kills it at a random moment. It returns how many deeds of each
// writer have been acknowledged.
func (m *watch) killed(t *testing.T, d *doer, r *rand.Rand, all *tally) (acknowledged [writers]uint64) {
	t.Helper()
	for i, w := range m.list {
		acknowledged[i] = w.done
	}
	lines := 0
	read := func(line string) {
		var w int
		var n uint64
		if line == "closed" {
			all.closings++
		} else if got, err := fmt.Sscan(line, &w, &n); got != 2 {
			t.Errorf("round %d: the process says %q: %v", all.rounds, line, err)
		} else {
			acknowledged[w] = max(acknowledged[w], n)
			all.deeds++
		}
		lines++
	}
	if _, err := io.WriteString(d.in, "\n"); err != nil {
		t.Fatal(err)
	}
	if r.IntN(5) > 0 {
		for range 1 + r.IntN(60) {
			if line, ok := <-d.acks; ok {
				read(line)
			}
		}
	} else {
		<-time.After(time.Duration(r.IntN(20_000)) * time.Microsecond) // in the middle of opening
	}
	<-time.After(time.Duration(r.IntN(1500)) * time.Microsecond)
	d.end(read)
	if lines == 0 {
		all.early++
	}
	return acknowledged
}
