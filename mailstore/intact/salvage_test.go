package intact

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"cairn/mailstore/testenv"
)

// everything salvages a store: the values that were found under each key.
func everything(t *testing.T, dir string) (found map[string][][]byte, damaged []string) {
	t.Helper()
	found = map[string][][]byte{}
	places := map[string]Place{}
	damaged, err := Salvage(os.DirFS(dir), func(f Found) error {
		found[string(f.Key)] = append(found[string(f.Key)], bytes.Clone(f.Value))
		places[string(f.Key)] = f.Place
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key, p := range places {
		if value, err := Again(os.DirFS(dir), p); err != nil || !has(found[key], value) {
			t.Fatalf("%s at %v is read again as %.20q, %v", key, p, value, err)
		}
	}
	return found, damaged
}

func has(values [][]byte, value []byte) bool {
	return slices.ContainsFunc(values, func(v []byte) bool { return bytes.Equal(v, value) })
}

// Of a sound store all values are found; of one with a damaged file nothing that was never written,
// and all that is in other files.
func TestSalvage(t *testing.T) {
	cases := 4
	if testenv.CI() {
		cases = 15
	}
	for _, compression := range []options.CompressionType{options.None, options.Snappy} {
		clean, unclean, m := stores(t, compression)
		for _, from := range []string{clean, unclean} {
			whole, damaged := everything(t, from)
			for key, value := range m.now {
				if value != nil && from == clean && !has(whole[key], value) {
					t.Fatalf("%s: %s is not found", from, key)
				}
			}
			if len(damaged) > 0 {
				t.Errorf("damaged: %v", damaged)
			}
			for i := range cases {
				dir := filepath.Join(t.TempDir(), "db")
				copyFolder(t, dir, from)
				name, what := damage(t, dir, rand.New(rand.NewPCG(uint64(i), 7)))
				about := fmt.Sprintf("case %d: %s %s", i, name, what)
				left, _ := everything(t, dir)
				for key, values := range left {
					for _, v := range values {
						if !has(whole[key], v) {
							t.Errorf("%s: %s has a value that was never written", about, key)
						}
					}
				}
				os.RemoveAll(dir)
			}
		}
	}
}

// Behind a damaged entry of a log, and behind a damaged block of a table, it goes on.
func TestSalvageGoesOn(t *testing.T) {
	for _, ext := range []string{".sst", ".vlog", ".mem"} {
		_, dir, _ := stores(t, options.None)
		whole, _ := everything(t, dir)
		files, err := filepath.Glob(filepath.Join(dir, "*"+ext))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		name := filepath.Base(files[0])
		edit(t, dir, name, func(b []byte) []byte {
			b[60] ^= 1
			return b
		})
		left, damaged := everything(t, dir)
		if !slices.Equal(damaged, []string{name}) {
			t.Errorf("damaged: %v, want %s", damaged, name)
		}
		if len(left) < len(whole)/2 {
			t.Errorf("%s: %d keys of %d are left", name, len(left), len(whole))
		}
	}
}

// badSector is a folder in which one sector of a file cannot be read.
type badSector struct {
	fs.FS
	name string
	at   int64
}

type badFile struct {
	*os.File
	at int64
}

func (d badSector) Open(name string) (fs.File, error) {
	f, err := d.FS.Open(name)
	if err != nil || name != d.name {
		return f, err
	}
	return badFile{f.(*os.File), d.at}, nil
}

func (f badFile) ReadAt(b []byte, at int64) (int, error) {
	if at < f.at+512 && at+int64(len(b)) > f.at {
		return 0, syscall.EIO
	}
	return f.File.ReadAt(b, at)
}

// A sector that the disk does not give costs what stands in it, a file that cannot be opened what
// stands in that.
func TestSalvagePastBadSectors(t *testing.T) {
	_, dir, _ := stores(t, options.None)
	whole, _ := everything(t, dir)
	for _, ext := range []string{".sst", ".vlog", ".mem"} {
		files, err := filepath.Glob(filepath.Join(dir, "*"+ext))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		name := filepath.Base(files[0])
		var places []Place
		left := map[string]bool{}
		damaged, err := Salvage(badSector{os.DirFS(dir), name, 1024}, func(f Found) error {
			left[string(f.Key)] = true
			places = append(places, f.Place)
			return nil
		})
		if err != nil || !slices.Equal(damaged, []string{name}) {
			t.Errorf("%s: damaged are %v, %v", name, damaged, err)
		}
		if len(left) < len(whole)/2 {
			t.Errorf("%s: %d keys of %d are left", name, len(left), len(whole))
		}
		for _, p := range places {
			if p.File != name {
				continue
			}
			if _, err := Again(badSector{os.DirFS(dir), name, p.offset}, p); !IsFault(err) {
				t.Errorf("%v: read again: %v", p, err)
			}
			break
		}
	}
	if err := os.Symlink(filepath.Join(dir, "none"), filepath.Join(dir, "000000.sst")); err != nil {
		t.Fatal(err)
	}
	left, damaged := everything(t, dir)
	if len(left) != len(whole) || !slices.Equal(damaged, []string{"000000.sst"}) {
		t.Errorf("%d keys of %d are left, damaged are %v", len(left), len(whole), damaged)
	}
	stop := errors.New("stop")
	if _, err := Salvage(os.DirFS(dir), func(Found) error { return stop }); err != stop {
		t.Errorf("the error of the caller is %v", err)
	}
}

// What is cleared is an empty database, and what else lies in the folder stays.
func TestClear(t *testing.T) {
	dir, _, _ := stores(t, options.None)
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Clear(dir); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Fatal(left, err)
	}
	db, err := openTest(dir, testOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		if it.Rewind(); it.Valid() {
			t.Error("not empty")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// FuzzSalvage: what is found in a log is found again at its place.
func FuzzSalvage(f *testing.F) {
	seeds(f, ".vlog")
	f.Fuzz(func(t *testing.T, b []byte) {
		log := &file{ReaderAt: bytes.NewReader(b), faults: "000001.vlog", size: int64(len(b))}
		_, err := eachSound(log, func(e Found) error {
			key, value, err := log.logEntry(extent{e.Place.offset, e.Place.size})
			if err != nil || !bytes.Equal(key, e.Key) || !bytes.Equal(value, e.Value) {
				t.Errorf("%q = %q, again %q = %q, %v", e.Key, e.Value, key, value, err)
			}
			return nil
		})
		if err != nil && !IsFault(err) {
			t.Error(err)
		}
	})
}

// TestSalvageWithoutIndex: the blocks of a table of which the index or the footer is damaged or cut
// off are found all the same, as are those behind a damaged block then.
func TestSalvageWithoutIndex(t *testing.T) {
	for name, spoil := range map[string]func(b []byte, index int) []byte{
		"footer":          func(b []byte, _ int) []byte { b[len(b)-1] ^= 1; return b },
		"checksum":        func(b []byte, _ int) []byte { b[len(b)-6] ^= 1; return b },
		"index":           func(b []byte, index int) []byte { b[index+20] ^= 1; return b },
		"index is gone":   func(b []byte, index int) []byte { return b[:index] },
		"index and block": func(b []byte, index int) []byte { b[60] ^= 1; return b[:index] },
		"half":            func(b []byte, index int) []byte { return b[:index/2] },
	} {
		t.Run(name, func(t *testing.T) {
			dir, _, _ := stores(t, options.None)
			files, err := filepath.Glob(filepath.Join(dir, "*.sst"))
			if err != nil || len(files) == 0 {
				t.Fatal(files, err)
			}
			f, err := open(os.DirFS(dir), filepath.Base(files[0]))
			if err != nil {
				t.Fatal(err)
			}
			table, err := openTable(f, compressionUnknown)
			if err != nil {
				t.Fatal(err)
			}
			end := table.blocks[len(table.blocks)-1]
			want := table.blocks
			edit(t, dir, filepath.Base(files[0]), func(b []byte) []byte {
				was := b[60]
				b = spoil(b, int(end.offset+end.size))
				want = slices.DeleteFunc(want, func(e extent) bool { return e.offset+e.size > int64(len(b)) || e.offset == 0 && b[60] != was })
				return b
			})
			f.close()
			if f, err = open(os.DirFS(dir), filepath.Base(files[0])); err != nil {
				t.Fatal(err)
			}
			defer f.close()
			found, err := unindexed(f)
			if err != nil || !slices.Equal(found, want) || len(want) < 10 {
				t.Errorf("%d blocks of %d, %v", len(found), len(want), err)
			}
			left, damaged := everything(t, dir)
			if len(left) == 0 || !slices.Equal(damaged, []string{filepath.Base(files[0])}) {
				t.Errorf("%d keys, damaged: %v", len(left), damaged)
			}
		})
	}
}
