package mailstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"cairn/mailstore"
	"cairn/mailstore/testenv"
)

// heldDeeds, in the environment of a process that does deeds, has it held at each sync; its file 3
// is the socket for that.
const heldDeeds = "CAIRN_MAILSTORE_HELD"

func init() {
	if os.Getenv(heldDeeds) == "" {
		return
	}
	if err := hold(3); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

// held is a process that does deeds and is held at each sync.
type held struct {
	cmd    *exec.Cmd
	disk   *disk
	calls  int // to hear of
	out    int // its standard output, without waiting
	text   []byte
	frozen *stop // at which it was frozen
	last   *stop // that it was let go from
	acks   [writers]uint64
}

func newHeld(t *testing.T, dir string, acks [writers]uint64) *held {
	t.Helper()
	h := &held{acks: acks}
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	var err error
	h.disk, err = newDisk(dir)
	must(err)
	sockets, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(err)
	defer syscall.Close(sockets[0])
	theirs := os.NewFile(uintptr(sockets[1]), "socket")
	pipe := make([]int, 2)
	must(syscall.Pipe2(pipe, syscall.O_CLOEXEC))
	h.out = pipe[0]
	out := os.NewFile(uintptr(pipe[1]), "out")
	h.cmd = exec.Command(os.Args[0], "-test.run=^$")
	h.cmd.Env = append(os.Environ(), deedsDir+"="+filepath.Join(dir, "mail"), heldDeeds+"=1")
	h.cmd.Stdout, h.cmd.Stderr, h.cmd.ExtraFiles = out, os.Stderr, []*os.File{theirs}
	in, err := h.cmd.StdinPipe()
	must(err)
	must(h.cmd.Start())
	theirs.Close()
	out.Close()
	must(syscall.SetNonblock(h.out, true))
	if h.calls, err = heard(sockets[0]); err != nil {
		h.cmd.Process.Kill()
		h.cmd.Wait()
		testenv.Lacking(t, "this kernel tells nobody of system calls: %v", err)
	}
	_, err = io.WriteString(in, "\n")
	must(err)
	return h
}

// kill ends the process.
func (h *held) kill() {
	syscall.Close(h.calls)
	syscall.Close(h.out)
	h.cmd.Process.Kill()
	h.cmd.Wait()
}

// read takes what the process has said so far.
func (h *held) read() error {
	b := make([]byte, 64<<10)
	for {
		n, err := syscall.Read(h.out, b)
		if err == syscall.EAGAIN || n == 0 && err == nil {
			break
		}
		if err != nil {
			return err
		}
		h.text = append(h.text, b[:n]...)
	}
	for {
		line, rest, whole := bytes.Cut(h.text, []byte("\n"))
		if !whole {
			return nil
		}
		h.text = rest
		var w int
		var n uint64
		if string(line) == "closed" {
			continue
		}
		if _, err := fmt.Sscan(string(line), &w, &n); err != nil {
			return fmt.Errorf("the process says %q", line)
		}
		h.acks[w] = max(h.acks[w], n)
	}
}

// step lets the process go to its next call. With a folder it is frozen there, and what may be on
// the disk then is written to the folder.
func (h *held) step(cut string, r *rand.Rand) (err error) {
	s, err := next(h.calls)
	if err != nil {
		return errors.Join(err, h.read())
	}
	pid := h.cmd.Process.Pid
	if s.same(h.frozen) {
		h.frozen = nil
	} else if cut != "" {
		h.frozen = s
		if err := freeze(pid); err != nil {
			return err
		}
		if err := errors.Join(h.read(), h.disk.list(h.renamed()), h.disk.cut(cut, r)); err != nil {
			return err
		}
		return syscall.Kill(pid, syscall.SIGCONT)
	}
	if err := h.disk.list(h.renamed()); err != nil {
		return err
	}
	path, err := s.synced(pid)
	if err == nil && path != "" {
		err = h.disk.sync(path)
	}
	if err != nil {
		return err
	}
	h.last = s
	return goOn(h.calls, s)
}

// renamed tells whether the last call has moved a file.
func (h *held) renamed() bool {
	return h.last != nil && (h.last.nr == sysRename || h.last.nr == sysRenameat)
}

// TestPowerCuts cuts the power at syncs of a process that does deeds, and goes on with what may be
// on the disk then. All that was acknowledged is there, and nothing of it is taken for damage.
func TestPowerCuts(t *testing.T) {
	rounds, seed := testenv.Number(t, crashRounds, 8), rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	t.Cleanup(mailstore.SmallFiles())
	base := t.TempDir()
	dir := filepath.Join(base, "0")
	s, err := mailstore.Open(filepath.Join(dir, "mail"), quiet)
	if err != nil {
		t.Fatal(err)
	}
	m, err := newWatch(s)
	if err = errors.Join(err, m.goOn(s), s.Close()); err != nil {
		t.Fatal(err)
	}
	calls, deeds := 0, uint64(0)
	for round := 1; round <= rounds; round++ {
		var acks, before [writers]uint64
		for w := range acks {
			acks[w] = m.list[w].done
		}
		before = acks
		h := newHeld(t, dir, acks)
		n := 1 + r.IntN(160)
		for range n {
			if err := h.step("", r); err != nil {
				h.kill()
				t.Fatalf("round %d: %v", round, err)
			}
		}
		cut := filepath.Join(base, strconv.Itoa(round))
		err := h.step(cut, r)
		h.kill()
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		os.RemoveAll(dir)
		dir = cut
		calls += n
		for w := range before {
			deeds += h.acks[w] - before[w]
		}
		if err := m.goneThrough(dir, h.acks); err != nil {
			t.Fatalf("round %d, cut at the %dth sync after %v, which was call %d: %v", round, n+1, h.acks, h.frozenAt(), err)
		}
	}
	t.Logf("%d power cuts in %d syncs, renames and removals, %d updates acknowledged; 0 lost, 0 refused", rounds, calls, deeds)
}

func (h *held) frozenAt() int32 {
	if h.frozen == nil {
		return -1
	}
	return h.frozen.nr
}

// goneThrough opens what a power cut left, and holds it to the model.
func (m *watch) goneThrough(dir string, acks [writers]uint64) error {
	s, err := mailstore.Open(filepath.Join(dir, "mail"), quiet)
	if err != nil {
		return err
	}
	return errors.Join(m.holds(s, acks), m.goOn(s), s.Close())
}
