package chain

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// TestFlippedLogHead flips an octet of what a quick look does not read and Badger does not open: that is damage, which is mended.
func TestFlippedLogHead(t *testing.T) {
	for _, ext := range []string{"*.vlog", "*.mem"} {
		dir := t.TempDir()
		log := slog.New(slog.DiscardHandler)
		db, err := OpenDB(dir, log)
		if err != nil {
			t.Fatal(err)
		}
		if err := CloseDB(db); err != nil {
			t.Fatal(err)
		}
		list, _ := filepath.Glob(filepath.Join(dir, ext))
		for _, path := range list {
			b, err := os.ReadFile(path)
			if err != nil || len(b) < 20 {
				t.Fatal(err, len(b))
			}
			b[0] ^= 4
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := OpenDB(dir, log)
			if err == nil {
				CloseDB(db)
				t.Log("opened", path)
			} else if !IsDamaged(err) {
				t.Errorf("%s: not known as damage: %v", path, err)
			}
		}
	}
}
