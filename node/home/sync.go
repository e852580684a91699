package home

import (
	"errors"
	"os"
)

// WriteNew writes a file that must not exist yet, and syncs it.
func WriteNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil { // else the same command would find it there
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// SyncDir makes durable which names are in a folder.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
