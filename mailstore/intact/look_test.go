package intact

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// TestSound looks at stores that are well, closed or not, and opens them.
func TestSound(t *testing.T) {
	for _, compression := range []options.CompressionType{options.None, options.Snappy} {
		clean, unclean, m := stores(t, compression)
		for _, dir := range []string{clean, unclean} {
			entries, _ := os.ReadDir(dir)
			var names []string
			for _, e := range entries {
				names = append(names, e.Name())
			}
			t.Log(compression, strings.Join(names, " "))
			if err := Look(os.DirFS(dir), Shape{MemLog: 2 * testMemTable}); err != nil {
				t.Errorf("whole look: %v", err)
			}
			if err := LookQuickly(os.DirFS(dir)); err != nil {
				t.Errorf("quick look: %v", err)
			}
			o := testOptions(dir)
			o.Compression = compression
			db, err := openTest(dir, o)
			if err != nil {
				t.Errorf("opening: %v", err)
				continue
			}
			if wrong := m.wrong(db, false); wrong != "" {
				t.Error(wrong)
			}
			if err := Close(dir, db, nil); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestEmpty takes a folder without a database for good.
func TestEmpty(t *testing.T) {
	dir := t.TempDir()
	if err := Before(filepath.Join(dir, "none"), AllValues); err != nil {
		t.Error(err)
	}
	for range 2 {
		db, err := openTest(dir, testOptions(dir))
		if err != nil {
			t.Fatal(err)
		}
		if err := Close(dir, db, nil); err != nil {
			t.Fatal(err)
		}
	}
	db, err := openTest(dir, testOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := openTest(dir, testOptions(dir)); err == nil || !strings.Contains(err.Error(), "Another process is using this Badger database") {
		t.Errorf("opened a second time: %v", err)
	}
	if n := readNote(os.DirFS(dir)); n.State != stateOpen {
		t.Errorf("the note says %q", n.State)
	}
}

// TestPanic makes an error of a panic while opening.
func TestPanic(t *testing.T) {
	_, err := Open(t.TempDir(), AllValues, testMemTable, func() (*badger.DB, error) { panic("Assert failed") })
	if !IsFault(err) {
		t.Error(err)
	}
}
