package chain

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// damagedChain makes a chain of so many blocks with a side branch, in a folder that was closed.
func damagedChain(t *testing.T, net *chaintest.Network, count int) (dir string, s *consensus.State) {
	t.Helper()
	dir = t.TempDir()
	m, shut := open(t, net, dir)
	blocks, s := net.Chain(m.State(), count)
	mustAdd(t, m, Extended, blocks...)
	half := net.Genesis.State()
	for _, b := range blocks[:count/2] {
		half, _ = consensus.ApplyBlock(half, b)
	}
	mustAdd(t, m, SideBranch, net.Mine(half, 0, chaintest.Body{Time: late.AddDate(0, 0, -1)}))
	shut()
	return dir, s
}

// rescued takes the blocks of a damaged folder into a chain of its own.
func rescuedFrom(t *testing.T, net *chaintest.Network, dir string) (*Manager, Rescued) {
	t.Helper()
	m := newManager(t, net)
	var found Rescued
	for range 2 { // and again, as after a kill
		done := 0
		var err error
		if found, err = m.Rescue(context.Background(), os.DirFS(dir), late, func(n, _ int) { done = n }); err != nil {
			t.Fatal(err)
		}
		if uint64(done) != found.Has {
			t.Errorf("%d of %d blocks were told", done, found.Has)
		}
	}
	return m, found
}

// Whatever file is damaged, the blocks up to the first that is missing are there again, and nothing
// but valid ones.
func TestRescue(t *testing.T) {
	net := chaintest.New(2)
	const count = 40
	whole, s := damagedChain(t, net, count)
	m, found := rescuedFrom(t, net, whole)
	if !m.State().Equal(s) || found.Had != count || found.Has != count || len(found.Broken) != 0 {
		t.Fatalf("of a sound folder: %+v", found)
	}
	checkReplay(t, m)
	files, err := os.ReadDir(whole)
	if err != nil {
		t.Fatal(err)
	}
	complete := 0
	for _, f := range files {
		for name, damage := range map[string]func(path string, b []byte) error{
			"removed": func(path string, _ []byte) error { return os.Remove(path) },
			"cut":     func(path string, b []byte) error { return os.Truncate(path, int64(len(b)/2)) },
			"flipped": func(path string, b []byte) error {
				b[len(b)/3] ^= 4
				return os.WriteFile(path, b, 0o600)
			},
		} {
			about := fmt.Sprintf("%s %s", f.Name(), name)
			dir := filepath.Join(t.TempDir(), "chain")
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if len(b) < 3 {
				continue
			}
			if err := damage(filepath.Join(dir, f.Name()), b); err != nil {
				t.Fatal(err)
			}
			m, found := rescuedFrom(t, net, dir)
			at, ok := m.IndexAt(found.Has)
			if !ok || at != m.Tip() || found.Has > count {
				t.Errorf("%s: %+v, tip %v", about, found, m.Tip())
			}
			if found.Has == count {
				complete++
			} else if !strings.HasSuffix(f.Name(), ".sst") {
				t.Errorf("%s: %+v", about, found)
			}
		}
	}
	if complete == 0 {
		t.Error("no damage left all blocks")
	}
}

// dyingDisk gives each file once.
type dyingDisk struct {
	fs.FS
	given map[string]bool
}

func (d dyingDisk) Open(name string) (fs.File, error) {
	if d.given[name] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EIO}
	}
	d.given[name] = name != "."
	return d.FS.Open(name)
}

// Blocks that were found and cannot be read any more are left out, and are no error.
func TestRescueFromDyingDisk(t *testing.T) {
	net := chaintest.New(2)
	dir, _ := damagedChain(t, net, 4)
	found, err := newManager(t, net).Rescue(context.Background(), dyingDisk{os.DirFS(dir), map[string]bool{}}, late, func(int, int) {})
	if err != nil || found.Had != 4 || found.Has != 0 || found.Sound == 0 {
		t.Errorf("%+v, %v", found, err)
	}
}

// When the branch that seemed best turns out to be invalid far above where another one leaves it,
// that one is taken.
func TestRescueOfAnotherBranch(t *testing.T) {
	net := chaintest.New(2)
	trunk, s := net.Chain(net.Genesis.State(), 5)
	seeming, tip := net.Chain(s, sideDepth+5)
	for range 9 {
		bad := net.Mine(tip, 0, chaintest.Body{})
		bad.Header.StateRoot[0] ^= 1
		net.Finish(0, bad)
		seeming = append(seeming, bad)
		tip, _ = consensus.ApplyBlock(tip, bad)
	}
	for _, longer := range []bool{true, false} {
		other := s
		var branch []*consensus.Block
		for range sideDepth + 3 {
			b := sibling(net, other, 1, int(other.Height()))
			branch = append(branch, b)
			other, _ = consensus.ApplyBlock(other, b)
		}
		if longer {
			more, _ := net.Chain(other, 4)
			branch = append(branch, more...)
		}
		dir := t.TempDir()
		using(t, dir, func(store Store) {
			for _, list := range [][]*consensus.Block{trunk, seeming, branch} {
				for _, b := range list {
					if err := store.Write([]Change{{Key: keyOf(prefixBlock, b.ID()), Value: b.Encode()}}); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
		want := seeming[sideDepth+4].ID()
		if longer {
			want = branch[len(branch)-1].ID()
		}
		m := newManager(t, net)
		if _, err := m.Rescue(context.Background(), os.DirFS(dir), late, func(int, int) {}); err != nil {
			t.Fatal(err)
		}
		if m.Tip().ID != want {
			t.Errorf("longer %v: tip %v, want %v", longer, m.Tip(), want)
		}
		checkReplay(t, m)
	}
}
