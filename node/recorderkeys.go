package node

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cairn/node/home"
)

// The recorder key of a node changes in three steps, each whole on the disk before the next: the
// key that comes is written beside the one that signs; once the chain has it, the one that signs
// gets a second name, as a former one; then the one that comes takes its place. Whatever is
// interrupted is finished at the next start.

// LoadNodeKey reads the node key in a node's directory.
func LoadNodeKey(dir string) (ed25519.PrivateKey, error) {
	return readKeyFile(filepath.Join(dir, keysDir, home.NodeKeyFile))
}

// NextRecorderKey reads the recorder key that is to follow the one in a node's directory, or draws
// one. there: it is on the disk.
func NextRecorderKey(dir string) (key ed25519.PrivateKey, there bool, err error) {
	key, err = readKeyFile(nextRecorderFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		key, err = NewKey()
		return key, false, err
	}
	return key, err == nil, err
}

// KeepNextRecorderKey writes the recorder key that is to follow. undo takes it back.
func KeepNextRecorderKey(dir string, key ed25519.PrivateKey) (undo func() error, err error) {
	path := nextRecorderFile(dir)
	text, err := encodeKey(key)
	if err == nil {
		err = home.WriteNew(path, text)
	}
	if err == nil {
		err = home.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, fmt.Errorf("keeping the next recorder key: %w", err)
	}
	return func() error { return os.Remove(path) }, nil
}

func nextRecorderFile(dir string) string {
	return filepath.Join(dir, filepath.FromSlash(home.NextRecorderKey))
}

// takeRecorder puts the recorder key in the file from in the place of the one that signs, which
// ended in that block and stays beside it.
func takeRecorder(dir, from string, until uint64) error {
	path := filepath.Join(dir, keysDir, home.RecorderKeyFile)
	if _, err := keepFormer(path, home.OldRecorderPrefix, until); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(from, path), home.SyncDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("taking another recorder key: %w", err)
	}
	return nil
}

// setNextRecorderAside puts the recorder key that was to follow, and ended in that block, beside
// the former ones.
func setNextRecorderAside(dir string, until uint64) error {
	path := nextRecorderFile(dir)
	if _, err := keepFormer(path, home.OldRecorderPrefix, until); err != nil {
		return err
	}
	if err := errors.Join(os.Remove(path), home.SyncDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("setting the next recorder key aside: %w", err)
	}
	return nil
}

// formerRecorder is a recorder key that a node had.
type formerRecorder struct {
	oldKey
	key ed25519.PrivateKey
}

// formerRecorders reads the recorder keys that a node had before now, the oldest first.
func formerRecorders(dir string, now ed25519.PrivateKey) (list []formerRecorder, err error) {
	old, err := oldKeys(dir, home.OldRecorderPrefix)
	if err != nil {
		return nil, err
	}
	for _, o := range old {
		key, err := readKeyFile(o.path)
		if err != nil {
			return nil, err
		}
		if !key.Equal(now) { // else taking the next one was interrupted
			list = append(list, formerRecorder{o, key})
		}
	}
	return list, nil
}
