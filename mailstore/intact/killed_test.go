package intact

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4/options"

	"cairn/mailstore/testenv"
)

// TestChild is a process that opens, writes and closes until it is killed; TestKilled runs it.
func TestChild(t *testing.T) {
	dir := os.Getenv("CAIRN_INTACT_CHILD")
	if dir == "" {
		t.Skip("run by TestKilled")
	}
	child(t, dir)
}

func child(t *testing.T, dir string) {
	o := testOptions(dir).WithCompression(options.Snappy)
	for {
		db, err := openTest(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		m := &model{now: map[string][]byte{}}
		r := rand.New(rand.NewPCG(rand.Uint64(), 1))
		fill(t, db, m, r, r.IntN(4000))
		if wrong := m.wrong(db, false); wrong != "" {
			t.Fatal(wrong)
		}
		if err := Close(dir, db, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKilled kills such a process again and again: what a crash leaves is never taken for damage.
func TestKilled(t *testing.T) {
	rounds := 4
	if testenv.CI() {
		rounds = 12
	}
	if testenv.Number(t, intactCases, 0) > 0 {
		rounds = 100
	}
	dir := t.TempDir()
	states := map[string]int{}
	for i := range rounds {
		cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
		cmd.Env = append(os.Environ(), "CAIRN_INTACT_CHILD="+dir)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		died := make(chan struct{})
		go func() {
			cmd.Wait()
			close(died)
		}()
		select {
		case <-died:
			t.Fatalf("round %d: it ended: %s", i, out.String())
		case <-time.After(time.Duration(150+rand.IntN(500)) * time.Millisecond):
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-died
		states[readNote(os.DirFS(dir)).State]++
		if err := Before(dir, AllValues); err != nil {
			t.Fatalf("round %d: %v, note %+v", i, err, readNote(os.DirFS(dir)))
		}
	}
	t.Log(states)
}
