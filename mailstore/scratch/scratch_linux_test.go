package scratch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUse(t *testing.T) {
	disk := t.TempDir()
	t.Setenv("TMPDIR", "")
	done := use(disk)
	dir := os.TempDir()
	if !strings.HasPrefix(dir, disk) {
		t.Fatalf("temporary files are in %s", dir)
	}
	sweep(disk) // as other tests do that begin meanwhile
	if err := os.WriteFile(filepath.Join(dir, "left"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	done()
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s is still there", dir)
	}
}

type noting struct{ folder string }

func (n *noting) Run() int {
	n.folder = os.TempDir()
	return 3
}

func TestWhatStaysOnTheDisk(t *testing.T) {
	args := os.Args
	t.Cleanup(func() { os.Args = args })
	for _, c := range []struct {
		tmpdir, ci string
		arg        string
	}{{"/chosen", "", ""}, {"", "true", ""}, {"", "", "-test.bench=Update"}} {
		t.Setenv("TMPDIR", c.tmpdir)
		t.Setenv("CI", c.ci)
		os.Args = []string{args[0], c.arg}
		var n noting
		if code := InMemory(&n).Run(); code != 3 {
			t.Errorf("exit code %d", code)
		}
		if strings.HasPrefix(n.folder, shared) {
			t.Errorf("%+v: temporary files are in %s", c, n.folder)
		}
	}
}

// What a killed process left is removed, and nothing that somebody else put there.
func TestSweep(t *testing.T) {
	disk := t.TempDir()
	left, foreign := filepath.Join(disk, prefix+"77"), filepath.Join(disk, prefix+"78")
	for _, f := range []string{left, foreign} {
		if err := os.MkdirAll(filepath.Join(f, "below"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(left, mark), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sweep(disk)
	for f, want := range map[string]bool{left: false, foreign: true} {
		if _, err := os.Stat(f); (err == nil) != want {
			t.Errorf("%s: %v", f, err)
		}
	}
}
