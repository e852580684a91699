package chain

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"cairn/consensus/chain/chaintest"
)

// TestFlippedLogHead flips an octet of what a quick look does not read and Badger does not open:
// that is damage, which is mended. Of a database that was closed that is a value log, of one that
// was not also a table in memory.
func TestFlippedLogHead(t *testing.T) {
	const height = 10
	net := chaintest.New(2)
	dir := filepath.Join(t.TempDir(), "chain")
	m, shut := open(t, net, dir)
	blocks, _ := net.Chain(m.State(), height)
	mustAdd(t, m, Extended, blocks...)
	killed := filepath.Join(t.TempDir(), "killed")
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	shut()
	for _, tt := range []struct{ of, ext string }{{dir, "*.vlog"}, {killed, "*.vlog"}, {killed, "*.mem"}} {
		list, err := filepath.Glob(filepath.Join(tt.of, tt.ext))
		if err != nil || len(list) == 0 {
			t.Fatalf("%s: no %s, %v", tt.of, tt.ext, err)
		}
		for _, path := range list {
			flipped := filepath.Join(t.TempDir(), "flipped")
			if err := os.CopyFS(flipped, os.DirFS(tt.of)); err != nil {
				t.Fatal(err)
			}
			about := filepath.Join(filepath.Base(tt.of), filepath.Base(path))
			flipHead(t, filepath.Join(flipped, filepath.Base(path)))
			if db, err := OpenDB(flipped, slog.New(slog.DiscardHandler)); err == nil {
				CloseDB(db)
				t.Errorf("%s: opened", about)
			} else if !IsDamaged(err) {
				t.Errorf("%s: not known as damage: %v", about, err)
			}
			if _, found := rescuedFrom(t, net, flipped); found.Has != height {
				t.Errorf("%s: %+v, want all %d blocks again", about, found, height)
			}
		}
	}
}

func flipHead(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || len(b) < 20 {
		t.Fatal(err, len(b))
	}
	b[0] ^= 4
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
