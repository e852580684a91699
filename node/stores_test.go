package node

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cairn/node/api"
	"cairn/node/home"
)

// A store of which Badger would lose something in silence is refused, with the
// folder, the file and the cure, and nothing in it is changed.
func TestDamagedStores(t *testing.T) {
	whole, _ := founder(t, "alpha", "alpha.test")
	quiet(t, whole, nil)
	n, err := Open(t.Context(), whole, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	for folder, cure := range map[string]string{
		home.MailDir: "restore a backup",
	} {
		t.Run(folder, func(t *testing.T) {
			dir := filepath.Join(shortDir(t), "node")
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			tables, err := filepath.Glob(filepath.Join(dir, folder, "*.sst"))
			if err != nil || len(tables) == 0 {
				t.Fatalf("tables %v, %v", tables, err)
			}
			path := filepath.Join(dir, folder, "MANIFEST")
			if err := os.Truncate(path, 16); err != nil { // only what a new one has: Badger opens it, and deletes all tables
				t.Fatal(err)
			}
			before := filesIn(t, filepath.Join(dir, folder))
			_, err = Open(t.Context(), dir, nil)
			e := api.AsError(err)
			if err == nil || e.ExitCode() != 1 || !strings.Contains(e.Message, "opening "+filepath.Join(dir, folder)+": it is damaged: MANIFEST does not name ") {
				t.Fatalf("opened with %v", err)
			}
			if !strings.Contains(e.Hint, cure) {
				t.Errorf("the hint is %q", e.Hint)
			}
			if after := filesIn(t, filepath.Join(dir, folder)); !slices.Equal(before, after) {
				t.Errorf("files before %v, after %v", before, after)
			}
		})
	}
}

func filesIn(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}
