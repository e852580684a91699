package intact

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// NoteName is the file in a database's folder that says how it was left. It may be deleted: then
// all is read at the next start.
const NoteName = "CAIRN-STATE"

// lockName is a file that Badger has in the folder while it is open.
const lockName = "LOCK"

// noteVersion: a note of another one counts as none.
const noteVersion = 1

// States of a database, in their order.
const (
	stateOpening = "opening" // looked at, and given to Badger
	stateOpen    = "open"    // Badger has opened it
	stateClosing = "closing" // being closed: the last .mem may be gone
	stateClosed  = "closed"  // closed without error
)

// note is what NoteName holds, as JSON.
type note struct {
	Version   int          `json:"version"`
	State     string       `json:"state"`
	MemLog    int64        `json:"mem_log,omitempty"`    // Shape.MemLog, while open
	FirstFull uint64       `json:"first_full,omitempty"` // Shape.FirstFull, while open
	Suspect   bool         `json:"suspect,omitempty"`    // not to be noted as closed: something in it was seen to be damaged
	Files     []fileRecord `json:"files,omitempty"`      // when closed: all but the note and DISCARD, by name
}

// fileRecord is a file as it was when the database was closed.
type fileRecord struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	Sum  uint32 `json:"crc32c,omitempty"` // of MANIFEST
}

// readNote gives an empty note if there is none that can be read.
func readNote(dir fs.FS) (n note) {
	b, err := fs.ReadFile(dir, NoteName)
	if err != nil || json.Unmarshal(b, &n) != nil || n.Version != noteVersion {
		return note{}
	}
	return n
}

// records lists the files of a folder.
func records(dir fs.FS) (list []fileRecord, err error) {
	entries, err := fs.ReadDir(dir, ".")
	for _, e := range entries {
		if name := e.Name(); name == NoteName || name == NoteName+".new" || name == newLogName || name == "DISCARD" || name == lockName || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		r := fileRecord{Name: e.Name(), Size: info.Size()}
		if r.Name == manifestName {
			b, err := fs.ReadFile(dir, r.Name)
			if err != nil {
				return nil, err
			}
			r.Sum = sum(b)
		}
		list = append(list, r)
	}
	return list, err
}

// differs names the first file that is not as it was noted, "" if none.
func (n note) differs(now []fileRecord) string {
	was := map[string]fileRecord{}
	for _, r := range n.Files {
		was[r.Name] = r
	}
	for _, r := range now {
		if was[r.Name] != r {
			return r.Name
		}
		delete(was, r.Name)
	}
	for name := range was {
		return name
	}
	return ""
}

// write puts a note in place of the one before, so that after a crash it is one of the two, and
// whole.
func (n note) write(dir string) error {
	n.Version = noteVersion
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, NoteName)
	if err := writeSynced(path+".new", append(b, '\n')); err != nil {
		return fmt.Errorf("noting the state of a database: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("noting the state of a database: %w", err)
	}
	return syncDir(dir)
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
