package recorder

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cairn/consensus/chain/chaintest"
	"cairn/mailstore"
	"cairn/mailstore/scratch"
	"cairn/mailstore/testenv"
)

// crashDir, in the environment, makes the test binary a process that only
// queues and seals mail in that directory until it is killed.
const crashDir = "CAIRN_RECORDER_CRASH_DIR"

// crashParams, in the environment, is the version of the parameters of its network.
const crashParams = "CAIRN_RECORDER_CRASH_PARAMS"

// crashNetwork is the network of the process, and of whoever finds what it left.
func crashNetwork(version string) *chaintest.Network {
	if version == "2" {
		return chaintest.NewWith(chaintest.ParamsV2(), 1)
	}
	return chaintest.New(1)
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		sealUntilKilled(dir)
		return
	}
	checks := "4" // each opens two databases; the command line may ask for more
	if testenv.CI() {
		checks = "30"
	}
	if err := flag.Set("rapid.checks", checks); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(scratch.InMemory(m))
}

type panicking struct{}

func (panicking) Helper()                   {}
func (panicking) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (panicking) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

// sealUntilKilled says on standard output how many entries are queued and
// sealed once the store has said so.
func sealUntilKilled(dir string) {
	o := openOfficeIn(panicking{}, dir, crashNetwork(os.Getenv(crashParams)))
	o.now = time.UnixMilli(int64(o.chain.State().Time())).Add(time.Second)
	for {
		o.submit(rand.IntN(40), 1+rand.IntN(3), mail)
		fmt.Printf("queued %d\n", o.nextID)
		o.must(o.step())
		fmt.Printf("sealed %d\n", o.nextID-uint64(o.unsealed())) // some wait where starts do
		if rand.IntN(2) == 0 {
			o.mine(o.chain.State(), rand.IntN(3))
		}
	}
}

// A process that is killed at any moment leaves a store in which every queued
// entry is sealed once, or will be, at a place that the chain will hold.
func TestKill(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		t.Run("parameters of version "+version, func(t *testing.T) {
			t.Parallel()
			testKill(t, version)
		})
	}
}

func testKill(t *testing.T, version string) {
	dir := t.TempDir()
	open := func() *office { return openOfficeIn(t, dir, crashNetwork(version)) }
	for round := range 8 {
		queued, sealed := runAndKill(t, dir, version, time.Duration(rand.IntN(80))*time.Millisecond)
		o := open()
		if o.nextID < queued {
			t.Fatalf("round %d: %d entries are left of %d", round, o.nextID, queued)
		}
		if n := uint64(o.check()); n < sealed {
			t.Fatalf("round %d: %d entries are sealed, %d were said to be", round, n, sealed)
		}
		o.close()
	}
	o := open()
	defer o.close()
	o.now = time.UnixMilli(int64(o.chain.State().Time()))
	for tip, done := o.chain.State(), false; !done; tip = o.chain.State() {
		o.now = o.now.Add(4 * time.Second)
		o.must(o.step())
		o.mine(tip, window)
		done = o.waiting()+o.unsealed() == 0
	}
	o.must(o.step())
	if n := uint64(o.check()); n != o.nextID {
		t.Fatalf("%d of %d entries are sealed in the end", n, o.nextID)
	}
	refs := make([]mailstore.Ref, 0, o.nextID)
	entries := o.copies()
	for ref := range entries {
		refs = append(refs, ref)
	}
	if n := o.recorded(refs...); n != len(refs) {
		t.Fatalf("%d of %d messages are recorded in the end", n, len(refs))
	}
}

// runAndKill starts a process and kills it some time after it has sealed.
func runAndKill(t *testing.T, dir, version string, after time.Duration) (queued, sealed uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir, crashParams+"="+version)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var kill *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var what string
		var n uint64
		if _, err := fmt.Sscan(lines.Text(), &what, &n); err != nil {
			t.Fatalf("line %q: %v", lines.Text(), err)
		}
		switch what {
		case "queued":
			queued = n
		case "sealed":
			sealed = n
			if kill == nil {
				kill = time.AfterFunc(after, func() { cmd.Process.Kill() })
				defer kill.Stop()
			}
		}
	}
	if err := cmd.Wait(); err == nil || kill == nil {
		t.Fatalf("the process ended by itself: %v", err)
	}
	return queued, sealed
}
