package testnet_test

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/goleak"

	"cairn/mailstore/scratch"
	"cairn/mailstore/testenv"
	"cairn/node/cli"
)

const (
	// asCairn makes the test binary behave as the program itself, so that tests
	// run nodes in processes of their own and can really kill them.
	asCairn = "CAIRN_TEST_AS_CAIRN"
	// clockFile, in the environment of such a process, names a file that says by
	// how much its clock is wrong; it is right while there is none.
	clockFile = "CAIRN_TEST_CLOCK"
)

func TestMain(m *testing.M) {
	if line := os.Getenv(killAt); line != "" {
		panic(runKilled(os.Args[2], line))
	}
	if os.Getenv(asCairn) != "" {
		os.Exit(cli.MainAt(os.Args[1:], turned(os.Getenv(clockFile))))
	}
	flag.Parse()
	if waiting := strconv.Itoa(2 * runtime.GOMAXPROCS(0)); !isSet("test.parallel") && !testenv.CI() {
		// Most of what a test here does is wait for blocks, but for what the race detector does.
		if err := flag.Set("test.parallel", waiting); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(scratch.InMemory(m))
}

// inCI skips a test of minutes: of what it holds, shorter ones hold the most.
func inCI(t *testing.T) {
	t.Helper()
	if !testenv.CI() {
		t.Skip("with CI=true only")
	}
}

func isSet(name string) bool {
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// turned is a clock that can be set while it runs, by writing a file.
func turned(file string) func() time.Time {
	if file == "" {
		return nil
	}
	return func() time.Time {
		raw, err := os.ReadFile(file)
		if err != nil {
			return time.Now()
		}
		wrong, err := time.ParseDuration(strings.TrimSpace(string(raw)))
		if err != nil {
			panic(err)
		}
		return set(time.Now(), wrong)
	}
}

// set is what time.Now returns after the machine's clock was set by whole
// seconds: another wall time, and the same monotonic reading, which package time
// lets nobody keep in any other way. The wall seconds of a time with a monotonic
// reading are in the bits above the nanoseconds.
func set(now time.Time, by time.Duration) time.Time {
	*(*uint64)(unsafe.Pointer(&now)) += uint64(by/time.Second) << 30
	return now
}

func TestSet(t *testing.T) {
	for _, by := range []time.Duration{0, 5 * time.Minute, -2 * time.Hour, 87600 * time.Hour, -87600 * time.Hour} {
		now := time.Now()
		if at := set(now, by); at.Sub(now) != 0 || at.Round(0).Sub(now.Round(0)) != by {
			t.Errorf("%v set by %v is %v", now, by, at)
		}
	}
}
