package home

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/testenv"
	"cairn/node/api"
)

// checkHome holds a restored directory to the node of newHome.
func checkHome(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	var names []string
	for name, text := range files {
		path := filepath.Join(dir, name)
		b, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || string(b) != text || info.Mode() != 0o600 {
			t.Errorf("%s: %q, %v, %v", name, b, info, err)
		}
		top, _, _ := strings.Cut(name, "/")
		names = append(names, top)
	}
	slices.Sort(names)
	if want := append(slices.Compact(names), MailDir); !slices.Equal(list(t, dir), sorted(want)) {
		t.Errorf("there are %v, want %v", list(t, dir), want)
	}
	s, err := mailstore.Open(filepath.Join(dir, MailDir), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.View(func(r *mailstore.Reader) error {
		a, err := r.AccountByAddress("alice@alpha.example")
		if err != nil {
			t.Fatal(err)
		}
		list, err := r.Messages(a.ID, 0, 10)
		if err != nil || len(list) != 1 {
			t.Errorf("messages %v, %v", list, err)
		}
		if note, restored, err := r.Restored(); !note.Made.Equal(made) || !note.At.Equal(now) || !restored {
			t.Errorf("note %+v, %v", note, err)
		}
		return nil
	})
}

func sorted(names []string) []string { slices.Sort(names); return names }

func without(files map[string]string, names ...string) map[string]string {
	for _, name := range names {
		delete(files, name)
	}
	return files
}

func with(files map[string]string, names ...string) map[string]string {
	for _, name := range names {
		files[name] = name
	}
	return files
}

func TestRestore(t *testing.T) {
	newcomer := map[string]string{ConfigFile: "x", "keys/recorder.pem": "r", "keys/node.pem": "n", OrgKey: "o"}
	for name, tt := range map[string]struct {
		files  map[string]string
		orgKey bool
		want   map[string]string
	}{
		"without the organisation's key": {texts(), false, without(texts(), OrgKey, RecoveryKey)},
		"with the organisation's key":    {texts(), true, texts()},
		"with no recovery key":           {without(texts(), RecoveryKey), true, without(texts(), RecoveryKey)},
		"with other recorder keys":       {with(texts(), NextRecorderKey, OldRecorderKey(9), OldRecorderKey(10)), true, with(texts(), NextRecorderKey, OldRecorderKey(9), OldRecorderKey(10))},
		"of no network":                  {newcomer, true, newcomer},
	} {
		t.Run(name, func(t *testing.T) {
			b := backup(t, tt.files, tt.orgKey)
			dir := filepath.Join(t.TempDir(), "deep", "n")
			if _, _, err := restore(dir, bytes.NewReader(b), now, quiet); err != nil {
				t.Fatal(err)
			}
			checkHome(t, dir, tt.want)
			if left := list(t, filepath.Dir(dir)); !slices.Equal(left, []string{"n"}) {
				t.Errorf("beside it: %v", left)
			}
			empty := t.TempDir()
			link := filepath.Join(t.TempDir(), "link")
			if err := os.Symlink(empty, link); err != nil {
				t.Fatal(err)
			}
			if _, _, err := restore(link, bytes.NewReader(b), now, quiet); err != nil {
				t.Fatal(err)
			}
			checkHome(t, empty, tt.want)
		})
	}
}

func TestRestoreChangesNothingElse(t *testing.T) {
	b := backup(t, texts(), false)
	parent := t.TempDir()
	full, file := filepath.Join(parent, "full"), filepath.Join(parent, "file")
	other := filepath.Join(parent, "other"+restoring)
	if err := os.Mkdir(full, 0o700); err != nil {
		t.Fatal(err)
	}
	os.Mkdir(other, 0o700)
	for _, path := range []string{filepath.Join(full, "x"), file, filepath.Join(other, ConfigFile)} {
		if err := os.WriteFile(path, []byte("kept"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := filepath.Join(parent, "elsewhere")
	os.Mkdir(elsewhere, 0o700)
	for path, text := range map[string]string{unfinished: "", "kept": "kept"} {
		if err := os.WriteFile(filepath.Join(elsewhere, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(elsewhere, filepath.Join(parent, "linked"+restoring)); err != nil {
		t.Fatal(err)
	}
	_, _, err := restore(filepath.Join(parent, "linked"), bytes.NewReader(b), now, quiet)
	wantError(t, err, api.CodeExists, "linked.restoring is in the way")
	for dir, says := range map[string]string{full: "full is not empty", file: "file: not a directory", filepath.Join(parent, "other"): "other.restoring is in the way"} {
		_, _, err := restore(dir, bytes.NewReader(b), now, quiet)
		e := api.AsError(err)
		if wantError(t, err, e.Code, says); e.Code != api.CodeExists && e.Code != api.CodeInvalid {
			t.Errorf("%v", e.Code)
		}
	}
	for _, path := range []string{filepath.Join(full, "x"), file, filepath.Join(other, ConfigFile), filepath.Join(elsewhere, "kept")} {
		if text, err := os.ReadFile(path); string(text) != "kept" {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	if left := list(t, parent); !slices.Equal(left, []string{"elsewhere", "file", "full", "linked.restoring", "other.restoring"}) {
		t.Errorf("left %v", left)
	}
}

func TestDamagedBackupIsNotRestored(t *testing.T) {
	b := backup(t, texts(), false)
	parent := t.TempDir()
	empty := filepath.Join(parent, "empty")
	for _, cut := range []int{0, 10, len(b) / 2, len(b) - 1} {
		os.Mkdir(empty, 0o700)
		for _, dir := range []string{empty, filepath.Join(parent, "missing")} {
			_, _, err := restore(dir, bytes.NewReader(b[:cut]), now, quiet)
			wantError(t, err, api.CodeInvalid, "reading the backup: ")
			if left := list(t, parent); !slices.Equal(left, []string{"empty"}) || len(list(t, empty)) > 0 {
				t.Errorf("cut at %d: left %v", cut, left)
			}
		}
	}
	for i := 0; i < len(b); i += len(b) / 50 {
		damaged := bytes.Clone(b)
		damaged[i] ^= 4
		if _, _, err := restore(empty, bytes.NewReader(damaged), now, quiet); err == nil || len(list(t, empty)) > 0 {
			t.Errorf("octet %d is another, and it is restored: %v", i, err)
		}
	}
}

func TestOneRestoreAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "n")
	first, err := Begin(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Begin(dir)
	wantError(t, err, api.CodeTryLater, "another restore works in")
	first.Abandon()
	second, err := Begin(dir)
	if err != nil {
		t.Fatal(err)
	}
	second.Abandon()
	if left := list(t, filepath.Dir(dir)); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// A process that is killed while it restores, wherever it is, leaves no node in the place; the next
// one succeeds.
func TestKilledRestore(t *testing.T) {
	b := backup(t, texts(), true)
	parent := t.TempDir()
	dir := filepath.Join(parent, "n")
	c, err := check(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(c.Parts, Part{}) {
		at := len(b) - 1 // all but the last octet
		if p.Name != "" {
			at = startOf(t, b, p.Name) + 5
		}
		killRestore(t, dir, b[:at])
		if left := list(t, parent); !slices.Equal(left, []string{"n.restoring"}) {
			t.Fatalf("killed in %s: left %v", p.Name, left)
		}
	}
	if _, _, err := restore(dir, bytes.NewReader(b), now, quiet); err != nil {
		t.Fatal(err)
	}
	checkHome(t, dir, texts())
}

// A kill after any system call that ends a restore, well or not, leaves a node that is whole in the
// place, or none and the next restore succeeds. What is not whole is never taken for a node.
func TestKillAtTheEndOfARestore(t *testing.T) {
	b := backup(t, texts(), true)
	for name, end := range map[string]func(*Work) []func() error{
		"finished":  func(w *Work) []func() error { return append(w.moving(), w.tidying()...) },
		"abandoned": (*Work).tidying,
	} {
		for n := range len(end(new(Work))) + 1 {
			parent := t.TempDir()
			dir := filepath.Join(parent, "n")
			w, err := Begin(dir)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := w.grow(bytes.NewReader(b), asMade, now, quiet); err != nil {
				t.Fatal(err)
			}
			for i, step := range end(w)[:n] {
				if err := step(); err != nil {
					t.Fatalf("%s, step %d: %v", name, i+1, err)
				}
			}
			w.lock.Close() // as a kill does
			if grown := filepath.Join(dir+restoring, growing); files(grown) > 0 && files(grown) <= len(texts()) && !Unfinished(grown) {
				t.Errorf("%s, killed after %d steps: %v is taken for a node", name, n, list(t, grown))
			}
			if hasMark(dir+restoring) && files(dir) == 0 {
				tellsOfRestore(t, dir, dir)
				tellsOfRestore(t, dir+restoring, dir)
				tellsOfRestore(t, filepath.Join(dir+restoring, growing), dir)
			}
			want := []string{"n"}
			if files(dir) > 0 {
				_, err := Begin(dir)
				wantError(t, err, api.CodeExists, "n is not empty")
				if Unfinished(dir) {
					t.Errorf("%s, killed after %d steps: not taken for a node", name, n)
				}
				checkHome(t, dir, texts())
				if err := os.Rename(dir, filepath.Join(parent, "moved")); err != nil {
					t.Fatal(err)
				}
				want = []string{"moved", "n"}
			}
			if _, _, err := restore(dir, bytes.NewReader(b), now, quiet); err != nil {
				t.Errorf("%s, after a kill after %d steps: %v", name, n, err)
				continue
			}
			checkHome(t, dir, texts())
			if left := list(t, parent); !slices.Equal(left, want) {
				t.Errorf("%s, after a kill after %d steps: %v", name, n, left)
			}
		}
	}
}

// A folder whose clearing was interrupted keeps saying that nothing in it is a node.
func TestClearingKeepsTheMarks(t *testing.T) {
	dir := t.TempDir()
	grown, elsewhere := filepath.Join(dir, growing), t.TempDir()
	for _, path := range []string{filepath.Join(dir, unfinished), filepath.Join(grown, unfinished), filepath.Join(grown, "zz", "x"), filepath.Join(elsewhere, "kept")} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := clearFolder(grown); err != nil || !slices.Equal(list(t, grown), []string{unfinished}) {
		t.Errorf("%v, %v", list(t, grown), err)
	}
	if err := errors.Join(os.RemoveAll(grown), os.Symlink(elsewhere, grown)); err != nil {
		testenv.Lacking(t, "%v", err)
	}
	if err := clearFolder(dir); err != nil || !slices.Equal(list(t, dir), []string{unfinished}) || len(list(t, elsewhere)) != 1 {
		t.Errorf("%v, %v: %v", list(t, dir), list(t, elsewhere), err)
	}
}

// killRestore lets a process restore the beginning of a backup, and kills it once it has taken all
// of that and has written as many files as are wholly in it.
func killRestore(t *testing.T, dir string, begin []byte) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), "CAIRN_RESTORE_CHILD="+dir)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(begin); err != nil {
		t.Fatal(err)
	}
	complete := 0
	read(bytes.NewReader(begin), func(_ *Manifest, _ string, content io.Reader) error {
		_, err := io.Copy(io.Discard, content)
		if err == nil {
			complete++
		}
		return err
	})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for files(filepath.Join(dir+restoring, growing)) < complete || !marked(dir) {
		<-tick.C
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.Wait()
}

// files counts the parts that lie in a folder.
func files(dir string) (n int) {
	for _, p := range parts {
		if _, err := os.Stat(filepath.Join(dir, p.name)); err == nil {
			n++
		}
	}
	return n
}

func marked(dir string) bool {
	_, err := os.Stat(filepath.Join(dir+restoring, unfinished))
	return err == nil
}

// tellsOfRestore holds that dir is told to be a killed restore's, with the command that is to be
// run again, for target.
func tellsOfRestore(t *testing.T, dir, target string) {
	t.Helper()
	if !isThere(filepath.Dir(dir)) || !isThere(dir) && dir != target { // nothing has begun there
		return
	}
	err := UnfinishedRestore(dir)
	if e := api.AsError(err); err == nil || !strings.HasSuffix(api.Typable(e.Hint, "cairn", dir), ": cairn backup restore FILE --dir "+target) {
		t.Errorf("%s: %v", dir, err)
	}
}
