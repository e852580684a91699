package node

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"cairn/node/home"
	"cairn/node/p2p"
)

// Whoever has a copy is silent until told to stay; then only a copy that signs as well makes it silent again.
// All of it survives a restart.
func TestCopyMark(t *testing.T) {
	now := time.Now()
	const found, stays, restart = "found", "stays", "restart"
	type step struct {
		do     string
		silent bool // the copy says that it is
	}
	for _, c := range []struct {
		why    string
		steps  []step
		silent bool
	}{
		{"never any", nil, false},
		{"found", []step{{do: found}}, true},
		{"found after the other one had found us", []step{{found, true}}, true},
		{"restarted", []step{{do: found}, {do: restart}}, true},
		{"told to stay", []step{{do: found}, {do: stays}}, false},
		{"told to stay, the other one being silent", []step{{do: found}, {do: stays}, {found, true}}, false},
		{"told to stay, restarted, the other one being silent", []step{{do: found}, {do: stays}, {do: restart}, {found, true}}, false},
		{"both told to stay", []step{{do: found}, {do: stays}, {do: found}}, true},
		{"both told to stay, and then this one again", []step{{do: found}, {do: stays}, {do: found}, {do: stays}}, false},
		{"nothing to stay for", []step{{do: stays}}, false},
	} {
		dir := t.TempDir()
		k, err := openCopies(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range c.steps {
			switch s.do {
			case found:
				_, err = k.found(p2p.Copy{Instance: p2p.Instance{1}, Silent: s.silent}, now)
			case stays:
				var ok bool
				if ok, err = k.stay(); ok != (len(c.steps) > 1) {
					t.Errorf("%s: there is a copy: %v", c.why, ok)
				}
			case restart:
				k, err = openCopies(dir)
			}
			if err != nil {
				t.Fatalf("%s: %v", c.why, err)
			}
		}
		if why := k.silent(); (why != "") != c.silent {
			t.Errorf("%s: silent for %q", c.why, why)
		}
	}
}

// What was noted of a copy and cannot be read stops the node from signing.
func TestDamagedCopyMark(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, home.CopyFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := openCopies(dir)
	if err != nil || k.silent() == "" {
		t.Errorf("%v, %q", err, k.silent())
	}
	if ok, err := k.stay(); !ok || err != nil || k.silent() != "" {
		t.Errorf("told to stay: %v, %v, %q", ok, err, k.silent())
	}
}
