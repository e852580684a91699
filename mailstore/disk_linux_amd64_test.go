package mailstore_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
)

// disk is what is known of the files in a folder and in those within as a disk has them: what was
// synced is there; of what was not, each page of 4 KiB may be. Names and sizes are as a file system
// with a journal keeps them: all that was before a sync, and what came since as a whole or not at
// all.
type disk struct {
	dir     string
	files   map[string]*stored // by path within the folder, now
	durable map[string]stored  // by path, at the last sync of anything
}

// stored is one file.
type stored struct {
	inode uint64
	size  int64
	data  []byte // as it was synced last; shared, never changed
}

const diskPage = 4 << 10

func newDisk(dir string) (*disk, error) {
	d := &disk{dir: dir, files: map[string]*stored{}}
	if err := d.list(false); err != nil {
		return nil, err
	}
	for name, f := range d.files { // all of it is from before
		var err error
		if f.data, err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	d.settle()
	return d, nil
}

// list looks at names and sizes. renamed: a file may have another name than it had, and is known by
// its inode; else a number that was seen under another name is one that is used again.
func (d *disk) list(renamed bool) error {
	was := d.files
	d.files = map[string]*stored{}
	return filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		var info fs.FileInfo
		if err == nil && !e.IsDir() {
			info, err = e.Info()
		}
		if err != nil || info == nil {
			return gone(err)
		}
		name, err := filepath.Rel(d.dir, path)
		if err != nil {
			return err
		}
		f := &stored{inode: info.Sys().(*syscall.Stat_t).Ino, size: info.Size()}
		for before, old := range was {
			if old.inode == f.inode && (renamed || before == name) {
				f.data = old.data
			}
		}
		d.files[name] = f
		return nil
	})
}

// gone is no error of a file that has been removed meanwhile.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// sync notes that a file, or a folder, is about to be synced.
func (d *disk) sync(path string) (err error) {
	name, err := filepath.Rel(d.dir, path)
	if f := d.files[name]; err == nil && f != nil {
		f.data, err = os.ReadFile(path)
	}
	d.settle()
	return gone(err)
}

func (d *disk) settle() {
	d.durable = map[string]stored{}
	for name, f := range d.files {
		d.durable[name] = *f
	}
}

// cut writes to a folder what may be on the disk when the power goes, while nobody writes.
func (d *disk) cut(to string, r *rand.Rand) error {
	names := map[string]stored{}
	for name, f := range d.files {
		names[name] = *f
	}
	if r.IntN(3) == 0 {
		names = d.durable
	}
	share := []int{0, 50, 95, 100}[r.IntN(4)] // of pages that were written, in percent
	for name, f := range names {
		var now []byte
		if here := d.files[name]; here != nil && here.inode == f.inode {
			var err error
			if now, err = os.ReadFile(filepath.Join(d.dir, name)); err != nil {
				return err
			}
		}
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := writeSparse(path, mixed(f, now, share, r)); err != nil {
			return err
		}
	}
	return nil
}

// mixed takes each page as it was synced or as it is now.
func mixed(f stored, now []byte, share int, r *rand.Rand) []byte {
	b := make([]byte, f.size)
	copy(b, f.data)
	for at := 0; at < len(b) && at < len(now); at += diskPage {
		end := min(at+diskPage, len(b), len(now))
		if !bytes.Equal(b[at:end], now[at:end]) && r.IntN(100) < share {
			copy(b[at:end], now[at:end])
		}
	}
	return b
}

func writeSparse(path string, b []byte) error {
	if err := os.WriteFile(path, bytes.TrimRight(b, "\x00"), 0o600); err != nil {
		return err
	}
	return os.Truncate(path, int64(len(b)))
}
