package home

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cairn/mailstore/testenv"
	"cairn/node/api"
)

func TestBackupHasItsNameWhenItIsWhole(t *testing.T) {
	dir, node := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "b")
	f, err := NewFile(path, node)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("text")
	if left := list(t, dir); !slices.Equal(left, []string{"b.partial"}) {
		t.Errorf("while it is written: %v", left)
	}
	_, err = NewFile(path, node)
	wantError(t, err, api.CodeTryLater, "another backup is being written to "+path+".partial")
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	info, _ := os.Stat(path)
	if left := list(t, dir); string(text) != "text" || info.Mode() != 0o600 || !slices.Equal(left, []string{"b"}) {
		t.Errorf("%q %v %v, %v", text, info.Mode(), left, err)
	}
	_, err = NewFile(path, node)
	wantError(t, err, api.CodeExists, "is there already, and is never overwritten")
}

// What a killed create has left is written anew; what else has that name is left alone.
func TestBackupGoesOnAfterAKill(t *testing.T) {
	for _, tt := range []struct {
		left string
		ours bool
	}{
		{"", true}, {magic[:5], true}, {magic + "\x00\x01 and so on", true}, {ageMagic[:9], true}, {ageMagic + "/v1\n-> X25519", true},
		{"a letter", false}, {magic[:5] + "?", false},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "b")
		if err := os.WriteFile(path+partial, []byte(tt.left), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := NewFile(path, t.TempDir())
		if !tt.ours {
			wantError(t, err, api.CodeExists, "b.partial is there")
			if text, _ := os.ReadFile(path + partial); string(text) != tt.left {
				t.Errorf("%q has become %q", tt.left, text)
			}
			continue
		}
		if err != nil {
			t.Errorf("after %q: %v", tt.left, err)
			continue
		}
		f.WriteString("text")
		if err := f.Commit(); err != nil {
			t.Error(err)
		}
		if text, _ := os.ReadFile(path); string(text) != "text" || !slices.Equal(list(t, dir), []string{"b"}) {
			t.Errorf("after %q: %q in %v", tt.left, text, list(t, dir))
		}
	}
	dir := t.TempDir()
	path, target := filepath.Join(dir, "b"), filepath.Join(dir, "target")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path+partial); err != nil {
		testenv.Lacking(t, "%v", err)
	}
	_, err := NewFile(path, t.TempDir())
	wantError(t, err, api.CodeExists, "b.partial is there")
}

// Who takes the name while a backup is written keeps it.
func TestBackupOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "b")
	f, err := NewFile(path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("text")
	if err := os.WriteFile(path, []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = f.Commit()
	if err == nil || !strings.Contains(err.Error(), "is there already, and is never overwritten") {
		t.Error(err)
	}
	if text, _ := os.ReadFile(path); string(text) != "other" || !slices.Equal(list(t, dir), []string{"b"}) {
		t.Errorf("%q in %v", text, list(t, dir))
	}
}

func TestDiscardedBackupLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	f, err := NewFile(filepath.Join(dir, "b"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f.Discard()
	if left := list(t, dir); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestNoBackupInsideOfTheNode(t *testing.T) {
	parent := t.TempDir()
	node, link := filepath.Join(parent, "n"), filepath.Join(parent, "link")
	if err := os.MkdirAll(filepath.Join(node, "mail"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(node, "mail"), link); err != nil {
		t.Fatal(err)
	}
	t.Chdir(node)
	for _, path := range []string{"b", filepath.Join(node, "b"), filepath.Join(node, "mail", "b"), filepath.Join(link, "b"), filepath.Join(parent, "x", "..", "n", "b")} {
		_, err := NewFile(path, node)
		wantError(t, err, api.CodeInvalid, "is inside of the node's directory")
	}
	if left := list(t, node); !slices.Equal(left, []string{"mail"}) {
		t.Errorf("left %v", left)
	}
	f, err := NewFile(filepath.Join(parent, "n.backup"), node)
	if err != nil {
		t.Fatal(err)
	}
	f.Discard()
}

// A kill after any system call of Commit leaves a backup that is whole, under its name, or none;
// the next one takes nothing of what was finished, also if that has been moved.
func TestKillWhileABackupGetsItsName(t *testing.T) {
	for n := range len(new(File).steps()) + 1 {
		dir, node := t.TempDir(), t.TempDir()
		path, yesterday := filepath.Join(dir, "b"), filepath.Join(dir, "yesterday")
		f, err := NewFile(path, node)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString(magic + " of yesterday")
		for i, step := range f.steps()[:n] {
			if err := step(); err != nil {
				t.Fatalf("step %d: %v", i+1, err)
			}
		}
		f.Close() // as a kill does
		moved := false
		if text, err := os.ReadFile(path); err == nil {
			if string(text) != magic+" of yesterday" {
				t.Errorf("killed after %d steps: %q", n, text)
			}
			_, err := NewFile(path, node)
			wantError(t, err, api.CodeExists, "is there already, and is never overwritten")
			if err := os.Rename(path, yesterday); err != nil {
				t.Fatal(err)
			}
			moved = true
		}
		f, err = NewFile(path, node)
		if err != nil {
			t.Errorf("after a kill after %d steps: %v", n, err)
			continue
		}
		f.WriteString("of today")
		if err := f.Commit(); err != nil {
			t.Errorf("after a kill after %d steps: %v", n, err)
		}
		want := []string{"b"}
		if moved {
			want = append(want, "yesterday")
			if text, _ := os.ReadFile(yesterday); string(text) != magic+" of yesterday" {
				t.Errorf("after a kill after %d steps the finished one has become %q", n, text)
			}
		}
		if text, _ := os.ReadFile(path); string(text) != "of today" || !slices.Equal(list(t, dir), want) {
			t.Errorf("after a kill after %d steps: %q in %v", n, text, list(t, dir))
		}
	}
}

// What a killed create has left is never written to: it may have got another name meanwhile.
func TestLeftBackupIsNotWrittenTo(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "b"), filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte(magic), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(other, path+partial); err != nil {
		testenv.Lacking(t, "%v", err)
	}
	f, err := NewFile(path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("text")
	f.Discard()
	if text, _ := os.ReadFile(other); string(text) != magic || !slices.Equal(list(t, dir), []string{"other"}) {
		t.Errorf("%q in %v", text, list(t, dir))
	}
}

// A finished backup never has the name of an unfinished one, which the next would remove.
func TestBackupIsNotNamedAsAnUnfinishedOne(t *testing.T) {
	_, err := NewFile(filepath.Join(t.TempDir(), "b"+partial), t.TempDir())
	wantError(t, err, api.CodeInvalid, "is the name of a backup that is not finished")
}

// A backup whose unfinished file was replaced takes neither name nor file of the other, whatever
// becomes of it.
func TestReplacedBackupIsLeftAlone(t *testing.T) {
	for name, end := range map[string]func(*File){
		"finished":  func(f *File) { wantError(t, f.Commit(), api.CodeTryLater, "another backup is being written") },
		"discarded": (*File).Discard,
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "b")
		f, err := NewFile(path, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Remove(path+partial), os.WriteFile(path+partial, []byte("other"), 0o600)); err != nil {
			t.Fatal(err)
		}
		end(f)
		f.Discard()
		if text, _ := os.ReadFile(path + partial); string(text) != "other" || !slices.Equal(list(t, dir), []string{"b.partial"}) {
			t.Errorf("%s: %q in %v", name, text, list(t, dir))
		}
	}
}
