package node

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"cairn/node/home"
	"cairn/node/p2p"
)

// Whoever has a copy is silent until told to stay; then only a copy that signs as well makes it
// silent again. All of it survives a restart.
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
		dir := shortDir(t)
		k, err := openCopies(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range c.steps {
			switch s.do {
			case found:
				_, err = k.found(p2p.Copy{Instance: p2p.Instance{1}, Silent: s.silent}, 0, now)
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
	dir := shortDir(t)
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

// What could not be written, as on a full disk, is written with a later proof, or when it is tried
// again.
func TestCopyMarkWrittenLater(t *testing.T) {
	proof := p2p.Copy{Instance: p2p.Instance{1}}
	for _, c := range []struct {
		why   string
		again func(*copies) error
	}{
		{"another proof", func(k *copies) error { _, err := k.found(proof, 0, time.Now()); return err }},
		{"a proof that the copy is silent", func(k *copies) error {
			_, err := k.found(p2p.Copy{Instance: proof.Instance, Silent: true}, 0, time.Now())
			return err
		}},
		{"no more proof", (*copies).keep},
	} {
		dir := filepath.Join(shortDir(t), "full")
		k := &copies{path: filepath.Join(dir, home.CopyFile)}
		if news, err := k.found(proof, 0, time.Now()); !news || err == nil || k.silent() == "" {
			t.Fatalf("%s: news %v, %v, silent for %q", c.why, news, err, k.silent())
		}
		if err := c.again(k); err == nil {
			t.Fatalf("%s: it could be written", c.why)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := c.again(k); err != nil {
			t.Fatalf("%s: %v", c.why, err)
		}
		if k, err := openCopies(dir); err != nil || k.silent() == "" {
			t.Errorf("%s: after a restart silent for %q, %v", c.why, k.silent(), err)
		}
	}
}

// Being told to stay counts once it is written, and what is written is what counts.
func TestStaysWhenWritten(t *testing.T) {
	dir := shortDir(t)
	k, err := openCopies(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.found(p2p.Copy{Instance: p2p.Instance{1}}, 0, time.Now()); err != nil {
		t.Fatal(err)
	}
	path := k.path
	k.path = filepath.Join(dir, "full", home.CopyFile)
	if ok, err := k.stay(); !ok || err == nil || k.silent() == "" {
		t.Errorf("told to stay: %v, %v, silent for %q", ok, err, k.silent())
	}
	k.path = path
	if ok, err := k.stay(); !ok || err != nil || k.silent() != "" {
		t.Errorf("told to stay: %v, %v, silent for %q", ok, err, k.silent())
	}
}
